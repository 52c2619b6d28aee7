"""From saved predictions to metrics, a leaderboard, paired differences and costs."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.metrics.bootstrap import Difference
    from multimodal_study.metrics.registry import Metric
    from multimodal_study.metrics.table import Panel

logger = logging.getLogger(__name__)

LEADERBOARD = ["paradigm", "metric", "value", "low", "high", "seeds", "split"]
CONTRIBUTIONS = [
    "comparison",
    "metric",
    "difference",
    "low",
    "high",
    "p_value",
    "split",
    "positive_means",
    "verdict",
]
COSTS = [
    "parameters", "flops_per_example", "fit_seconds", "predict_seconds", "peak_memory_mb",
    "epochs", "best_epoch",
]  # fmt: skip
NOTHING = "no measurable contribution"
GAIN = "a measurable gain"
LOSS = "a measurable loss"
UNDEFINED = "not defined here"


def evaluate(
    predictions: pd.DataFrame, task: dict[str, Any], evaluation: dict[str, Any]
) -> dict[str, Any]:
    """Metrics of one cell, as plain JSON values.

    Args:
        predictions: The predictions table (see :mod:`multimodal_study.metrics.table`).
        task: Fields of the :class:`multimodal_study.contract.Task`, or the configuration of a cell,
            which has them under ``task``.
        evaluation: ``bootstrap``, ``confidence``, ``ece_bins``, and a ``seed`` of the resamples.

    Returns:
        ``per_seed``: split, seed, metric to value (what is not defined is left out); ``rows``: one
        per metric and split with ``value`` (mean over seeds), ``low``, ``high`` and ``seeds``
        (their number), None where not defined; ``examples`` and ``clusters`` per split; ``task``.

    Raises:
        ValueError: If the predictions break their contract or a parameter its range.
    """
    from multimodal_study.metrics.bootstrap import estimates
    from multimodal_study.metrics.table import panels

    task = task.get("task", task)
    measured, metrics = _task(task, evaluation)
    found = panels(predictions, measured)
    per_seed: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for split, panel in found.items():
        per_seed[split] = {
            str(seed): defined({name: one.value(seen) for name, one in metrics.items()})
            for seed, seen in zip(panel.seeds, panel.rows, strict=True)
        }
        for name, estimate in estimates(panel, metrics, resampling_of(evaluation)).items():
            numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append(
                {"metric": name, **{key: json_number(number) for key, number in numbers.items()}}
                | {"seeds": len(panel.seeds), "split": split}
            )
    return {
        "task": {key: list(v) if isinstance(v, tuple) else v for key, v in task.items()},
        "examples": {split: len(panel.examples) for split, panel in found.items()},
        "clusters": {split: panel.clusters for split, panel in found.items()},
        "per_seed": per_seed,
        "rows": rows,
    }


def leaderboard(
    metrics_by_paradigm: dict[str, dict[str, Any]], evaluation: dict[str, Any]
) -> pd.DataFrame:
    """One row per paradigm, metric and split: the columns are :data:`LEADERBOARD`.

    Paradigms stand in the order of the deciding metric on the first of ``evaluation.splits``, the
    deciding metric first. The order is a display: choices are made on validation.

    Raises:
        ValueError: If a split of ``evaluation.splits`` was not predicted.
    """
    import pandas as pd

    from multimodal_study.metrics.registry import METRICS
    from multimodal_study.metrics.selection import deciding, mean

    splits = splits_of(evaluation)
    decides = deciding(metrics_by_paradigm)
    sign = -1.0 if METRICS[decides].higher_is_better else 1.0

    def place(paradigm: str) -> float:
        value = mean(metrics_by_paradigm[paradigm], decides, splits[0])
        return math.inf if value is None else sign * value

    rows = []
    for paradigm in sorted(metrics_by_paradigm, key=place):
        own = [r for r in metrics_by_paradigm[paradigm]["rows"] if r["split"] in splits]
        if {row["split"] for row in own} != set(splits):
            raise ValueError(
                f"evaluation.splits is {splits}, but {paradigm} has predictions of"
                f" {sorted({row['split'] for row in metrics_by_paradigm[paradigm]['rows']})} only"
            )
        own.sort(key=lambda row: (splits.index(row["split"]), row["metric"] != decides))
        rows += [{"paradigm": paradigm, **row} for row in own]
    board = pd.DataFrame(rows, columns=LEADERBOARD)
    return board.astype({"value": "float64", "low": "float64", "high": "float64"})


def contribution(
    task: dict[str, Any],
    predictions_with: pd.DataFrame,
    predictions_without: pd.DataFrame,
    evaluation: dict[str, Any],
    comparison: str,
) -> pd.DataFrame:
    """What ``comparison`` adds: metric with it less metric without it, paired by example.

    Returns:
        One row per metric and split of ``evaluation.splits``; the columns are
        :data:`CONTRIBUTIONS`. ``verdict`` says plainly when the interval contains zero.

    Raises:
        ValueError: If the tables break their contract or hold different examples.
    """
    from multimodal_study.metrics.table import panels

    measured, _ = _task(task, evaluation)
    pair = (panels(predictions_with, measured), panels(predictions_without, measured))
    return _contributions(task, evaluation, [(comparison, *pair)])


def contributions(
    predictions_by_paradigm: dict[str, pd.DataFrame],
    metrics_by_paradigm: dict[str, dict[str, Any]],
    evaluation: dict[str, Any],
    comparisons: Sequence[Mapping[str, str]] = (),
) -> pd.DataFrame:
    """Every one of the dataset's ``comparisons``, then every gain over the best baseline.

    A comparison is ``{what, with, without}``; one whose paradigms have no cell is logged and left
    out. The strongest of ``evaluation.baselines`` is chosen on validation.

    Returns:
        As :func:`contribution`.
    """
    from multimodal_study.metrics.selection import best
    from multimodal_study.metrics.table import panels

    baselines = list(evaluation.get("baselines", []))
    pairs = []
    for wanted in comparisons:
        first, second = wanted["with"], wanted["without"]
        absent = [name for name in (first, second) if name not in predictions_by_paradigm]
        if absent:
            logger.warning("comparison %r left out: no cell %s", wanted["what"], absent)
            continue
        pairs.append((f"{wanted['what']} ({first} against {second})", first, second))
    strongest = best(metrics_by_paradigm, baselines)
    if strongest is not None:
        pairs += [
            (
                f"Using {name} instead of {strongest} (the strongest simple baseline)",
                name,
                strongest,
            )
            for name in predictions_by_paradigm
            if name not in baselines
        ]
    task = next(iter(metrics_by_paradigm.values()))["task"]
    measured, _ = _task(task, evaluation)
    used = {name for _, *names in pairs for name in names}
    seen = {name: panels(predictions_by_paradigm[name], measured) for name in used}
    named = [(title, seen[first], seen[second]) for title, first, second in pairs]
    return _contributions(task, evaluation, named)


def costs(*tables_by_paradigm: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean cost over seeds: ``paradigm``, ``seeds``, the columns of :data:`COSTS`, ``device``.

    Args:
        *tables_by_paradigm: Cost tables by paradigm, for example of fits and of predictions; each
            has the column ``seed`` and some of the others. What nobody measured is empty.
    """
    import pandas as pd

    rows = []
    for paradigm in dict.fromkeys(name for tables in tables_by_paradigm for name in tables):
        own = [tables[paradigm] for tables in tables_by_paradigm if paradigm in tables]
        row: dict[str, Any] = {"paradigm": paradigm, "seeds": max(len(table) for table in own)}
        for name in COSTS:
            # Of two tables that both measured memory, the larger one is the peak.
            means = [float(table[name].mean()) for table in own if name in table.columns]
            row[name] = max(means, default=math.nan)
        devices = [str(d) for table in own if "device" in table for d in table["device"]]
        rows.append({**row, "device": ", ".join(dict.fromkeys(devices))})
    return pd.DataFrame(rows, columns=["paradigm", "seeds", *COSTS, "device"])


