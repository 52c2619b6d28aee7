from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, spearmanr

from multimodal_study.errors import InputError
from multimodal_study.metrics.friedman import (
    friedman_nemenyi,
    groups_together,
    rank_blocks,
    rank_correlation,
)

SCORES = np.random.default_rng(8).integers(0, 6, (14, 4)) + np.array([0.0, 1.5, 0.5, 2.0])
"""Fourteen blocks of four treatments, with ties."""


def test_the_statistic_is_that_of_the_formula_with_ties():
    scores = np.floor(SCORES)
    found = friedman_nemenyi(scores, 0.05)
    ranks = rank_blocks(scores)
    n, k = ranks.shape
    assert found.ranks == pytest.approx(ranks.mean(axis=0))
    # Conover (1999), equation 5.8.6: exact for ties too.
    spread = np.square(ranks).sum() - n * k * (k + 1) ** 2 / 4
    by_hand = (k - 1) * np.square(ranks.sum(axis=0) - n * (k + 1) / 2).sum() / spread
    assert len(np.unique(ranks)) > k
    assert found.statistic == pytest.approx(by_hand)
    assert found.p_value == pytest.approx(chi2.sf(by_hand, k - 1))


@pytest.mark.parametrize(("level", "q"), [(0.05, 2.569), (0.10, 2.291)])
def test_the_critical_difference_is_that_of_the_published_table(level, q):
    # Demsar (2006), table 5(a), four classifiers.
    found = friedman_nemenyi(SCORES, level)
    assert found.critical_difference == pytest.approx(q * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)


@pytest.mark.parametrize("level", [0.05, 0.1, 0.5])
def test_a_pair_differs_where_its_ranks_are_a_critical_difference_apart(level):
    found = friedman_nemenyi(SCORES, level)
    apart = np.abs(found.ranks[:, None] - found.ranks)
    off = ~np.eye(4, dtype=bool)
    assert np.array_equal((found.pairs < level)[off], (apart > found.critical_difference)[off])
    assert np.array_equal(found.pairs, found.pairs.T)
    assert (np.diag(found.pairs) == 1).all()


def test_one_that_always_wins_and_random_ones():
    random = np.random.default_rng(0)
    scores = random.normal(size=(40, 4))
    assert friedman_nemenyi(scores, 0.05).p_value > 0.01
    scores[:, 2] += 10.0
    found = friedman_nemenyi(scores, 0.05)
    assert found.ranks[2] == 1.0 and found.p_value < 1e-6
    assert (found.pairs[2, [0, 1, 3]] < 0.05).all()


def test_equal_everywhere_has_no_statistic():
    found = friedman_nemenyi(np.ones((5, 3)), 0.05)
    assert np.isnan(found.p_value) and found.ranks.tolist() == [2.0, 2.0, 2.0]
    assert (found.pairs == 1).all()


def test_too_little_is_refused():
    for shape in ((1, 5), (9, 2), (0, 4)):
        with pytest.raises(InputError, match="needs 2 blocks of 3"):
            friedman_nemenyi(np.zeros(shape), 0.05)


def test_equals_share_their_rank():
    assert rank_blocks(np.array([[0.5, 0.9, 0.5]])).tolist() == [[2.5, 1.0, 2.5]]


def test_bars_join_neighbours_and_none_is_inside_another():
    assert groups_together([1.0, 1.5, 2.4, 4.0], 1.0) == [(0, 1), (1, 2)]
    assert groups_together([1.0, 1.1, 1.2], 1.0) == [(0, 2)]
    assert groups_together([1.0, 3.0], 1.0) == []


@given(st.integers(0, 99), st.integers(4, 12))
def test_in_one_block_it_is_spearmans_rho(seed, n):
    random = np.random.default_rng(seed)
    x, y = random.integers(0, 9, (2, n)).astype(float)
    rho, _ = rank_correlation(x, y, np.zeros(n), permutations=5, seed=0)
    if np.ptp(x) and np.ptp(y):
        assert rho == pytest.approx(spearmanr(x, y).statistic)
    else:
        assert np.isnan(rho)


def test_levels_of_blocks_say_nothing_and_order_inside_them_does():
    blocks = np.repeat(["a", "b"], 5)
    inside = np.tile(np.arange(5.0), 2)
    level = np.repeat([0.0, 100.0], 5)
    rho, p = rank_correlation(inside + level, inside - level, blocks, permutations=999, seed=1)
    assert rho == pytest.approx(1.0) and p < 0.01
    turned, _ = rank_correlation(inside + level, -inside, blocks, permutations=9, seed=1)
    assert turned == pytest.approx(-1.0)


def test_the_p_value_is_that_of_all_permutations():
    random = np.random.default_rng(2)
    x, y = random.normal(size=(2, 30))
    _, p = rank_correlation(x, y, np.zeros(30), permutations=4000, seed=0)
    assert p == pytest.approx(spearmanr(x, y).pvalue, abs=0.03)
