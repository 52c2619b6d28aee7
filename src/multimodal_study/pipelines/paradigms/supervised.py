"""The supervised regime: fit on features, predict, evaluate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

from multimodal_study.freshness.ahead import ONE_CORE
from multimodal_study.pipelines.evaluation import nodes
from multimodal_study.pipelines.paradigms.cells import fit_cell, predict_cell
from multimodal_study.pipelines.paradigms.perturbation import perturbation_node


def supervised(
    name: str, load: Callable[[], Any], *, origins: tuple[str, ...] | None = None
) -> list[Node]:
    """Nodes of one supervised paradigm.

    Args:
        name: Its parameters' key.
        load: Imports the network and its ``Config``.
        origins: Only modalities derived from these raw signals; None takes all.
    """

    def fit(
        features: Any,
        parameters: dict[str, Any],
        overrides: dict[str, Any],
        trainer: dict[str, Any],
        seed: int,
    ) -> Any:
        return fit_cell(
            load(), features, {**parameters, **overrides.get(name, {})}, trainer, seed, origins
        )

    def predict(features: Any, weights: Any, config: dict[str, Any]) -> Any:
        return predict_cell(load(), features, weights, config)

    return [
        Node(
            fit,
            ["features", f"params:{name}", "params:overrides", "params:trainer", "params:seed"],
            ["weights", "config", "history", "fit_cost"],
            name="fit",
            tags=[ONE_CORE],
        ),
        Node(
            predict,
            ["features", "weights", "config"],
            ["predictions", "embeddings", "predict_cost"],
            name="predict",
            tags=[ONE_CORE],
        ),
        evaluation_node(),
        perturbation_node(load),
    ]


def evaluate(predictions: Any, config: dict[str, Any], evaluation: dict[str, Any]) -> Any:
    """Metrics of the cell."""
    return nodes.evaluate(predictions, config["task"], evaluation)


def evaluation_node() -> Node:
    """The last node of every cell."""
    return Node(
        evaluate, ["predictions", "config", "params:evaluation"], "metrics", name="evaluate"
    )
