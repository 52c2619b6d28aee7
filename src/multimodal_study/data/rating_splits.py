"""Splits of ratings (user, film, time) into train, validation and test: pure functions.

``random`` and ``user_last20`` are the protocols that the published figures of this project use; a
split is published as a digest over its pairs, so that anybody can check that theirs is the same.
All functions return codes: int8 ``[n]``, 0 train, 1 validation, 2 test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from multimodal_study.contract import SPLITS
from multimodal_study.errors import InputError

if TYPE_CHECKING:
    Codes = np.ndarray[Any, np.dtype[np.int8]]
    Ints = np.ndarray[Any, np.dtype[np.integer[Any]]]

Strategy = Literal["random", "user_last20", "global_time", "cold_movie", "cold_user"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
TEMPORAL: frozenset[Strategy] = frozenset({"user_last20", "global_time"})
"""Strategies that need times: test is later than train, per user or over all."""

TRAIN, VALIDATION, TEST = range(len(SPLITS))


def assign(
    user: Ints,
    movie: Ints,
    time: Ints,
    *,
    strategy: str,
    fractions: Mapping[str, float],
    seed: int,
) -> Codes:
    """Split of every rating.

    Args:
        user: Number of the rating's user ``[n]``.
        movie: Number of its film ``[n]``.
        time: Unix seconds ``[n]``; looked at by the temporal strategies alone.
        strategy: See the functions of the same names.
        fractions: ``validation`` and ``test``, shares above 0 whose sum is below 1.
        seed: Of ``random``, ``cold_movie`` and ``cold_user``.

    Raises:
        InputError: A parameter is out of range, or a split is left empty.
    """
    validation, test = _checked(strategy, fractions)
    if strategy == "random":
        codes = random(len(user), validation, test, seed)
    elif strategy == "user_last20":
        codes = user_last(user, time, validation, test)
    elif strategy == "global_time":
        codes = global_time(time, validation, test)
    else:
        codes = cold(movie if strategy == "cold_movie" else user, validation, test, seed)
    counts = np.bincount(codes, minlength=len(SPLITS))
    if not counts.all():
        raise InputError(
            f"split.strategy={strategy} gives {dict(zip(SPLITS, counts.tolist(), strict=True))} "
            f"of {len(codes)} ratings; there are too few, choose other fractions or another "
            "strategy"
        )
    return codes


def random(n: int, validation: float, test: float, seed: int) -> Codes:
    """The first rows of ``default_rng(seed).permutation(n)`` to train, the last ones to test."""
    order = np.random.default_rng(seed).permutation(n)
    return _in_order(order, validation, test)


def global_time(time: Ints, validation: float, test: float) -> Codes:
    """The earliest to train, the latest to test; within a second, in the order of the rows."""
    return _in_order(np.argsort(time, kind="stable"), validation, test)


def user_last(user: Ints, time: Ints, validation: float, test: float) -> Codes:
    """Of each user the latest ``ceil(test * n)`` to test, ``ceil(validation * n)`` before to val.

    Ratings of one second are ordered by their rows. A user of one rating has it in test.
    """
    order = np.lexsort((time, user))
    ordered = user[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(np.r_[starts, len(order)])
    from_end = np.repeat(starts + counts, counts) - 1 - np.arange(len(order))
    last = _ceil(test, counts)
    both = last + _ceil(validation, counts)
    codes = np.full(len(order), TRAIN, dtype=np.int8)
    codes[order[from_end < np.repeat(both, counts)]] = VALIDATION
    codes[order[from_end < np.repeat(last, counts)]] = TEST
    return codes


def cold(group: Ints, validation: float, test: float, seed: int) -> Codes:
    """Whole groups (films or users), in a seeded order, until test and validation are full.

    A group of test has no rating in train or validation, and so on; shares are of the ratings and
    are met as nearly as whole groups allow, never exceeded by more than one group.
    """
    names, inverse, counts = np.unique(group, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    before = np.cumsum(counts[order]) - counts[order]
    codes = np.full(len(names), TRAIN, dtype=np.int8)
    codes[order[before < (test + validation) * len(group)]] = VALIDATION
    codes[order[before < test * len(group)]] = TEST
    result: Codes = codes[inverse]
    return result


def folds(n: int, number: int, seed: int) -> Codes:
    """A fold for each of ``n`` rows, equal in size to within one: int8 ``[n]``."""
    even = np.arange(n, dtype=np.int64) % number
    return np.random.default_rng([seed, number]).permutation(even).astype(np.int8)


def time_blocks(time: Ints, number: int) -> Codes:
    """Consecutive blocks of time of about equal size; one second never stands in two: int8 [n]."""
    ordered = np.sort(time)
    if not len(ordered):
        return np.empty(0, dtype=np.int8)
    cuts = ordered[[len(ordered) * k // number for k in range(1, number)]]
    return np.searchsorted(cuts, time, side="right").astype(np.int8)


def digest(user_id: Ints, movie_id: Ints) -> str:
    """SHA-256 over the sorted keys ``user_id * 2^32 + movie_id`` as little-endian int64."""
    keys = (user_id.astype(np.int64) << 32) | movie_id.astype(np.int64)
    keys.sort()
    return hashlib.sha256(keys.astype("<i8", copy=False).tobytes()).hexdigest()


def _in_order(order: Ints, validation: float, test: float) -> Codes:
    n = len(order)
    # Rounded first: 1 - 0.1 - 0.1 lies a hair below 0.8.
    train = int(round(1 - validation - test, 12) * n)
    known = int(round(1 - test, 12) * n)
    codes = np.empty(n, dtype=np.int8)
    codes[order[:train]] = TRAIN
    codes[order[train:known]] = VALIDATION
    codes[order[known:]] = TEST
    return codes


def _ceil(share: float, counts: Ints) -> Ints:
    # Without the margin, 0.2 * 5 above 1 by rounding would become 2.
    result: Ints = np.ceil(share * counts - 1e-9).astype(np.int64)
    return result


def _checked(strategy: str, fractions: Mapping[str, float]) -> tuple[float, float]:
    if strategy not in STRATEGIES:
        raise InputError(f"split.strategy is {strategy!r}, expected one of {STRATEGIES}")
    shares = [float(fractions.get(name, 0.0)) for name in ("validation", "test")]
    if any(not 0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise InputError(
            f"split.fractions is {dict(fractions)}, expected validation and test above 0 with a "
            "sum below 1"
        )
    return shares[0], shares[1]
