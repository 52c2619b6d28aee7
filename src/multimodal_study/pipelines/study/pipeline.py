"""``study``: tables and figures over all datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.study import nodes

NAME = "study"
EVALUATION = {"evaluation": "params:evaluation"}


def compare_datasets(fits: Mapping[str, tuple[str, ...]], paired: tuple[str, ...]) -> Pipeline:
    """Compare the cells of several datasets, which must have been evaluated.

    Args:
        fits: Dataset to the paradigms that have a cell on it.
        paired: Datasets of these with an ``alignment``.
    """
    cells = {f"{d}_{p}": f"{d}.{p}.metrics" for d, names in fits.items() for p in names}
    aligned = {f"{d}_alignment": f"{d}.alignment" for d in paired}

    def ranks(evaluation: dict[str, Any], **given: Any) -> Any:
        found = {d: {p: given[f"{d}_{p}"] for p in names} for d, names in fits.items()}
        return nodes.ranks(found, evaluation)

    def alignment_and_task(evaluation: dict[str, Any], **given: Any) -> Any:
        tables = {d: given[f"{d}_alignment"] for d in paired}
        return nodes.alignment_and_task(tables, evaluation)

    made = [
        Node(ranks, {**EVALUATION, **{n: n for n in cells}}, ["ranks", "pairs"], name="ranks"),
        Node(nodes.draw, ["ranks"], "critical_difference", name="critical_difference"),
    ]
    if paired:
        read = {**EVALUATION, **{n: n for n in aligned}}
        made.append(Node(alignment_and_task, read, "alignment", name="alignment_and_task"))
    return Pipeline(
        made,
        namespace=NAME,
        inputs={**cells, **aligned},
        parameters={"params:evaluation"},
        tags={NAME, "evaluation"},
    )
