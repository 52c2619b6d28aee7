"""How well ratings are predicted by how often train has met the film: cold items beside warm ones.

A film without a rating in train has its contents alone; one with hundreds needs none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Features

BINS = (("0", 0, 0), ("1-2", 1, 2), ("3-9", 3, 9), ("10-49", 10, 49), ("50+", 50, math.inf))
"""Name, fewest and most ratings in train."""
COLUMNS = [
    "train_ratings",
    "paradigm",
    "rmse",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "against",
    "ratings",
    "films",
    "split",
]


def ratings_by_history(
    features: Features,
    predictions_by_paradigm: Mapping[str, pd.DataFrame],
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]],
    evaluation: dict[str, Any],
    entity: str = "movie",
) -> pd.DataFrame:
    """RMSE of every paradigm by the number of ratings that train has of the film.

    Differences are paired, to the strongest of ``evaluation.baselines``, which validation as a
    whole chooses; all resamples are of people. A bin without a rating has no row.

    Args:
        features: For the films of the examples and what is train.
        predictions_by_paradigm: Predictions tables.
        metrics_by_paradigm: What ``evaluate`` made of each cell.
        evaluation: How intervals are made, the baselines and the splits to show.
        entity: Column of the examples whose ratings are counted.

    Returns:
        One row per split, bin and paradigm; the columns are :data:`COLUMNS`.
    """
    import pandas as pd

    from multimodal_study.metrics.selection import best

    strongest = best(metrics_by_paradigm, list(evaluation.get("baselines", [])))
    task = next(iter(metrics_by_paradigm.values()))["task"]
    examples = features.examples
    known = examples.loc[examples["split"] == "train", entity].value_counts()
    counts = examples[entity].map(known).fillna(0)
    rows: list[dict[str, Any]] = []
    for split in splits_of(evaluation):
        for name, fewest, most in BINS:
            mine = examples[(examples["split"] == split) & counts.between(fewest, most)]
            if mine.empty:
                continue
            about: dict[str, Any] = {"train_ratings": name, "against": strongest, "split": split}
            about |= {"ratings": len(mine), "films": mine[entity].nunique()}
            found = _bin(mine["example_id"], split, predictions_by_paradigm, task, evaluation)
            rows += [about | row for row in _rows(found, strongest, evaluation)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _bin(
    ids: Any,
    split: str,
    predictions: Mapping[str, pd.DataFrame],
    task: dict[str, Any],
    evaluation: dict[str, Any],
) -> dict[str, tuple[Any, Any]]:
    """Predictions of these examples, and means of all resamples, by paradigm."""
    from multimodal_study.metrics.bootstrap import replicates
    from multimodal_study.metrics.table import panels, task_of

    found = {}
    for name, table in predictions.items():
        kept = table[(table["split"] == split) & table["example_id"].isin(ids)]
        panel = panels(kept, task_of(task))[split]
        found[name] = (panel, replicates(panel, _rmse(), resampling_of(evaluation)))
    return found


def _rows(
    found: dict[str, tuple[Any, Any]], strongest: str | None, evaluation: dict[str, Any]
) -> list[dict[str, Any]]:
    """Values and differences of one bin, the lowest RMSE first."""
    from multimodal_study.metrics.bootstrap import estimates, paired_difference

    resampling = resampling_of(evaluation)
    rows = []
    for name, (panel, drawn) in found.items():
        value = estimates(panel, _rmse(), resampling)["rmse"]
        row = {"paradigm": name, "rmse": value.value, "low": value.low, "high": value.high}
        if strongest is not None and name != strongest:
            other, drawn_of_other = found[strongest]
            apart = paired_difference(panel, other, _rmse(), resampling, (drawn, drawn_of_other))
            row |= {
                "difference": apart["rmse"].value,
                "difference_low": apart["rmse"].low,
                "difference_high": apart["rmse"].high,
            }
        rows.append(row)
    return sorted(rows, key=lambda row: float(row["rmse"]))


def _rmse() -> dict[str, Any]:
    from multimodal_study.metrics.registry import METRICS

    return {"rmse": METRICS["rmse"]}
