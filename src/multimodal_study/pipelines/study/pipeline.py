"""``study``: tables and figures over all datasets."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.study import nodes

NAME = "study"
EVALUATION = {"evaluation": "params:evaluation"}


def compare_datasets(datasets: tuple[str, ...]) -> Pipeline:
    """Compare the cells of ``datasets``, which must have been evaluated."""
    read = {f"{name}_scores": f"{name}_scores" for name in datasets}

    def ranks(evaluation: dict[str, Any], **given: Any) -> Any:
        cells = {name: given[f"{name}_scores"]["cells"] for name in datasets}
        return nodes.ranks(cells, evaluation)

    def alignment_and_task(evaluation: dict[str, Any], **given: Any) -> Any:
        rows = {name: given[f"{name}_scores"]["alignment"] for name in datasets}
        return nodes.alignment_and_task(rows, evaluation)

    made = [
        Node(ranks, {**EVALUATION, **read}, ["ranks", "pairs"], name="ranks"),
        Node(nodes.draw, ["ranks"], "critical_difference", name="critical_difference"),
        Node(alignment_and_task, {**EVALUATION, **read}, "alignment", name="alignment_and_task"),
    ]
    return Pipeline(
        made,
        namespace=NAME,
        inputs=set(read),
        parameters={"params:evaluation"},
        tags={NAME, "evaluation"},
    )
