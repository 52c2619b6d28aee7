"""Purity and silhouette against hand values; a verdict for random, perfect and unlike spaces."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multimodal_study.errors import InputError
from multimodal_study.interpretation import neighbourhoods as near
from multimodal_study.metrics.bootstrap import Resampling
from multimodal_study.pipelines.interpretation.nodes import (
    ABOVE,
    BELOW,
    NOISE,
    STRUCTURE,
    latent_structure,
)

CHOSEN = {"neighbours": 5, "examples": 2000}
EVALUATION = {"bootstrap": 500, "seed": 1}


def directions(*degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_purity_and_chance_are_what_one_counts_by_hand() -> None:
    vectors, labels = directions(0, 10, 25, 90), np.array([0, 0, 1, 1])
    assert near.neighbour_purity(vectors, labels, 1).tolist() == [1.0, 1.0, 0.0, 1.0]
    assert near.neighbour_purity(3 * vectors, labels, 9) == pytest.approx([1 / 3] * 4)
    assert near.chance_purity(np.array([0, 0, 0, 1])) == pytest.approx([2 / 3] * 3 + [0])
    assert np.isnan(near.neighbour_purity(vectors[:1], labels[:1], 3)).all()
    assert np.isnan(near.chance_purity(labels[:1])).all()


def test_silhouette_is_the_published_formula() -> None:
    vectors, labels = directions(0, 60, 90, 180), np.array([0, 0, 1, 1])
    # Of the first: a = 1 - cos 60, b = mean(1 - cos 90, 1 - cos 180) = 1.5.
    assert near.silhouette(vectors, labels)[0] == pytest.approx((1.5 - 0.5) / 1.5)
    assert np.isnan(near.silhouette(vectors, np.zeros(4))).all()
    assert np.isnan(near.silhouette(vectors, np.arange(4))).all()


def test_an_interval_resamples_clusters_and_not_examples() -> None:
    rng = np.random.default_rng(0)
    own = rng.standard_normal(40)
    values, cluster = np.repeat(own, 25), np.repeat(np.arange(40), 25)
    found = near.clustered_mean(values, cluster, Resampling(2000))
    assert found.value == pytest.approx(own.mean())
    expected = 2 * 1.96 * own.std() / np.sqrt(40)
    assert found.high - found.low == pytest.approx(expected, rel=0.1)
    with_gaps = near.clustered_mean(np.append(values, np.nan), np.append(cluster, 99), Resampling())
    assert with_gaps.value == pytest.approx(found.value)


def test_a_perfect_space_a_random_one_and_one_against_the_classes(tiny_features) -> None:
    features = tiny_features("binary", 500)
    rows = features.rows("test")[::-1]
    labels = features.examples["target"].to_numpy()[rows]
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((len(rows), 8))
    opposed = np.zeros((len(rows), len(rows)))
    own, other = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    for place, (first, second) in enumerate(zip(own, other, strict=False)):
        opposed[[first, second], place] = 1.0
    spaces = {
        "perfect": np.eye(2)[labels] + 0.01 * noise[:, :2],
        "random": noise,
        "opposed": opposed[:, : min(len(own), len(other))] + 1e-6,
    }
    saved = {name: {"rows": rows, "0/joint": v, "1/joint": v} for name, v in spaces.items()}
    chosen = {**CHOSEN, "neighbours": 1}
    found = latent_structure(features, saved, chosen, EVALUATION).set_index("paradigm")
    assert list(found.reset_index().columns) == STRUCTURE
    assert found.loc["perfect", "purity"] == 1.0
    assert found.loc["perfect", "silhouette"] > 0.9
    assert found["verdict"].to_dict() == {
        "features": ABOVE,
        "perfect": ABOVE,
        "random": NOISE,
        "opposed": BELOW,
    }
    assert found.loc["perfect", "seeds"] == 2


def test_a_regression_has_no_classes_to_lie_together(tiny_features) -> None:
    found = latent_structure(tiny_features("regression"), {}, CHOSEN, EVALUATION)
    assert isinstance(found, pd.DataFrame)
    assert found.empty


@pytest.mark.parametrize(("name", "value"), [("neighbours", 0), ("examples", 9.5)])
def test_a_parameter_out_of_range_is_named(tiny_features, name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"interpretation\.{name} is {value}"):
        latent_structure(tiny_features(), {}, {**CHOSEN, name: value}, EVALUATION)
