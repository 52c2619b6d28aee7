"""Splits of ratings: the published protocols, by themselves and against a plain reading of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimodal_study.data import rating_splits
from multimodal_study.data.rating_splits import TEST, TRAIN, VALIDATION, assign
from multimodal_study.errors import InputError

SHARES = {"validation": 0.1, "test": 0.1}


def _ratings(n: int, seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(40 * 60)[:n]
    return pairs // 60, pairs % 60, rng.integers(10**9, 10**9 + 300, n)


@settings(max_examples=30)
@given(st.integers(60, 500), st.integers(0, 5))
def test_each_users_latest_fifth_is_test_and_the_tenth_before_is_validation(
    n: int, seed: int
) -> None:
    user, _, time = _ratings(n, seed)
    codes = rating_splits.user_last(user, time, 0.1, 0.2)
    for name in np.unique(user):
        rows = [r for r in range(n) if user[r] == name]
        rows.sort(key=lambda row: (time[row], row))
        k = len(rows)
        test = rows[k - math.ceil(k / 5) :]
        validation = rows[: k - len(test)][max(0, k - len(test) - math.ceil(k / 10)) :]
        assert {r for r in rows if codes[r] == TEST} == set(test)
        assert {r for r in rows if codes[r] == VALIDATION} == set(validation)


def test_random_is_the_seeded_permutation_cut_at_eighty_and_ninety_percent() -> None:
    codes = rating_splits.random(100_004, 0.1, 0.1, 42)
    order = np.random.default_rng(42).permutation(100_004)
    assert np.bincount(codes).tolist() == [80_003, 10_000, 10_001]
    assert (codes[order[:80_003]] == TRAIN).all() and (codes[order[-10_001:]] == TEST).all()


def test_no_time_of_train_is_later_than_one_of_validation_or_test() -> None:
    user, movie, time = _ratings(900)
    codes = assign(user, movie, time, strategy="global_time", fractions=SHARES, seed=1)
    assert time[codes == TRAIN].max() <= time[codes == VALIDATION].min()
    assert time[codes == VALIDATION].max() <= time[codes == TEST].min()


def test_the_future_does_not_decide_what_the_past_of_a_user_is() -> None:
    """A user's split depends on that user's own times alone, whatever others do later."""
    user, movie, time = _ratings(900)
    before = assign(user, movie, time, strategy="user_last20", fractions=SHARES, seed=1)
    later = np.where(user == 3, time, time + 10**6)
    after = assign(user, movie, later, strategy="user_last20", fractions=SHARES, seed=1)
    assert (before[user == 3] == after[user == 3]).all()


@pytest.mark.parametrize(("strategy", "column"), [("cold_movie", 1), ("cold_user", 0)])
def test_cold_groups_stand_on_one_side(strategy: str, column: int) -> None:
    columns = _ratings(1200)
    codes = assign(*columns, strategy=strategy, fractions=SHARES, seed=7)
    group = columns[column]
    sides = {code: set(group[codes == code]) for code in (TRAIN, VALIDATION, TEST)}
    assert not sides[TRAIN] & sides[TEST] and not sides[TRAIN] & sides[VALIDATION]
    assert not sides[VALIDATION] & sides[TEST]
    largest = np.bincount(group).max()
    assert 0.1 * 1200 <= (codes == TEST).sum() <= 0.1 * 1200 + largest


def test_other_seeds_give_other_splits_and_the_same_seed_the_same() -> None:
    columns = _ratings(800)
    for strategy in ("random", "cold_movie", "cold_user"):
        first, again, other = (
            assign(*columns, strategy=strategy, fractions=SHARES, seed=seed) for seed in (1, 1, 2)
        )
        assert (first == again).all()
        assert (first != other).any()


def test_the_digest_is_of_the_pairs_and_not_of_their_order() -> None:
    user, movie, _ = _ratings(50)
    order = np.random.default_rng(0).permutation(50)
    assert rating_splits.digest(user, movie) == rating_splits.digest(user[order], movie[order])
    assert rating_splits.digest(user, movie) != rating_splits.digest(movie, user)


def test_folds_are_even_and_blocks_of_time_share_no_second() -> None:
    assert set(np.bincount(rating_splits.folds(103, 10, 0))) == {10, 11}
    time = np.repeat(np.arange(40), 25)
    blocks = rating_splits.time_blocks(time, 8)
    assert all(len(np.unique(blocks[time == second])) == 1 for second in range(40))
    assert (np.diff(blocks) >= 0).all() and blocks.max() == 7


@pytest.mark.parametrize(
    ("strategy", "fractions", "message"),
    [
        ("nonsense", SHARES, "expected one of"),
        ("random", {"validation": 0.5, "test": 0.5}, "sum below 1"),
        ("random", {"test": 0.2}, "above 0"),
    ],
)
def test_bad_parameters_are_named(strategy: str, fractions: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        assign(*_ratings(100), strategy=strategy, fractions=fractions, seed=0)


def test_an_empty_side_is_an_error() -> None:
    one = np.zeros(20, dtype=np.int64)
    with pytest.raises(InputError, match="too few"):
        assign(one, np.arange(20), one, strategy="cold_user", fractions=SHARES, seed=0)
