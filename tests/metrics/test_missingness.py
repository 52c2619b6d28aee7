from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import auc

from multimodal_study.metrics.missingness import (
    area,
    expected_statistics,
    loss_probabilities,
    subset_probabilities,
)

SCORES = arrays(np.float64, 40, elements=st.floats(-1e3, 1e3))


@given(SCORES, st.floats(0, 1), st.floats(-4, 4))
def test_losses_are_probabilities_with_the_asked_mean(score, rate, dependence):
    found = loss_probabilities(score, rate, dependence)
    assert found.min() >= 0 and found.max() <= 1
    assert found.mean() == pytest.approx(rate, abs=1e-6)


def test_higher_scores_lose_more_by_the_asked_odds():
    score = np.random.default_rng(0).normal(size=200)
    found = loss_probabilities(score, 0.3, 2.0)
    assert np.array_equal(np.argsort(found), np.argsort(score))
    odds = np.log(found / (1 - found))
    slope = np.polyfit((score - score.mean()) / score.std(), odds, 1)[0]
    assert slope == pytest.approx(2.0)
    assert loss_probabilities(score, 0.3, 0.0).tolist() == [0.3] * 200
    assert loss_probabilities(np.ones(5), 0.4, 2.0).tolist() == [0.4] * 5
    with pytest.raises(ValueError, match="expected 0 to 1"):
        loss_probabilities(score, 1.2, 0.0)


@given(st.integers(1, 4), st.integers(0, 99))
def test_subsets_share_all_of_the_probability(count, seed):
    random = np.random.default_rng(seed)
    losses = {name: random.random(6) for name in "abcd"[:count]}
    found = subset_probabilities(losses)
    assert len(found) == 2**count
    assert np.sum(list(found.values()), axis=0) == pytest.approx(np.ones(6))
    kept = sum(p for left, p in found.items() if "a" in left)
    assert kept == pytest.approx(1 - losses["a"])


def test_the_expectation_is_what_draws_give_on_average():
    random = np.random.default_rng(4)
    loss = random.random(30)
    whole, gone = random.integers(0, 2, (2, 30)).astype(float)
    keys = frozenset("ab"), frozenset("b")
    chance = subset_probabilities({"a": loss})
    chance = {left | {"b"}: p for left, p in chance.items()}
    statistics = {keys[0]: whole[:, None], keys[1]: gone[:, None]}
    found = expected_statistics(statistics, chance).mean()
    lost = random.random((20000, 30)) < loss
    assert found == pytest.approx(np.where(lost, gone, whole).mean(), abs=0.005)


@given(arrays(np.float64, 5, elements=st.floats(-9, 9)))
def test_the_area_is_scikit_learns_over_the_range(values):
    places = np.array([0.0, 0.25, 0.5, 1.0, 2.0])
    assert float(area(places, values)) == pytest.approx(auc(places, values) / 2.0)


def test_a_flat_curve_has_its_height_and_wrong_severities_are_refused():
    assert float(area(np.array([0.0, 3.0, 4.0]), np.full(3, 0.7))) == pytest.approx(0.7)
    for wrong in ([0.0], [0.0, 0.0], [1.0, 0.0]):
        with pytest.raises(ValueError, match="rising"):
            area(np.array(wrong), np.zeros(len(wrong)))
