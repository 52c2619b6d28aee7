"""Examples to tensors: one gather per modality and batch, no per-example Python."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.sparse import issparse
from torch import Tensor

from multimodal_study.contract import Features


@dataclass
class Batch:
    """Some examples, as every paradigm takes them."""

    inputs: dict[str, Tensor]
    """Modality to float32 ``[b, d]`` (``[b, t, d]`` where its rows are sequences; ``[b, height,
    width, 3]`` uint8 for pixels; words may be a CSR tensor)."""
    present: dict[str, Tensor]
    """Modality to bool ``[b]``: False where the raw signal is missing."""
    target: Tensor
    """Class index int64 ``[b]``, or float32 ``[b]`` for a regression."""
    rows: Tensor
    """Positions in ``Features.examples``: int64 ``[b]``."""
    lengths: dict[str, Tensor] = field(default_factory=dict)
    """Sequence modality to int64 ``[b]``: positions in use, the first ones."""
    candidates: Tensor | None = None
    """Classes that compete: bool ``[b, c]``; None: all."""
    scored: Tensor | None = None
    """Candidates without the undecided ones, which the loss leaves out: bool ``[b, c]``."""
    keys: dict[str, Tensor] = field(default_factory=dict)
    """Origin of ``Features.pair`` to int64 ``[b]``: equal keys are the same picture or text."""
    nodes: dict[str, Tensor] = field(default_factory=dict)
    """Of a graph: entity to int64 ``[b]``, the example's row in ``inputs``, which then have a row
    per entity and not per example."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Of a graph: entity to its number of nodes."""

    def __len__(self) -> int:
        """Examples ``b`` in the batch."""
        return len(self.rows)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The same batch on ``device``."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=non_blocking)

        return Batch(
            {name: move(tensor) for name, tensor in self.inputs.items()},
            {name: move(tensor) for name, tensor in self.present.items()},
            move(self.target),
            move(self.rows),
            {name: move(tensor) for name, tensor in self.lengths.items()},
            None if self.candidates is None else move(self.candidates),
            None if self.scored is None else move(self.scored),
            {origin: move(key) for origin, key in self.keys.items()},
            {entity: move(index) for entity, index in self.nodes.items()},
            self.sizes,
        )


class FeatureBatches:
    """Batches of some rows of ``features``; iterate as often as wanted.

    The order of epoch ``e`` depends on ``(shuffle_seed, e)`` alone, so a fit that resumes at ``e``
    sees what an uninterrupted one would have seen.

    Args:
        features: Dense arrays may be memory-mapped; CSR rows are densified batch by batch.
        rows: Positions in ``features.examples``, int ``[n]``.
        batch_size: Examples per batch, at least 1; the last batch may be smaller.
        shuffle_seed: None keeps the order of ``rows``.
        sparse_words: Leave CSR arrays as CSR tensors, for networks that read them so.

    Raises:
        ValueError: If ``batch_size`` is below 1 or a row leaves the examples.
    """

    def __init__(
        self,
        features: Features,
        rows: np.ndarray[Any, Any],
        batch_size: int,
        *,
        shuffle_seed: int | None = None,
        sparse_words: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, it must be at least 1")
        total = len(features.examples)
        if len(rows) and not 0 <= int(np.min(rows)) <= int(np.max(rows)) < total:
            raise ValueError(f"rows reach {np.min(rows)}..{np.max(rows)}, there are {total}")
        self.features = features
        self.rows = np.asarray(rows, dtype=np.int64)
        self.batch_size = batch_size
        self.shuffle_seed = shuffle_seed
        self.sparse_words = sparse_words
        self.epoch = 0
        kind = np.float32 if features.task.kind == "regression" else np.int64
        self._target = features.examples["target"].to_numpy().astype(kind)
        entities = {modality.entity for modality in features.modalities.values()}
        self._index = {
            entity: features.examples[entity].to_numpy().astype(np.int64) for entity in entities
        }
        self._keys = {
            origin: pd.factorize(features.examples[f"{origin}_key"])[0].astype(np.int64)
            for origin in features.pair or ()
        }

    def __len__(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self.rows) / self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass; without a shuffle seed nothing changes."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the current epoch."""
        rows = self.rows
        if self.shuffle_seed is not None:
            generator = np.random.default_rng([self.shuffle_seed, self.epoch])
            rows = rows[generator.permutation(len(rows))]
        for start in range(0, len(rows), self.batch_size):
            yield self.gather(rows[start : start + self.batch_size])

    def gather(self, rows: np.ndarray[Any, Any]) -> Batch:
        """The batch of exactly these positions, in this order."""
        inputs, present, lengths = {}, {}, {}
        for name, modality in self.features.modalities.items():
            index = self._index[modality.entity][rows]
            picked: Any = self.features.arrays[name][index]
            if issparse(picked) and self.sparse_words:
                inputs[name] = sparse_rows(picked)
            else:
                dense = picked.toarray() if issparse(picked) else np.asarray(picked)
                kind = np.uint8 if modality.kind == "pixels" else np.float32
                # What was picked is a copy: the tensor may have its memory.
                inputs[name] = torch.from_numpy(np.ascontiguousarray(dense, dtype=kind))
            present[name] = torch.from_numpy(self.features.present[name][index].astype(bool))
            if name in self.features.lengths:
                lengths[name] = torch.from_numpy(self.features.lengths[name][index])
        target, place = torch.from_numpy(self._target[rows]), torch.tensor(rows)
        keys = {origin: torch.from_numpy(codes[rows]) for origin, codes in self._keys.items()}
        return Batch(inputs, present, target, place, lengths, *self._classes(rows), keys)

    def _classes(self, rows: np.ndarray[Any, Any]) -> tuple[Tensor | None, Tensor | None]:
        candidates, undecided = self.features.candidates(rows), self.features.undecided(rows)
        if candidates is None or undecided is None:
            return None, None
        return torch.tensor(candidates), torch.tensor(candidates & ~undecided)


def sparse_rows(rows: Any) -> Tensor:
    """A SciPy CSR matrix as a float32 CSR tensor."""
    with warnings.catch_warnings():
        # torch says once that CSR is young; what is used of it here is only storage.
        warnings.filterwarnings("ignore", ".*Sparse CSR tensor support is in beta.*")
        return torch.sparse_csr_tensor(
            torch.tensor(rows.indptr, dtype=torch.int64),
            torch.tensor(rows.indices, dtype=torch.int64),
            torch.tensor(rows.data, dtype=torch.float32),
            size=rows.shape,
            check_invariants=False,  # SciPy has checked them
        )