def _contributions(
    task: dict[str, Any],
    evaluation: dict[str, Any],
    pairs: Sequence[tuple[str, dict[str, Panel[Any]], dict[str, Panel[Any]]]],
) -> pd.DataFrame:
    import pandas as pd

    from multimodal_study.metrics.bootstrap import paired_difference, replicates

    _, metrics = _task(task, evaluation)
    resampling = resampling_of(evaluation)
    drawn: dict[int, dict[str, Any]] = {}
    rows = []
    for comparison, first, second in pairs:
        for split in splits_of(evaluation):
            if split not in first or split not in second:
                raise ValueError(f"evaluation.splits has {split!r}, which was not predicted")
            pair = (first[split], second[split])
            for panel in pair:
                if id(panel) not in drawn:
                    drawn[id(panel)] = replicates(panel, metrics, resampling)
            known = (drawn[id(pair[0])], drawn[id(pair[1])])
            found = paired_difference(*pair, metrics, resampling, known)
            for name in sorted(metrics, key=lambda name: name != task["decides"]):
                rows.append(contribution_row(comparison, metrics[name], found[name], split))
    return pd.DataFrame(rows, columns=CONTRIBUTIONS)


def contribution_row(
    comparison: str, metric: Metric[Any], found: Difference, split: str
) -> dict[str, Any]:
    """One row of the contributions, with its verdict in words."""
    if math.isnan(found.low):
        verdict = UNDEFINED
    elif found.low <= 0.0 <= found.high:
        verdict = NOTHING
    else:
        verdict = GAIN if (found.value > 0.0) == metric.higher_is_better else LOSS
    return {
        "comparison": comparison,
        "metric": metric.name,
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "split": split,
        "positive_means": "better" if metric.higher_is_better else "worse",
        "verdict": verdict,
    }


def _task(task: dict[str, Any], evaluation: dict[str, Any]) -> tuple[Any, dict[str, Metric[Any]]]:
    from multimodal_study.metrics.registry import metrics_for
    from multimodal_study.metrics.table import task_of

    measured = task_of(task)
    metrics = metrics_for(measured.kind, int(evaluation.get("ece_bins", 15)))
    if measured.decides not in metrics:
        raise ValueError(
            f"task.decides is {measured.decides!r}, expected one of {list(metrics)} for a"
            f" {measured.kind} task"
        )
    return measured, metrics


def defined(values: dict[str, float]) -> dict[str, float]:
    """What is not NaN."""
    return {name: value for name, value in values.items() if not math.isnan(value)}


def json_number(value: float) -> float | None:
    """JSON has no NaN: None stands for it."""
    return None if math.isnan(value) else value
