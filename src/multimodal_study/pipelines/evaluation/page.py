"""Figures of a dataset, free of Kedro."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def draw(
    leaderboard: Any,
    metrics: Mapping[str, Any],
    predictions: Mapping[str, Any],
    evaluation: dict[str, Any],
) -> tuple[Any, Any]:
    """The leaderboard, and the reliability diagram or its like for a regression, as figures."""
    from multimodal_study.reporting.figures import regression_figure
    from multimodal_study.reporting.pictures import calibration_figure_of, leaderboard_figure_of

    task = next(iter(metrics.values()))["task"]
    if task["kind"] == "regression":
        split = next(iter(evaluation["splits"]))
        calibrated = regression_figure(predictions, split=split, bins=evaluation["ece_bins"])
    else:
        calibrated = calibration_figure_of(predictions, task, evaluation)
    return leaderboard_figure_of(leaderboard, metrics, evaluation), calibrated


def draw_retrieval(
    leaderboard: Any, retrieval: Mapping[str, Any], evaluation: dict[str, Any]
) -> Any:
    """Recall of all paradigms as a matplotlib figure."""
    from multimodal_study.reporting.retrieval import retrieval_figure

    confidence = float(evaluation.get("confidence", 0.95))
    return retrieval_figure(leaderboard, retrieval, confidence=confidence)
