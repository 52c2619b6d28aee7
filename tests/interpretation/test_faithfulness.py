"""Deletion, insertion and scrambling where the answer is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from multimodal_study.data.batches import Batch, FeatureBatches
from multimodal_study.interpretation import faithfulness as tests
from multimodal_study.interpretation.scores import log_odds, scrambled, similarity
from multimodal_study.models.early import Config, EarlyFusion
from tiny_garments import batch_of, build, pairs

N, SIDE = 6, 3
CONFIG = Config(
    embed_dim=4, dropout=0.0, words_dropout=0.0, modality_dropout=0.0, learning_rate=0.01,
    weight_decay=0.0, label_smoothing=0.0, class_weights="none",
)  # fmt: skip


class OneCell:
    """The score is 8 where the cell in the middle has 1, and -8 where it has 0."""

    def __call__(self, activations: torch.Tensor, batch: Batch) -> torch.Tensor:
        return 16 * activations[:, 0, 1, 1] - 8


def areas(maps: np.ndarray[Any, Any], steps: int = 9) -> list[float]:
    shown = torch.ones(N, 1, SIDE, SIDE)
    path: Any = OneCell()
    empty: Any = SimpleNamespace()
    place = tests.ranks(maps, 0)
    found = tests.areas_under(path, shown, torch.zeros_like(shown), empty, place, steps)
    return [float(one.mean()) for one in found]


def test_the_map_that_names_the_cell_deletes_and_inserts_best() -> None:
    best, worst = np.zeros((2, N, SIDE, SIDE))
    best[:, 1, 1], worst[:, 1, 1] = 1.0, -1.0
    # The answer changes with the first (last) of nine cells: half a step of the rule is left.
    assert areas(best) == pytest.approx([0.5 / 9, 8.5 / 9], abs=1e-3)
    assert areas(worst) == pytest.approx([8.5 / 9, 0.5 / 9], abs=1e-3)
    assert areas(best, 1) == pytest.approx([0.5, 0.5], abs=1e-3)


def test_ties_come_in_random_order_and_every_cell_has_its_place() -> None:
    flat = np.zeros((400, SIDE, SIDE))
    place = tests.ranks(flat, 0)
    assert (np.sort(place.reshape(400, -1), axis=1) == np.arange(9)).all()
    assert place[:, 1, 1].mean() == pytest.approx(4.0, abs=0.4)
    flat[:, 0, 2] = 1.0
    assert (tests.ranks(flat, 0)[:, 0, 2] == 0).all()


def test_rank_correlation_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, (2, 5, SIDE, SIDE)).astype(float)
    first[4] = 1.0
    found = tests.rank_correlation(first, second)
    expected = [spearmanr(a.ravel(), b.ravel())[0] for a, b in zip(first[:4], second, strict=False)]
    assert found[:4] == pytest.approx(expected)
    assert np.isnan(found[4])


def test_scrambling_keeps_the_moments_and_forgets_the_rest(tiny_features: Any) -> None:
    features = tiny_features("multiclass")
    network = EarlyFusion(CONFIG, features.modalities, features.task)
    network.start(list(FeatureBatches(features, features.rows("train"), 16)))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(1)
    fresh = EarlyFusion(CONFIG, features.modalities, features.task)
    other = scrambled(network, fresh, 0)
    name = "encoders.encoders.text.project"
    assert torch.equal(other.get_buffer(f"{name}.mean"), network.get_buffer(f"{name}.mean"))
    weights = f"{name}.linear.weight"
    assert not torch.equal(other.state_dict()[weights], before[weights])
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_scrambling_shuffles_what_was_learnt_in_closed_form() -> None:
    features = pairs()
    network = build(features)
    other = scrambled(network, build(features), 0)
    tables = {n for n, value in network.named_buffers() if value.ndim > 1 and value.any()}
    assert any(name.endswith("_map") for name in tables)
    for name in tables:
        old, new = network.get_buffer(name), other.get_buffer(name)
        assert not torch.equal(old, new) and torch.equal(
            old.flatten().sort()[0], new.flatten().sort()[0]
        )


def test_log_odds_against_some_classes_by_hand() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    against = torch.tensor([[False, True, False], [True, False, True]])
    network: Any = lambda batch: logits  # noqa: E731
    found = log_odds(network, torch.tensor([0, 1]), against)(SimpleNamespace())  # type: ignore[arg-type]
    assert found.tolist() == pytest.approx([1.0, 3.0 - np.log(1 + np.e)], rel=1e-5)


def test_similarity_is_the_cosine_of_the_embeddings() -> None:
    features = pairs()
    network = build(features).eval()
    batch = batch_of(features)
    found = network.embed(batch)
    expected = (found["image"] * found["text"]).sum(1)
    torch.testing.assert_close(similarity(network, ("image", "text"))(batch), expected)
