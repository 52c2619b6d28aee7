"""Are probabilities to be believed, before and after temperature scaling on validation?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.evaluation.nodes import contribution_row
from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of

if TYPE_CHECKING:
    import pandas as pd

CALIBRATION = [
    "paradigm", "metric", "seeds", "temperature", "temperature_lowest", "temperature_highest",
    "before", "before_low", "before_high", "after", "after_low", "after_high",
    "change", "change_low", "change_high", "split", "verdict",
]  # fmt: skip
MEASURED = ("ece", "brier", "nll")
SMALLEST, NEGLIGIBLE = 5e-4, "negligible"
"""A change that no table shows is none, however sure."""


def calibration(
    predictions_by_paradigm: Mapping[str, pd.DataFrame],
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """Calibration error, Brier score and NLL of every paradigm, as it is and scaled.

    Returns:
        One row per paradigm, metric and split of ``evaluation.splits``; the columns are
        :data:`CALIBRATION`. ``temperature`` is the mean over seeds, with the lowest and highest;
        ``change`` is after less before, paired by example. No row for a regression.

    Raises:
        ValueError: A table breaks its contract, or a split was not predicted.
    """
    import pandas as pd

    from multimodal_study.metrics.registry import metrics_for
    from multimodal_study.metrics.table import task_of

    rows: list[dict[str, Any]] = []
    task = task_of(dict(next(iter(metrics_by_paradigm.values()))["task"]))
    if task.kind != "regression":
        every = metrics_for(task.kind, int(evaluation.get("ece_bins", 15)))
        metrics = {name: every[name] for name in MEASURED}
        for paradigm, predictions in predictions_by_paradigm.items():
            found = _of_cell(predictions, task, metrics, evaluation)
            rows += [{"paradigm": paradigm, **row} for row in found]
    return pd.DataFrame(rows, columns=CALIBRATION)


def _of_cell(
    predictions: pd.DataFrame, task: Any, metrics: dict[str, Any], evaluation: dict[str, Any]
) -> list[dict[str, Any]]:
    from statistics import fmean

    from multimodal_study.metrics.bootstrap import estimates, paired_difference
    from multimodal_study.metrics.table import panels
    from multimodal_study.metrics.temperature import scaled_predictions

    made, temperatures = scaled_predictions(predictions, task)
    values = temperatures.values()
    chosen = {"temperature": fmean(values), "seeds": len(temperatures)}
    chosen |= {"temperature_lowest": min(values), "temperature_highest": max(values)}
    before, after = panels(predictions, task), panels(made, task)
    resampling = resampling_of(evaluation)
    rows = []
    for split in splits_of(evaluation):
        if split not in before:
            raise ValueError(f"evaluation.splits has {split!r}, which was not predicted")
        sides = {"before": before[split], "after": after[split]}
        found = {name: estimates(panel, metrics, resampling) for name, panel in sides.items()}
        changes = paired_difference(sides["after"], sides["before"], metrics, resampling)
        for name, metric in metrics.items():
            row: dict[str, Any] = {"metric": name, **chosen, "split": split}
            for side, measured in found.items():
                one = measured[name]
                row |= {side: one.value, f"{side}_low": one.low, f"{side}_high": one.high}
            change = changes[name]
            row |= {"change": change.value, "change_low": change.low, "change_high": change.high}
            said = contribution_row("", metric, change, split)["verdict"]
            row["verdict"] = NEGLIGIBLE if abs(change.value) < SMALLEST else said
            rows.append(row)
    return rows
