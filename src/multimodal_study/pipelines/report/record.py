"""What the pages say beside the metrics: how a cell was built, what the features are, answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.contract import Features

    Array = np.ndarray[Any, Any]

ANSWERS = [
    "question", "with", "without", "metric", "difference", "low", "high", "p_value", "split",
    "verdict",
]  # fmt: skip
VARIANTS = ["paradigm", "quantity", "variant", "value", "low", "high", "seeds", "split"]


def describe(
    config: dict[str, Any], weights: Mapping[str, Array] | None, run: dict[str, Any]
) -> dict[str, Any]:
    """How a cell was built and which run built it, as plain JSON values.

    Args:
        config: The configuration of the cell.
        weights: ``<seed>/<name>`` to arrays; None for a cell that saves none.
        run: The record of the run (``reporting.provenance``).

    Returns:
        ``parameters``, ``trainer``, ``modalities``, ``capabilities`` and ``seed`` as configured,
        ``made``: cards of modalities that are the cell's own, ``tensors``: name to shape, of one
        seed, ``seeds``: those that were fitted, and ``run``.
    """
    names = sorted(weights or {})
    seeds = sorted({name.split("/", 1)[0] for name in names})
    first = f"{seeds[0]}/" if seeds else ""
    return {
        **{key: config.get(key) for key in ("parameters", "trainer", "modalities", "seed")},
        "made": dict(config.get("made", {})),
        "capabilities": list(config.get("capabilities", [])),
        "tensors": {
            name.removeprefix(first): list((weights or {})[name].shape)
            for name in names
            if name.startswith(first)
        },
        "seeds": [int(seed) for seed in seeds],
        "run": {key: run.get(key) for key in ("run_id", "mlflow_run", "command", "commit")},
    }


def feature_card(features: Features) -> dict[str, Any]:
    """What a paradigm may look at, in numbers, as plain JSON values.

    Returns:
        ``modalities``: name to ``entity``, ``kind``, ``width``, ``origin``, ``likelihood``,
        ``encoder``, ``rows`` (entities) and ``missing`` (share of the rows of examples without
        it, 0 to 1); ``examples`` and ``clusters`` by split; ``targets``: by split, the number of
        each class, or ``mean`` and ``deviation``; ``pair``.
    """
    from multimodal_study.contract import SPLITS

    rows = {split: features.rows(split) for split in SPLITS}
    return {
        "modalities": {name: features.card(name) for name in features.modalities},
        "examples": {split: len(own) for split, own in rows.items()},
        "clusters": {
            split: int(features.examples["cluster"].iloc[own].nunique())
            for split, own in rows.items()
        },
        "targets": {split: _targets(features, own) for split, own in rows.items() if len(own)},
        "pair": list(features.pair) if features.pair else None,
    }


def _targets(features: Features, rows: Array) -> dict[str, float]:
    import numpy as np

    target = features.examples["target"].to_numpy()[rows]
    if not features.task.classes:
        return {"mean": float(target.mean()), "deviation": float(target.std())}
    counts = np.bincount(target.astype(int), minlength=len(features.task.classes))
    return {name: int(n) for name, n in zip(features.task.classes, counts, strict=True)}


def answers(
    metrics_by_paradigm: Mapping[str, dict[str, Any]],
    predictions_by_paradigm: Mapping[str, pd.DataFrame],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """The study's questions as paired differences of the deciding metric, columns ANSWERS.

    ``fusion``: the best paradigm that fuses, less the best that reads a single modality;
    ``baseline``: the best of all, less the strongest simple baseline; ``label``: ``hybrid`` less
    ``mvae``, the same network with and without the gradient of the task. What is best was chosen
    on validation.
    """
    import pandas as pd

    from multimodal_study.metrics.selection import best, deciding
    from multimodal_study.pipelines.evaluation.nodes import contribution
    from multimodal_study.pipelines.evaluation.settings import splits_of
    from multimodal_study.reporting.known import fuses, reads_one

    names = list(metrics_by_paradigm)
    baselines = set(evaluation.get("baselines", []))
    pairs = {
        "fusion": (
            best(metrics_by_paradigm, [name for name in names if fuses(name)]),
            best(metrics_by_paradigm, [name for name in names if reads_one(name)]),
        ),
        "baseline": (
            best(metrics_by_paradigm, [name for name in names if name not in baselines]),
            best(metrics_by_paradigm, baselines),
        ),
        "label": tuple(name if name in names else None for name in ("hybrid", "mvae")),
    }
    decides, split = deciding(metrics_by_paradigm), splits_of(evaluation)[0]
    task = next(iter(metrics_by_paradigm.values()))["task"]
    rows = []
    for question, (first, second) in pairs.items():
        if first is None or second is None or first == second:
            continue
        tables = (predictions_by_paradigm[first], predictions_by_paradigm[second])
        found = contribution(task, *tables, evaluation, question)
        own = found[(found["metric"] == decides) & (found["split"] == split)]
        named = {"question": question, "with": first, "without": second}
        rows += [{**row, **named} for row in own.to_dict("records")]
    return pd.DataFrame(rows, columns=ANSWERS)


def variants(
    metrics_by_paradigm: Mapping[str, dict[str, Any]],
    predictions_by_paradigm: Mapping[str, pd.DataFrame],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """Every reading of a metric's name, from the same predictions; the columns are VARIANTS."""
    import pandas as pd

    from multimodal_study.metrics.bootstrap import estimates
    from multimodal_study.metrics.table import panels, task_of
    from multimodal_study.metrics.variants import variants_for
    from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of

    task = task_of(next(iter(metrics_by_paradigm.values()))["task"])
    split = splits_of(evaluation)[0]
    rows = []
    for paradigm, table in predictions_by_paradigm.items():
        panel = panels(table, task)[split]
        named = variants_for(task, panel)
        found = estimates(
            panel, {metric.name: metric for metric in named.values()}, resampling_of(evaluation)
        )
        for (quantity, variant), metric in named.items():
            one = found[metric.name]
            rows.append(
                {"paradigm": paradigm, "quantity": quantity, "variant": variant}
                | {"value": one.value, "low": one.low, "high": one.high}
                | {"seeds": len(panel.seeds), "split": split}
            )
    return pd.DataFrame(rows, columns=VARIANTS)
