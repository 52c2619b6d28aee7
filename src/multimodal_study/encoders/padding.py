"""Texts of unequal length to padded batches of token ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Ints = np.ndarray[Any, np.dtype[np.int64]]


def token_batches(lengths: Ints, budget: int) -> Iterator[Ints]:
    """Rows by falling length, in batches of at most ``budget`` padded tokens (or one row).

    Args:
        lengths: Tokens of each row: int64 ``[n]``.
        budget: Longest row of a batch times its rows.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, int(lengths[order[start]])))
        yield order[start : start + size]
        start += size


def pad(tokens: list[list[int]], lengths: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Token ids, zero where padded, and mask of the rows: int64 ``[b, t]`` each."""
    mask = np.arange(lengths[rows].max()) < lengths[rows, None]
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[mask] = np.concatenate([tokens[row] for row in rows])
    return ids, mask.astype(np.int64)
