"""The contrastive regime: align two origins, predict, evaluate.

As the supervised one, save that a pretrained dual encoder reads the dataset's pictures and texts
themselves, in place of its features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

from multimodal_study.pipelines.paradigms.cells import fit_cell, predict_cell
from multimodal_study.pipelines.paradigms.perturbation import perturbation_node_of_views
from multimodal_study.pipelines.paradigms.supervised import evaluation_node
from multimodal_study.pipelines.paradigms.views import see_through


def contrastive(name: str, load: Callable[[], Any]) -> list[Node]:
    """Nodes of one contrastive paradigm.

    Args:
        name: Its parameters' key.
        load: Imports the network and its ``Config``.
    """

    def fit(  # noqa: PLR0917
        features: Any,
        table: Any,
        source_files: dict[str, Any],
        parameters: dict[str, Any],
        overrides: dict[str, Any],
        trainer: dict[str, Any],
        seed: int,
    ) -> Any:
        chosen = {**parameters, **overrides.get(name, {})}
        seen = seen_by_towers(features, table, source_files, chosen)
        return fit_cell(load(), seen, chosen, trainer, seed)

    def predict(
        features: Any,
        table: Any,
        source_files: dict[str, Any],
        weights: Any,
        config: dict[str, Any],
    ) -> Any:
        seen = seen_by_towers(features, table, source_files, config["parameters"])
        return predict_cell(load(), seen, weights, config)

    return [
        Node(
            fit,
            [
                "features",
                "table",
                "source_files",
                f"params:{name}",
                "params:overrides",
                "params:trainer",
                "params:seed",
            ],
            ["weights", "config", "history", "fit_cost"],
            name="fit",
        ),
        Node(
            predict,
            ["features", "table", "source_files", "weights", "config"],
            ["predictions", "embeddings", "predict_cost"],
            name="predict",
        ),
        evaluation_node(),
        perturbation_node_of_views(load, seen_by_towers),
    ]


def seen_by_towers(features: Any, table: Any, source_files: dict[str, Any], parameters: Any) -> Any:
    """What the towers read; sequences that no tower attends to are summarised once."""
    seen = see_through(features, table, source_files, parameters)
    if parameters["heads"] or (parameters["model"] is not None and parameters["mode"] == "full"):
        return seen
    from multimodal_study.models.summaries import summarised

    return summarised(seen)
