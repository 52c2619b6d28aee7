"""Candidates of every query, and their scores, in the file that the evaluation reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multimodal_study import matching
from multimodal_study.data.batches import FeatureBatches
from multimodal_study.data.gallery import gallery_of, saved_matches
from multimodal_study.models.early import EarlyFusion
from multimodal_study.models.vilbert import Config, Vilbert
from multimodal_study.seeds import cell_of, fit_seeds, predict_seeds
from multimodal_study.training import TrainerConfig
from tiny_pairs import config, paired


def cell(features: Any, folder: Path, **changes: Any) -> Any:
    trainer = TrainerConfig(
        seeds=1,
        max_epochs=1,
        patience=1,
        batch_size=8,
        gradient_clip=1.0,
        precision="auto",
        device="cpu",
        checkpoints=str(folder),
    )
    return cell_of(Vilbert, Config(**config(**changes)), trainer, features)


@pytest.mark.parametrize("candidates", [3, 1000])
def test_a_cell_saves_the_scores_of_its_candidates(tmp_path: Path, candidates: int) -> None:
    features = paired()
    made = cell(features, tmp_path, candidates=candidates)
    weights, _, _ = fit_seeds(made, 7)
    _, embeddings, _ = predict_seeds(made, weights)
    state = {name[2:]: torch.from_numpy(array) for name, array in weights.items()}
    network = Vilbert.rebuild(made.config, features.modalities, features.task, state)
    for split in ("validation", "test"):
        gallery = gallery_of(features, split)
        n, k = len(gallery), min(candidates, len(gallery))
        order = np.argsort(embeddings["rows"])
        place = order[np.searchsorted(embeddings["rows"][order], gallery.rows)]
        batch = FeatureBatches(features, gallery.rows, n).gather(gallery.rows)
        for query, other in (("text", "image"), ("image", "text")):
            saved = saved_matches(embeddings, 7, split, query, other)
            assert saved is not None
            found, scores = saved
            assert found.shape == scores.shape == (n, k)
            similarity = embeddings[f"7/{query}"][place] @ embeddings[f"7/{other}"][place].T
            best = -np.sort(-similarity, axis=1)[:, :k]
            picked = np.take_along_axis(similarity, found, 1)
            np.testing.assert_allclose(picked, best, atol=1e-6)
            with torch.inference_mode():
                sides = network.sides(batch)
                row = torch.arange(n)[:, None].expand(n, k).reshape(-1)
                index = {query: row, other: torch.from_numpy(found).reshape(-1)}
                pairs = {o: tuple(part[i] for part in sides[o]) for o, i in index.items()}
                expected = network.match(pairs).reshape(n, k).numpy()
            np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_nothing_is_matched_without_a_pair_or_a_wish(tmp_path: Path) -> None:
    features = paired()
    for changes in ({"candidates": 0}, {"matching": 0.0}):
        made = cell(features, tmp_path, **changes)
        weights, _, _ = fit_seeds(made, 7)
        _, embeddings, _ = predict_seeds(made, weights)
        assert {name.split("/")[-1] for name in embeddings} == {"rows", "joint", "text", "image"}
    text = features.select(["tokens"])
    made = cell(text, tmp_path)
    weights, _, _ = fit_seeds(made, 7)
    _, embeddings, _ = predict_seeds(made, weights)
    assert not [name for name in embeddings if "match" in name]
    assert EarlyFusion.match_candidates.fget(object()) == 0  # type: ignore[attr-defined]


def test_nearest_breaks_ties_by_position_whatever_the_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    queries = rng.integers(-1, 2, (17, 3)).astype(np.float32)
    gallery = rng.integers(-1, 2, (17, 3)).astype(np.float32)
    table = queries @ gallery.T
    expected = np.argsort(-table, axis=1, kind="stable")
    np.testing.assert_array_equal(matching.nearest(queries, gallery, 17), expected)
    few = matching.nearest(queries, gallery, 4)
    np.testing.assert_array_equal(
        np.take_along_axis(table, few, 1), np.take_along_axis(table, expected[:, :4], 1)
    )
    monkeypatch.setattr(matching, "_QUERIES_TOGETHER", 5)
    np.testing.assert_array_equal(matching.nearest(queries, gallery, 4), few)
