"""Retrieval nodes, on datasets whose features have a pair."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.evaluation.retrieval import (
    LINEAR_MAPS,
    retrieve,
    retrieve_features,
)
from multimodal_study.pipelines.instantiate import instantiate

OUTPUTS = ["ranks", "retrieval"]


def retrieval_node() -> Node:
    """Retrieval by what a cell saved of its embeddings."""
    return Node(
        retrieve,
        ["features", "embeddings", "config", "params:evaluation"],
        OUTPUTS,
        name="retrieve",
    )


def linear_map(dataset: str, kind: str) -> Pipeline:
    """The row ``kind`` of :data:`LINEAR_MAPS`: retrieval by the bare features of ``dataset``."""

    def retrieve_by_map(features: Any, evaluation: dict[str, Any], seed: int) -> Any:
        return retrieve_features(features, evaluation, seed, kind)

    inputs = ["features", "params:evaluation", "params:seed"]
    node = Node(retrieve_by_map, inputs, OUTPUTS, name="retrieve")
    return instantiate([node], dataset=dataset, paradigm=kind)


def linear_maps(dataset: str) -> Pipeline:
    """All rows of :data:`LINEAR_MAPS`."""
    return sum((linear_map(dataset, kind) for kind in LINEAR_MAPS), Pipeline([]))
