"""Maps of joint representations: what is near stays near, whatever the input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from multimodal_study.errors import InputError
from multimodal_study.pipelines.interpretation.latent_map import POINTS, latent_map


def embedded(features: Any, space: np.ndarray[Any, Any]) -> dict[str, Any]:
    rows = np.arange(len(features.examples))[::-1]
    return {"rows": rows, "42/joint": space[rows], "43/joint": -space[rows]}


def test_classes_that_lie_apart_are_drawn_apart(tiny_features: Any) -> None:
    features = tiny_features("multiclass", n=200)
    target = features.examples["target"].to_numpy()
    space = np.eye(3)[target].repeat(4, axis=1) * 5
    space = space + np.random.default_rng(0).normal(size=space.shape)
    found = latent_map(features, {"early": embedded(features, space)}, {"map_examples": 30}, 42)
    assert list(found.columns) == POINTS
    assert set(found["projection"]) == {"PCA", "t-SNE"}
    assert set(found["seed"]) == {42}
    assert len(found) == 2 * 30
    test = set(features.examples["example_id"].to_numpy()[features.rows("test")])
    assert set(found["example_id"]) <= test
    known = dict(zip(features.examples["example_id"], target, strict=True))
    names = features.task.classes
    assert all(
        names[known[one]] == label
        for one, label in zip(found["example_id"], found["label"], strict=True)
    )
    for _, own in found.groupby("projection"):
        points, labels = own[["x", "y"]].to_numpy(), own["label"].to_numpy()
        apart = np.linalg.norm(points[:, None] - points[None], axis=2)
        np.fill_diagonal(apart, np.inf)
        assert np.mean(labels[apart.argmin(1)] == labels) > 0.85
        assert own["x"].std(ddof=0) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_map(tiny_features: Any) -> None:
    features = tiny_features("regression", n=80)
    space = np.random.default_rng(1).normal(size=(80, 5))
    made = [
        latent_map(features, {"early": embedded(features, space)}, {"map_examples": 12}, 7)
        for _ in range(2)
    ]
    assert made[0].equals(made[1])
    assert made[0]["label"].dtype == np.float64


def test_degenerate_spaces_and_wrong_parameters(tiny_features: Any) -> None:
    features = tiny_features("binary", n=60)
    nothing = np.zeros((60, 4))
    found = latent_map(features, {"early": embedded(features, nothing)}, {"map_examples": 12}, 0)
    assert np.isfinite(found[["x", "y"]].to_numpy()).all()
    assert latent_map(features, {}, {"map_examples": 12}, 0).empty
    assert latent_map(features, {"a": {"rows": np.arange(60)}}, {"map_examples": 12}, 0).empty
    few = tiny_features("binary", n=20)
    assert latent_map(
        few, {"early": embedded(few, np.zeros((20, 4)))}, {"map_examples": 12}, 0
    ).empty
    for wrong in (9, 501, "many"):
        with pytest.raises(InputError, match="map_examples"):
            latent_map(features, {}, {"map_examples": wrong}, 0)
