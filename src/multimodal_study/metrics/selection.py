"""Choices between paradigms, made on validation only, from the metrics of their cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from multimodal_study.metrics.registry import METRICS

CHOSEN_ON = "validation"


def deciding(metrics_by_paradigm: Mapping[str, Mapping[str, Any]]) -> str:
    """Name of the metric that decides, the same for all paradigms of a dataset.

    Raises:
        ValueError: If there is no paradigm, or they disagree.
    """
    names = {str(metrics["task"]["decides"]) for metrics in metrics_by_paradigm.values()}
    if len(names) != 1:
        raise ValueError(f"paradigms decide by {sorted(names)}, expected one metric for all")
    return names.pop()


def best(
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]], among: Iterable[str] | None = None
) -> str | None:
    """Paradigm with the best deciding metric on validation, the first of equals.

    Args:
        metrics_by_paradigm: What ``evaluate`` made of each cell.
        among: Names to choose from; those without a cell are passed over. None: all.

    Returns:
        A name, or None if no paradigm has the metric on validation.
    """
    metric = METRICS[deciding(metrics_by_paradigm)]
    names = [name for name in metrics_by_paradigm if among is None or name in set(among)]
    values = {name: mean(metrics_by_paradigm[name], metric.name, CHOSEN_ON) for name in names}
    known = {name: value for name, value in values.items() if value is not None}
    pick = max if metric.higher_is_better else min
    return pick(known, key=lambda name: known[name]) if known else None


def mean(metrics: Mapping[str, Any], metric: str, split: str) -> float | None:
    """Mean over seeds of ``metric`` on ``split``; None where it was not measured."""
    for row in metrics["rows"]:
        if row["metric"] == metric and row["split"] == split:
            return None if row["value"] is None else float(row["value"])
    return None
