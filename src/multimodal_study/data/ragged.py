"""Sequences of unequal length to padded batches, with little padding and no per-example Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from multimodal_study.contract import Features
from multimodal_study.data.batches import Batch

SEQUENCE, LENGTHS = "sequence", "lengths"
"""Inputs of a batch: padded values ``[b, t, d]`` (or ids ``[b, t]``) and lengths int64 ``[b]``."""
ENTITY = "review"
_BATCHES_PER_POOL = 32
_JITTER = 4.0
"""Tokens: rows of almost the same length change places from epoch to epoch."""

Arrays = Mapping[str, np.ndarray[Any, Any]]
Factory = Callable[[np.ndarray[Any, Any], int, int | None], "RaggedBatches"]


class RaggedBatches:
    """Batches of some rows of ``features`` with the sequences of their reviews.

    Shuffled batches hold rows of about the same length: the rows are drawn at random into pools of
    32 batches, each pool is sorted by length and cut, and the batches of all pools are shuffled.
    Epoch ``e`` depends on ``(shuffle_seed, e)`` alone.

    Args:
        features: For the examples and the task.
        sequences: ``values`` ``[sum t, ...]`` and ``offsets`` int64 ``[n + 1]`` by review.
        rows: Positions in ``features.examples``.
        batch_size: Examples per batch; the last may be smaller.
        shuffle_seed: None keeps the order of ``rows``.

    Raises:
        ValueError: ``batch_size`` is below 1, or a review has no sequence.
    """

    def __init__(
        self,
        features: Features,
        sequences: Arrays,
        rows: np.ndarray[Any, Any],
        batch_size: int,
        *,
        shuffle_seed: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, it must be at least 1")
        self._values = sequences["values"]
        self._offsets = np.asarray(sequences["offsets"], dtype=np.int64)
        self._index = features.examples[ENTITY].to_numpy().astype(np.int64)
        total = len(self._offsets) - 1
        if len(self._index) and not 0 <= self._index.min() <= self._index.max() < total:
            raise ValueError(
                f"the examples point at reviews {self._index.min()}..{self._index.max()}, "
                f"there are sequences of {total}; encode the same table again"
            )
        kind = np.float32 if features.task.kind == "regression" else np.int64
        self._target = features.examples["target"].to_numpy().astype(kind)
        self._lengths = np.diff(self._offsets)[self._index]
        self.rows = np.asarray(rows, dtype=np.int64)
        self.batch_size = batch_size
        self.shuffle_seed = shuffle_seed
        self.epoch = 0

    def __len__(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self.rows) / self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass; without a shuffle seed nothing changes."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the current epoch."""
        for rows in self._plan():
            yield self.gather(rows)

    def gather(self, rows: np.ndarray[Any, Any]) -> Batch:
        """The batch of exactly these positions, in this order, padded with zeros."""
        lengths = self._lengths[rows]
        position = np.arange(lengths.max())
        mask = position < lengths[:, None]
        start = self._offsets[self._index[rows]]
        padded = np.zeros((*mask.shape, *self._values.shape[1:]), dtype=self._values.dtype)
        padded[mask] = self._values[(start[:, None] + position)[mask]]
        values = torch.from_numpy(padded)
        return Batch(
            {SEQUENCE: values, LENGTHS: torch.from_numpy(lengths)},
            {SEQUENCE: torch.ones(len(rows), dtype=torch.bool)},
            torch.tensor(self._target[rows]),
            torch.tensor(rows),
        )

    def _plan(self) -> Iterator[np.ndarray[Any, Any]]:
        size = self.batch_size
        if self.shuffle_seed is None:
            yield from (self.rows[i : i + size] for i in range(0, len(self.rows), size))
            return
        generator = np.random.default_rng([self.shuffle_seed, self.epoch])
        rows = self.rows[generator.permutation(len(self.rows))]
        noise = generator.uniform(0, _JITTER, len(rows))
        plan = []
        pool = size * _BATCHES_PER_POOL
        for begin in range(0, len(rows), pool):
            part = rows[begin : begin + pool]
            part = part[np.argsort(self._lengths[part] + noise[begin : begin + pool])]
            plan += [part[i : i + size] for i in range(0, len(part), size)]
        yield from (plan[i] for i in generator.permutation(len(plan)))


def ragged_factory(features: Features, sequences: Arrays) -> Factory:
    """``(rows, batch size, seed of the order or None)`` to batches."""

    def batches(rows: np.ndarray[Any, Any], size: int, order: int | None) -> RaggedBatches:
        return RaggedBatches(features, sequences, rows, size, shuffle_seed=order)

    return batches
