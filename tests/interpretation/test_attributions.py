"""Integrated gradients where they are known, and shares of modalities that add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multimodal_study.data.batches import Batch, FeatureBatches
from multimodal_study.errors import InputError
from multimodal_study.interpretation.attributions import integrated_gradients
from multimodal_study.interpretation.scores import target_log_odds
from multimodal_study.models import early
from multimodal_study.pipelines.interpretation.attributions import (
    ATTRIBUTIONS,
    TERMS,
    attributions,
)
from multimodal_study.pipelines.interpretation.networks import Fitted
from multimodal_study.seeds import cell_of, fit_seeds
from multimodal_study.training import TrainerConfig

OPTIONS = {"examples": 8, "steps": 16, "terms": 3}
EVALUATION = {"bootstrap": 100, "seed": 1}
PARAMETERS: dict[str, Any] = {
    "embed_dim": 8, "dropout": 0.0, "words_dropout": 0.0, "modality_dropout": 0.0,
    "learning_rate": 0.01, "weight_decay": 0.0, "label_smoothing": 0.0, "class_weights": "none",
}  # fmt: skip
TRAINER: dict[str, Any] = {
    "seeds": 2, "max_epochs": 2, "patience": 9, "batch_size": 16, "gradient_clip": 1.0,
    "precision": "32", "device": "cpu",
}  # fmt: skip


def two(n: int = 3) -> tuple[Batch, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    inputs = {
        "a": torch.rand((n, 4), generator=generator),
        "s": torch.rand((n, 2, 5), generator=generator),
    }
    baseline = {"a": torch.full((1, 4), 0.5), "s": torch.zeros(1, 1, 5)}
    rows = torch.arange(n)
    present = dict.fromkeys(inputs, torch.ones(n, dtype=torch.bool))
    return Batch(inputs, present, rows, rows, {"s": torch.full((n,), 2)}), baseline


def test_a_linear_score_gets_weight_times_distance() -> None:
    batch, baseline = two()
    w, v = torch.tensor([1.0, -2.0, 0.0, 3.0]), torch.arange(10.0).view(2, 5)

    def score(seen: Batch) -> torch.Tensor:
        assert len(seen.target) == len(seen.inputs["a"]) == len(seen.lengths["s"])
        return seen.inputs["a"] @ w + (seen.inputs["s"] * v).sum((1, 2)) + 7.0

    found = integrated_gradients(score, batch, baseline, 4)
    torch.testing.assert_close(found.parts["a"], (batch.inputs["a"] - 0.5) * w)
    torch.testing.assert_close(found.parts["s"], batch.inputs["s"] * v)
    assert found.missed().abs().max() < 1e-4


def test_a_product_is_shared_and_more_points_miss_less() -> None:
    batch, baseline = two()

    def product(seen: Batch) -> torch.Tensor:
        return torch.exp(2 * seen.inputs["a"][:, 0]) * seen.inputs["s"][:, 0, 0]

    few, many = (integrated_gradients(product, batch, baseline, n).missed() for n in (1, 12))
    assert many.abs().max() < 1e-4 < few.abs().max()
    untouched = integrated_gradients(product, batch, baseline, 4)
    assert not untouched.parts["a"][:, 1:].any() and not untouched.parts["s"][:, 1].any()


@pytest.fixture(scope="module")
def fitted(tiny_features: Any, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fit(tiny_features("multiclass", 80), tmp_path_factory.mktemp("fits"))


def fit(features: Any, folder: Path) -> Fitted:
    trainer = {**TRAINER, "checkpoints": str(folder)}
    cell = cell_of(
        early.EarlyFusion, early.Config(**PARAMETERS), TrainerConfig(**trainer), features
    )
    weights, _, _ = fit_seeds(cell, 1)
    config = {
        "parameters": PARAMETERS, "trainer": trainer, "modalities": list(features.modalities)
    }  # fmt: skip
    return Fitted(lambda: (early.EarlyFusion, early.Config), weights, config, features)


def test_log_odds_are_those_of_the_prediction(fitted: Fitted) -> None:
    network = next(fitted.networks())
    batch = next(iter(FeatureBatches(fitted.features, np.arange(6), 6)))
    p = network.predict(batch)[torch.arange(6), batch.target]
    torch.testing.assert_close(target_log_odds(network)(batch), torch.log(p / (1 - p)))


def test_shares_of_the_modalities_add_up_to_the_answer(fitted: Fitted) -> None:
    found, _ = attributions(fitted.features, {"early": fitted}, OPTIONS, EVALUATION)
    assert list(found.columns) == ATTRIBUTIONS
    rows = found.set_index("part")
    assert set(rows.index) == {"text", "words", "metadata", "all of text"}
    alone = rows.loc[["text", "words", "metadata"]]
    assert alone["share"].sum() == pytest.approx(1.0)
    assert rows.loc["all of text", "share"] == pytest.approx(
        rows.loc[["text", "words"], "share"].sum()
    )
    assert (rows["share_low"] <= rows["share"]).all() and (rows["missed"] < 0.02).all()
    assert (rows["seeds"] == 2).all() and (rows["examples"] == 8).all()


def test_terms_of_a_bag_without_names_are_not_listed(fitted: Fitted) -> None:
    _, terms = attributions(fitted.features, {"early": fitted}, OPTIONS, EVALUATION)
    assert terms.empty and list(terms.columns) == TERMS
    with pytest.raises(InputError, match=r"attributions\.steps is 0"):
        attributions(fitted.features, {}, {**OPTIONS, "steps": 0}, EVALUATION)


def test_the_word_that_decides_speaks_most(fitted: Fitted) -> None:
    from dataclasses import replace

    features = fitted.features
    names = tuple(f"w{k}" for k in range(12))
    words = replace(features.modalities["words"], columns=names)
    named = replace(features, modalities={**features.modalities, "words": words})
    weights = {name: array.copy() for name, array in fitted.weights.items()}
    for seed in (1, 2):
        table = weights[f"{seed}/encoders.encoders.words.project.weight"]
        table[5:] = 0.0
    own = Fitted(fitted.load, weights, fitted.config, named)
    _, terms = attributions(named, {"early": own}, {**OPTIONS, "terms": 12}, EVALUATION)
    assert len(terms) and set(terms["term"]) <= {"w0", "w1", "w2", "w3", "w4"}
    assert (terms["attribution"] > 0).all()
    ordered = terms.groupby("class")["attribution"].is_monotonic_decreasing
    assert ordered.all()


def test_what_a_regression_predicts_is_divided_too(tiny_features: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    features = tiny_features("regression", 80)
    width = features.modalities["words"].width
    named = replace(features.modalities["words"], columns=tuple(f"w{i}" for i in range(width)))
    fitted = fit(replace(features, modalities={**features.modalities, "words": named}), tmp_path)
    table, terms = attributions(fitted.features, {"early": fitted}, OPTIONS, EVALUATION)
    rows = table.set_index("part")
    assert rows.loc[["text", "words", "metadata"], "share"].sum() == pytest.approx(1.0)
    assert (rows["missed"] < 0.02).all()
    signs = {"raises the prediction": 1.0, "lowers the prediction": -1.0}
    assert set(terms["class"]) <= set(signs) and len(terms)
    assert (terms["attribution"] * terms["class"].map(signs) > 0).all()
