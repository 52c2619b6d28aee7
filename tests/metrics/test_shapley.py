from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.metrics.additive import additive_projection
from multimodal_study.metrics.shapley import (
    every_subset,
    orders,
    sampled_values,
    shapley_values,
    subsets_of,
)

NAMES = ["a", "b", "c", "d"]


@st.composite
def games(draw):
    players = NAMES[: draw(st.integers(1, 4))]
    worths = st.floats(-5, 5, allow_nan=False)
    return players, {one: np.asarray(draw(worths)) for one in every_subset(players)}


@given(games())
def test_values_are_the_mean_gain_over_all_orders_and_add_up(game):
    players, worth = game
    found = shapley_values(worth)
    every = sampled_values(worth, list(permutations(players)))
    assert {name: float(v) for name, v in found.items()} == pytest.approx(
        {name: float(v) for name, v in every.items()}
    )
    whole = worth[frozenset(players)] - worth[frozenset()]
    assert sum(found.values()) == pytest.approx(float(whole), abs=1e-9)


def test_the_glove_game():
    # Shapley's example: one left glove, two right ones, a pair is worth 1.
    worth = {one: float("l" in one and len(one) > 1) for one in every_subset(["l", "r", "s"])}
    found = shapley_values({one: np.asarray(value) for one, value in worth.items()})
    assert found == pytest.approx({"l": 2 / 3, "r": 1 / 6, "s": 1 / 6})


def test_a_dummy_is_worth_nothing_and_twins_the_same():
    worth = {s: np.asarray(float(len(s & {"a", "b"}))) for s in every_subset(["a", "b", "c"])}
    assert shapley_values(worth) == pytest.approx({"a": 1.0, "b": 1.0, "c": 0.0})


def test_a_missing_subset_is_named():
    with pytest.raises(ValueError, match=r"worth of \['b'\] is not known"):
        shapley_values({frozenset(): 0.0, frozenset("a"): 1.0, frozenset("ab"): 1.0})


def test_sampled_orders_are_unbiased_enough_and_need_only_their_subsets():
    players = list("abcdefg")
    drawn = orders(players, 400, seed=3)
    assert drawn[1] == drawn[0][::-1]
    weight = dict(zip(players, range(7), strict=True))
    needed = subsets_of(drawn)
    worth = {s: np.asarray(float(sum(weight[p] for p in s)) ** 2) for s in needed}
    found = sampled_values(worth, drawn)
    # v = (sum of weights)^2 has phi_i = w_i * (sum of all weights).
    assert {p: float(v) for p, v in found.items()} == pytest.approx(
        {p: weight[p] * 21.0 for p in players}, rel=0.05, abs=0.1
    )
    assert sum(found.values()) == pytest.approx(21.0**2)
    with pytest.raises(ValueError, match="at least 2"):
        orders(players, 1, seed=0)


def cross(table):
    """Logits [i, j, 1] of the pair (first of i, second of j), conditional on either."""
    logits = np.asarray(table, dtype=float)[..., None]
    return [logits, logits.swapaxes(0, 1)]


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=6), st.integers(0, 99))
def test_an_additive_network_is_its_own_projection(first, seed):
    second = np.random.default_rng(seed).normal(size=len(first))
    table = np.add.outer(first, second)
    assert additive_projection(cross(table))[:, 0] == pytest.approx(np.diag(table), abs=1e-9)


def test_the_projection_of_an_exclusive_or_is_constant():
    table = [[1.0, -1.0], [-1.0, 1.0]]
    assert additive_projection(cross(table)).ravel().tolist() == [0.0, 0.0]


def test_the_projection_is_the_least_squares_fit_of_a_sum():
    random = np.random.default_rng(5)
    n = 6
    table = random.normal(size=(n, n))
    i, j = (grid.ravel() for grid in np.indices((n, n)))
    design = np.concatenate([np.eye(n)[i], np.eye(n)[j]], axis=1)
    weights = np.linalg.lstsq(design, table.ravel(), rcond=None)[0]
    fitted = (design @ weights).reshape(n, n)
    assert additive_projection(cross(table))[:, 0] == pytest.approx(np.diag(fitted))


def test_three_additive_modalities_with_independent_draws():
    random = np.random.default_rng(1)
    n = 7
    parts = random.normal(size=(3, n))
    # E over draws must see every example once: permutations do.
    drawn = [random.permutation(n) for _ in range(3)]
    conditional = []
    for own in range(3):
        others = sum(parts[o][drawn[o]] for o in range(3) if o != own)
        conditional.append((parts[own][:, None] + others[None, :])[..., None])
    assert additive_projection(conditional)[:, 0] == pytest.approx(parts.sum(axis=0))
    with pytest.raises(ValueError, match="at least one"):
        additive_projection([])
