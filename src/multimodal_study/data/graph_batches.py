"""Batches for networks that read a whole graph: every node's row, and which nodes are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor

from multimodal_study.contract import Features
from multimodal_study.data.batches import Batch, FeatureBatches, sparse_rows
from multimodal_study.errors import InputError

Tables = Mapping[str, tuple[Tensor, Tensor]]
Factory = Callable[[np.ndarray[Any, Any], int, int | None], "GraphBatches"]


class GraphBatches(FeatureBatches):
    """As :class:`FeatureBatches`, but ``inputs`` and ``present`` have a row per node.

    All batches share these tables; ``Batch.nodes`` says which rows of them an example is about.

    Args:
        features: For the examples and the task.
        tables: Modality to its rows and their mask, see :func:`graph_factory`.
        nodes: Entities that are nodes.
        rows: Positions in ``features.examples``.
        batch_size: Examples per batch; the last may be smaller.
        shuffle_seed: None keeps the order of ``rows``.
    """

    def __init__(
        self,
        features: Features,
        tables: Tables,
        nodes: tuple[str, ...],
        rows: np.ndarray[Any, Any],
        batch_size: int,
        *,
        shuffle_seed: int | None = None,
    ) -> None:
        super().__init__(features, rows, batch_size, shuffle_seed=shuffle_seed)
        self._tables = tables
        self._nodes = {
            entity: features.examples[entity].to_numpy().astype(np.int64) for entity in nodes
        }
        self._sizes = {
            entity: max(
                int(index.max()) + 1,
                *(
                    len(tables[m.name][1])
                    for m in features.modalities.values()
                    if m.entity == entity
                ),
                0,
            )
            for entity, index in self._nodes.items()
        }

    def gather(self, rows: np.ndarray[Any, Any]) -> Batch:
        """The batch of exactly these positions, in this order."""
        return Batch(
            {name: table for name, (table, _) in self._tables.items()},
            {name: mask for name, (_, mask) in self._tables.items()},
            torch.tensor(self._target[rows]),
            torch.tensor(rows),
            nodes={entity: torch.tensor(index[rows]) for entity, index in self._nodes.items()},
            sizes=self._sizes,
        )


def graph_factory(features: Features, nodes: tuple[str, ...]) -> Factory:
    """``(rows, batch size, seed of the order or None)`` to batches.

    Raises:
        InputError: The examples are not about all of ``nodes``.
    """
    missing = [entity for entity in nodes if entity not in features.examples]
    if missing:
        raise InputError(
            f"a graph of {' and '.join(nodes)} needs examples with these columns, {missing} is "
            "missing: place it on a ratings dataset"
        )
    tables = {
        name: (_table(features.arrays[name]), torch.tensor(features.present[name]))
        for name in features.modalities
    }

    def batches(rows: np.ndarray[Any, Any], size: int, order: int | None) -> GraphBatches:
        return GraphBatches(features, tables, nodes, rows, size, shuffle_seed=order)

    return batches


def _table(array: Any) -> Tensor:
    return sparse_rows(array) if issparse(array) else torch.tensor(array, dtype=torch.float32)
