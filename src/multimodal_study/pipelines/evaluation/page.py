"""Figures and pages of a dataset, free of Kedro."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def write_report(  # noqa: PLR0917
    dataset: str,
    given: Mapping[str, Any],
    cells: Mapping[str, Mapping[str, Any]],
    evaluation: dict[str, Any],
    parameters: dict[str, Any],
    tables: Mapping[str, Any],
) -> str:
    """The page of one dataset as HTML; ``tables`` are its own, by what they say."""
    from multimodal_study.reporting import html
    from multimodal_study.reporting.pictures import pictures

    quarantine = given["quarantine"].head(html.EXAMPLES).collect().to_pandas()
    return html.dataset_report(
        dataset,
        html.Results(
            cells["metrics"],
            given["leaderboard"],
            given["contributions"],
            given["costs"],
            cells["retrieval"],
            given["significance"],
        ),
        html.DataRecord(given["ingest_summary"], given["split_summary"], quarantine, tables),
        pictures(
            given["leaderboard"],
            cells["metrics"],
            cells["predictions"],
            cells["history"],
            evaluation,
        ),
        html.Settings(evaluation, parameters),
    )


def write_summary(
    dataset: str,
    metrics: Mapping[str, Mapping[str, Any]],
    evaluation: dict[str, Any],
    ingest: Mapping[str, Any],
) -> dict[str, Any]:
    """What the front page says about a dataset."""
    from multimodal_study.reporting.html import dataset_summary

    return dataset_summary(dataset, metrics, evaluation, ingest)


def write_front_page(summaries: Mapping[str, Callable[[], Mapping[str, Any]]]) -> str:
    """The report's first page as HTML; ``summaries`` load what :func:`write_summary` made."""
    from multimodal_study.reporting.html import index_report

    return index_report([summaries[name]() for name in sorted(summaries)])
