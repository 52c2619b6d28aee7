"""The figures of a dataset's page, with their words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multimodal_study.metrics.classification import BINS
from multimodal_study.metrics.selection import best, deciding
from multimodal_study.metrics.table import task_of
from multimodal_study.metrics.temperature import scaled_predictions
from multimodal_study.reporting import figures
from multimodal_study.reporting.html import Picture
from multimodal_study.reporting.retrieval import of_tasks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def leaderboard_figure_of(
    leaderboard: pd.DataFrame,
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]],
    evaluation: Mapping[str, Any],
) -> Figure:
    """The leaderboard, with the choices that validation made marked in it."""
    baselines = list(evaluation.get("baselines", []))
    return figures.leaderboard_figure(
        of_tasks(leaderboard),
        deciding(metrics_by_paradigm),
        baselines=baselines,
        strongest=best(metrics_by_paradigm, baselines),
        chosen=best(metrics_by_paradigm),
        confidence=float(evaluation.get("confidence", 0.95)),
    )


def calibration_figure_of(
    predictions_by_paradigm: Mapping[str, pd.DataFrame],
    task: Mapping[str, Any],
    evaluation: Mapping[str, Any],
) -> Figure:
    """The reliability diagram, before and after the scaling that validation chooses."""
    measured = task_of(dict(task))
    return figures.calibration_figure(
        predictions_by_paradigm,
        split=next(iter(evaluation.get("splits", ["test"]))),
        bins=int(evaluation.get("ece_bins", BINS)),
        scaled={
            name: scaled_predictions(table, measured)[0]
            for name, table in predictions_by_paradigm.items()
        },
    )


def pictures(
    leaderboard: pd.DataFrame,
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]],
    predictions_by_paradigm: Mapping[str, pd.DataFrame],
    histories: Mapping[str, pd.DataFrame],
    evaluation: Mapping[str, Any],
) -> list[Picture]:
    """All figures that the task and the paradigms allow.

    A regression has no reliability diagram, and a study of baselines alone no learning curves.
    """
    task = next(iter(metrics_by_paradigm.values()))["task"]
    split = next(iter(evaluation.get("splits", ["test"])))
    found = [
        Picture(
            leaderboard_figure_of(leaderboard, metrics_by_paradigm, evaluation),
            "A dot with its interval for every paradigm, one panel per metric. The table above has"
            " the same numbers.",
            "Principal metrics with their intervals; the dashed line is the strongest simple"
            " baseline.",
        )
    ]
    if task["kind"] != "regression":
        found.append(
            Picture(
                calibration_figure_of(predictions_by_paradigm, task, evaluation),
                "Share of hits against the probability of the predicted class, one panel per"
                " paradigm. The column ECE sums up the distance to the diagonal.",
                f"Reliability on {split}, seeds pooled. On the dashed line a paradigm is as often"
                " right as it says; below it, it is too sure. Rings: after temperature scaling,"
                " fitted on validation. The area of a dot is its share of the examples.",
            )
        )
    if any("train_loss" in table.columns for table in histories.values()):
        found.append(
            Picture(
                figures.history_figure(histories),
                "Training and validation loss by epoch, one panel per paradigm.",
                "Learning curves, a line per seed. The epoch with the lowest validation loss is"
                " kept.",
            )
        )
    return found
