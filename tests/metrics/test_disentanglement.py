"""Disentanglement against hand values; perfect, mixed and random codes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from multimodal_study.metrics import disentanglement as dis
from multimodal_study.metrics.bootstrap import Resampling

GRID = np.array(list(itertools.product(range(4), range(3), range(2))) * 20)
"""Every combination of three factors, equally often: they know nothing about each other."""


def side(codes: np.ndarray, factors: np.ndarray = GRID) -> dis.Side:
    return dis.Side(codes, factors, np.arange(len(codes)))


def scored(codes: np.ndarray) -> dis.Scored:
    return dis.score(side(codes), side(codes))


def test_codes_that_are_the_factors_are_perfect() -> None:
    found = dis.values(scored(GRID[:, [2, 0, 1]].astype(float)))
    assert found["mig"] == pytest.approx(1.0)
    assert found["informativeness"] == pytest.approx(1.0)
    assert found["disentanglement"] > 0.97 and found["completeness"] > 0.97
    # One latent tells all; the second best guesses one of 4, 3 and 2 values.
    assert found["sap"] == pytest.approx(1 - (1 / 4 + 1 / 3 + 1 / 2) / 3, abs=1e-6)


def test_mixed_codes_know_as_much_but_no_latent_stands_for_a_factor() -> None:
    centred = (GRID - GRID.mean(0)) / GRID.std(0)
    turned, _ = np.linalg.qr(np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.5], [1.0, 0.5, -1.0]]))
    found = dis.values(scored(centred @ turned))
    assert found["informativeness"] > 0.95
    assert found["mig"] < 0.3 and found["disentanglement"] < 0.5 and found["completeness"] < 0.5


def test_a_factor_in_two_latents_is_incomplete_though_disentangled() -> None:
    codes = np.concatenate([GRID, GRID[:, :1]], axis=1) + np.random.default_rng(0).normal(
        0, 0.05, (len(GRID), 4)
    )
    found = dis.values(scored(codes))
    assert found["disentanglement"] > 0.95
    assert found["completeness"] < found["disentanglement"] - 0.05
    # The gap of the factor that two latents know is gone, the others keep theirs.
    assert found["mig"] < 0.8


def test_random_codes_score_near_nothing() -> None:
    random = np.random.default_rng(1)
    train, held_out = random.normal(size=(2, len(GRID), 6))
    found = dis.values(dis.score(side(train), side(held_out)))
    assert found["mig"] < 0.05 and found["sap"] < 0.1
    assert found["disentanglement"] < 0.1 and found["completeness"] < 0.1
    assert found["informativeness"] == pytest.approx((1 / 4 + 1 / 3 + 1 / 2) / 3, abs=0.06)


def test_concentration_by_hand() -> None:
    importance = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert dis._disentanglement(importance) == pytest.approx(0.5 * 1 + 0.5 * 0)
    two_thirds = 1 - entropy([2 / 3, 1 / 3], base=2)
    assert dis._completeness(importance) == pytest.approx((two_thirds + 1) / 2)
    assert dis._disentanglement(np.zeros((2, 2))) == 0.0


def test_information_against_scikit_learn_and_by_hand() -> None:
    random = np.random.default_rng(2)
    bins, factors = random.integers(0, 5, (200, 3)), random.integers(0, 4, (200, 2))
    found = dis.mutual_information(bins, factors, np.ones(200))
    for latent, factor in itertools.product(range(3), range(2)):
        wanted = mutual_info_score(bins[:, latent], factors[:, factor])
        assert found[latent, factor] == pytest.approx(wanted)
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert dis.mutual_information(square, square, np.ones(4)) == pytest.approx(
        np.log(2) * np.eye(2)
    )
    assert dis.entropies(square, np.ones(4)) == pytest.approx([np.log(2)] * 2)


def test_a_weight_counts_a_row_so_often() -> None:
    random = np.random.default_rng(3)
    codes = GRID + random.normal(0, 1, GRID.shape)
    one = scored(codes)
    weight = random.integers(0, 4, len(codes))
    rows = np.repeat(np.arange(len(codes)), weight)
    repeated = dis.Scored(
        one.bins[rows], one.factors[rows], one.hits[rows], one.told[rows], one.importance
    )
    assert dis.values(one, weight.astype(float)) == pytest.approx(dis.values(repeated))


def test_intervals_hold_the_value_and_shrink_with_more_rows() -> None:
    random = np.random.default_rng(4)
    codes = GRID + random.normal(0, 0.7, GRID.shape)
    resampling = Resampling(100, seed=1)
    found = dis.estimates([scored(codes)], np.arange(len(codes)), resampling)
    assert set(found) == set(dis.NAMES)
    for name, each in found.items():
        assert 0 <= each.low < each.value < each.high <= 1, name
    few = slice(None, 120)
    fewer = dis.score(side(codes[few], GRID[few]), side(codes[few], GRID[few]))
    wide = dis.estimates([fewer], np.arange(120), resampling)
    assert wide["mig"].high - wide["mig"].low > found["mig"].high - found["mig"].low


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        dis.Side(np.zeros((3, 2)), np.zeros((2, 1), dtype=int), np.arange(3))
    with pytest.raises(ValueError, match="1 latents"):
        dis.score(side(GRID[:, :1] * 1.0), side(GRID[:, :1] * 1.0))
    same = np.zeros_like(GRID)
    with pytest.raises(ValueError, match="one value in train"):
        dis.score(side(GRID * 1.0, same), side(GRID * 1.0))
