"""The regime of the simple baselines: one node fits and predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

from multimodal_study.freshness.ahead import ONE_CORE
from multimodal_study.pipelines.paradigms.supervised import evaluation_node


def baseline(name: str, load: Callable[[], Any]) -> list[Node]:
    """Nodes of one baseline.

    Args:
        name: Its parameters' key.
        load: Imports its ``fit_predict``.
    """

    def fit_predict(
        features: Any, parameters: dict[str, Any], overrides: dict[str, Any], seed: int
    ) -> Any:
        from multimodal_study.pipelines.paradigms.cells import baseline_outputs

        chosen = {**parameters, **overrides.get(name, {})}
        return baseline_outputs(load()(features, chosen, seed), features, chosen)

    return [
        Node(
            fit_predict,
            ["features", f"params:{name}", "params:overrides", "params:seed"],
            ["predictions", "config", "history", "fit_cost"],
            name="fit_predict",
            tags=[ONE_CORE],
        ),
        evaluation_node(),
    ]
