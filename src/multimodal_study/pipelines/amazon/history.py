"""What was known about a product or a reviewer from other training reviews."""

from __future__ import annotations

from typing import Any

import numpy as np

from multimodal_study.errors import InputError

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

MODES = ("all_train", "before")


def history(
    groups: Ints,
    scores: Floats,
    train: Mask,
    *,
    smoothing: float,
    mode: str = "all_train",
    times: Ints | None = None,
) -> tuple[Floats, Floats]:
    """Number of other training reviews of the same group, and their smoothed mean score.

    Only rows of train are ever counted, and no row counts itself (leave one out), so the score of
    a row never enters its own history. The mean is ``(sum + s * m) / (count + s)`` with ``m`` the
    mean score of train and ``s`` the smoothing in reviews.

    Args:
        groups: Group of each row, as an index from 0: int64 ``[n]``.
        scores: Score of each row: float64 ``[n]``; looked at in train only.
        train: Rows of the training split: bool ``[n]``.
        smoothing: Weight of the train mean, in reviews, above 0.
        mode: ``all_train``: all other training reviews; ``before``: only strictly earlier ones.
        times: Unix seconds of each row for ``before``: int64 ``[n]``.

    Returns:
        Count and mean: float64 ``[n]`` each.

    Raises:
        ValueError: A parameter is out of range, train is empty, or ``before`` lacks the times.
    """
    if mode not in MODES:
        raise InputError(f"enrich.history is {mode!r}, expected one of {MODES}")
    if not smoothing > 0:
        raise InputError(f"enrich.smoothing is {smoothing}, expected above 0")
    if not train.any():
        raise InputError("history needs training rows, there are none")
    if mode == "before":
        if times is None:
            raise InputError("enrich.history=before needs times, which this source lacks")
        counts, sums = _before(groups, scores, train, times)
    else:
        size = int(groups.max()) + 1
        own = train.astype(np.float64)
        totals = [
            np.bincount(groups[train], weights=values[train], minlength=size).astype(np.float64)
            for values in (own, scores)
        ]
        counts = totals[0][groups] - own
        sums = totals[1][groups] - np.where(train, scores, 0.0)
    mean = float(scores[train].mean())
    return counts, (sums + smoothing * mean) / (counts + smoothing)


def _before(groups: Ints, scores: Floats, train: Mask, times: Ints) -> tuple[Floats, Floats]:
    """Count and sum of the strictly earlier training reviews of the group."""
    moments, rank = np.unique(times, return_inverse=True)
    key = groups * len(moments) + rank
    order = np.argsort(key[train], kind="stable")
    sorted_keys = key[train][order]
    running = np.concatenate([[0.0], np.cumsum(scores[train][order])])
    start = np.searchsorted(sorted_keys, groups * len(moments))
    end = np.searchsorted(sorted_keys, key)
    return (end - start).astype(np.float64), running[end] - running[start]
