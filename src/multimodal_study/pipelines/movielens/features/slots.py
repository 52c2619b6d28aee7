"""Ratings of train by fold, and which of them each slot may learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Ints = np.ndarray[Any, np.dtype[np.integer[Any]]]
Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

OTHERS, BEFORE = "others", "before"


@dataclass(frozen=True)
class TrainRatings:
    """The ratings of train, and nothing else: what is not here cannot leak."""

    user: Ints
    """Index of the user ``[n]``."""
    movie: Ints
    rating: Floats
    fold: Ints
    """0 to ``folds - 1``."""
    users: int
    movies: int
    folds: int
    history: str
    """``others``: a slot learns from all other folds; ``before``: from earlier ones."""

    @property
    def slots(self) -> int:
        """Rows per entity: one per fold, and one that has learnt from all of train."""
        return self.folds + 1

    def learnt_from(self) -> Iterator[Mask]:
        """For each slot the rows that it may learn from: bool ``[n]``."""
        for fold in range(self.folds):
            yield self.fold < fold if self.history == BEFORE else self.fold != fold
        yield np.ones(len(self.rating), dtype=bool)


def slot_rows(entity: Ints, fold: Ints, slots: int) -> Ints:
    """Row of each example in an array with ``slots`` rows per entity: int64 ``[n]``."""
    rows: Ints = entity.astype(np.int64) * slots + fold
    return rows


def interleaved(parts: list[Floats]) -> Floats:
    """Arrays ``[e, ...]``, one per slot, to one ``[e * slots, ...]``."""
    stacked = np.stack(parts, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])
