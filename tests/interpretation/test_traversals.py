"""Shares of variance against construction, and codes that move in one direction."""

from __future__ import annotations

import numpy as np
import pytest

from multimodal_study.interpretation import traversals as tr
from multimodal_study.metrics.bootstrap import Resampling

RESAMPLING = Resampling(200, seed=1)


def test_one_latent_moves_and_the_rest_stays() -> None:
    start = np.array([0.5, -1.0, 2.0])
    codes = tr.traverse(start, [2, 0], np.array([-1.0, 3.0]))
    assert codes.tolist() == [
        [[0.5, -1.0, -1.0], [0.5, -1.0, 3.0]],
        [[-1.0, -1.0, 2.0], [3.0, -1.0, 2.0]],
    ]


def test_a_factor_that_fixes_a_latent_explains_all_of_it() -> None:
    factor = np.arange(60) % 3
    found = tr.explained_share(factor * 2.0, factor, np.arange(60), RESAMPLING)
    assert found.value == pytest.approx(1.0) and found.high == pytest.approx(1.0)


def test_the_share_is_the_adjusted_correlation_ratio() -> None:
    random = np.random.default_rng(0)
    factor = random.integers(0, 4, 400)
    code = factor + random.normal(0, 1.0, 400)
    means = np.array([code[factor == value].mean() for value in range(4)])
    within = ((code - means[factor]) ** 2).sum() / (400 - 4)
    found = tr.explained_share(code, factor, np.arange(400), RESAMPLING)
    assert found.value == pytest.approx(1 - within / code.var(ddof=1))
    assert found.low < found.value < found.high < 1


def test_independent_factors_explain_nothing_on_average_however_many_values_they_have() -> None:
    random = np.random.default_rng(1)
    shares = [
        tr.explained_share(random.normal(size=50), random.integers(0, 10, 50), np.arange(50)).value
        for _ in range(400)
    ]
    assert abs(np.mean(shares)) < 4 * np.std(shares) / 20


def test_clusters_widen_the_interval() -> None:
    random = np.random.default_rng(2)
    factor = random.integers(0, 3, 40)
    code = factor + random.normal(0, 1.0, 40)
    rows = np.repeat(np.arange(40), 5)
    alone = tr.explained_share(code[rows], factor[rows], np.arange(200), RESAMPLING)
    grouped = tr.explained_share(code[rows], factor[rows], rows, RESAMPLING)
    assert grouped.value == alone.value
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_nothing_is_said_of_few_rows_or_one_value() -> None:
    code = np.random.default_rng(3).normal(size=30)
    for size, factor in ((19, np.arange(19) % 2), (30, np.zeros(30)), (30, np.arange(30) % 2)):
        found = tr.explained_share(code[:size], factor, np.arange(size))
        assert np.isnan(found.value) == (size < 20 or len(np.unique(factor)) < 2)


def test_words_that_rise_most() -> None:
    low, high = np.array([0.5, 0.3, 0.2, 0.0]), np.array([0.2, 0.3, 0.4, 0.1])
    assert tr.risen(low, high, ["a", "b", "c", "d"], 3) == ["d", "c"]
