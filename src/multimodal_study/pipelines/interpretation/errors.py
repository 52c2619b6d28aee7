"""Where the best paradigm is wrong: slices, confusions, worst errors, and who would have known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import SEQUENCES, Features
from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of
from multimodal_study.pipelines.interpretation.options import check_counts

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.metrics.table import Panel, Rows

Array = np.ndarray[Any, Any]
SLICES = [
    "paradigm", "slice", "examples", "error", "low", "high", "error_of_the_rest", "gap", "gap_low",
    "gap_high", "verdict",
]  # fmt: skip
DISAGREEMENTS = [
    "paradigm",
    "other",
    "examples",
    "both_right",
    "only_paradigm",
    "only_other",
    "both_wrong",
]
CONFUSIONS = ["paradigm", "target", "prediction", "examples", "share_of_target"]
WORST = ["paradigm", "example_id", "target", "prediction", "error", "text"]
MORE, FEWER, NOISE = "more errors", "fewer errors", "no measurable difference"
_LONG = 0.75
"""Quantile of the length of a text from which it is long."""


def errors(
    features: Features,
    predictions: Mapping[str, pd.DataFrame],
    metrics: Mapping[str, Mapping[str, Any]],
    options: dict[str, Any],
    evaluation: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Errors on the first of ``evaluation.splits`` of what validation chose.

    The error of an example is the share of seeds that are wrong about it, for a regression the mean
    distance to the target. The paradigm is the best on validation; slices are those of the
    strongest baseline too.

    Args:
        features: Of the dataset.
        predictions: By paradigm.
        metrics: By paradigm.
        options: ``interpretation.errors``: ``fewest`` examples of a slice, ``worst`` examples.
        evaluation: How intervals are made.

    Returns:
        Slices (:data:`SLICES`; the gap is to all other examples, its interval over clusters, not
        corrected for their number), what others know (:data:`DISAGREEMENTS`, shares of examples and
        seeds; none for a regression), confusions (:data:`CONFUSIONS`) and the worst errors
        (:data:`WORST`).

    Raises:
        InputError: An option is out of range.
    """
    import pandas as pd

    from multimodal_study.metrics.selection import best
    from multimodal_study.metrics.table import panels, task_of

    check_counts("errors", options, ("fewest", "worst"))
    task = task_of(dict(next(iter(metrics.values()))["task"]))
    split = splits_of(evaluation)[0]
    seen = {name: panels(table, task)[split] for name, table in predictions.items()}
    chosen = best(metrics)
    baseline = best(metrics, evaluation.get("baselines", []))
    shown = [name for name in dict.fromkeys((chosen, baseline)) if name is not None]
    sliced = [
        {"paradigm": name, **row}
        for name in shown
        for row in _slices(features, seen[name], options["fewest"], resampling_of(evaluation))
    ]
    others = [] if chosen is None or not task.classes else _disagreements(chosen, seen)
    confused, worst = [], []
    if chosen is not None:
        confused = _confusions(chosen, seen[chosen], task.classes)
        worst = _worst(features, chosen, seen[chosen], options["worst"])
    return (
        pd.DataFrame(sliced, columns=SLICES),
        pd.DataFrame(others, columns=DISAGREEMENTS),
        pd.DataFrame(confused, columns=CONFUSIONS),
        pd.DataFrame(worst, columns=WORST),
    )


def _wrong(features: Features, panel: Panel[Rows]) -> Array:
    """Error of each example and seed: float64 ``[seeds, n]``."""
    if features.task.classes:
        return np.stack([(one.prediction != one.target).astype(float) for one in panel.rows])
    return np.stack([np.abs(one.expected - one.value) for one in panel.rows])


def _rows_of(features: Features, panel: Panel[Rows]) -> Array:
    """Positions in the examples of those of the panel: int64 ``[n]``."""
    place = {str(name): row for row, name in enumerate(features.examples["example_id"])}
    return np.array([place[str(name)] for name in panel.examples], dtype=np.int64)


def _slices(
    features: Features, panel: Panel[Rows], fewest: int, resampling: Resampling
) -> list[dict[str, Any]]:
    from multimodal_study.interpretation.slices import gap

    wrong = _wrong(features, panel).mean(0)
    rows = []
    for name, member in _members(features, _rows_of(features, panel)).items():
        if min(member.sum(), (~member).sum()) < fewest:
            continue
        own, apart = gap(wrong, member, panel.cluster, resampling)
        verdict = MORE if apart.low > 0 else FEWER if apart.high < 0 else NOISE
        row: dict[str, Any] = {"slice": name, "examples": int(member.sum()), "error": own.value}
        row |= {"low": own.low, "high": own.high, "error_of_the_rest": wrong[~member].mean()}
        row |= {"gap": apart.value, "gap_low": apart.low, "gap_high": apart.high}
        rows.append({**row, "verdict": verdict})
    return rows


def _members(features: Features, rows: Array) -> dict[str, Array]:
    """Slices that the features tell: name to bool ``[n]``."""
    task, examples = features.task, features.examples
    found: dict[str, Array] = {}
    if task.classes and not task.groups:
        target = examples["target"].to_numpy()
        counts = np.bincount(target[features.rows("train")], minlength=len(task.classes))
        found["rarest class in train"] = target[rows] == counts.argmin()
    for entity in dict.fromkeys(item.entity for item in features.modalities.values()):
        index = examples[entity].to_numpy()
        if index.max(initial=-1) + 1 < len(index):
            known = np.unique(index[features.rows("train")])
            found[f"{entity} not in train"] = ~np.isin(index[rows], known)
    for name, item in features.modalities.items():
        index = examples[item.entity].to_numpy()[rows]
        found[f"no {name}"] = ~features.present[name][index]
        length = _lengths(features, name, index)
        if length is not None:
            found[f"long by {name}"] = length > np.quantile(length, _LONG)
    return found


def _lengths(features: Features, name: str, index: Array) -> Array | None:
    """Words or tokens of each row of a text's modality; None for other modalities."""
    kind = features.modalities[name].kind
    if kind == "words":
        counted: Any = features.arrays[name]
        return np.diff(counted.indptr)[index] if hasattr(counted, "indptr") else None
    return features.lengths[name][index] if kind in SEQUENCES and kind == "tokens" else None


def _disagreements(chosen: str, seen: Mapping[str, Panel[Rows]]) -> list[dict[str, Any]]:
    """Seeds are taken in order; where one paradigm has fewer, its seeds are taken again."""
    own = seen[chosen]
    rows = []
    for name, panel in seen.items():
        if name == chosen:
            continue
        pairs = []
        for number in range(max(len(own.rows), len(panel.rows))):
            one, other = (p.rows[number % len(p.rows)] for p in (own, panel))
            pairs.append((one.prediction == one.target, other.prediction == other.target))
        first, second = (np.stack(part) for part in zip(*pairs, strict=True))
        row: dict[str, Any] = {"paradigm": chosen, "other": name, "examples": len(own.examples)}
        row |= {"both_right": (first & second).mean(), "only_paradigm": (first & ~second).mean()}
        row |= {"only_other": (~first & second).mean(), "both_wrong": (~first & ~second).mean()}
        rows.append(row)
    return rows


def _confusions(chosen: str, panel: Panel[Rows], classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Classes taken for others, the most frequent first; ``examples`` is a mean over seeds."""
    count = len(classes)
    if not count:
        return []
    table = np.zeros((count, count))
    for one in panel.rows:
        np.add.at(table, (one.target, one.prediction), 1 / len(panel.rows))
    whole = table.sum(1)
    np.fill_diagonal(table, 0.0)
    rows = []
    for place in np.argsort(-table, axis=None, kind="stable"):
        target, prediction = divmod(int(place), count)
        if table[target, prediction] > 0:
            row = {"paradigm": chosen, "target": classes[target], "prediction": classes[prediction]}
            share = table[target, prediction] / whole[target]
            rows.append({**row, "examples": table[target, prediction], "share_of_target": share})
    return rows


def _worst(features: Features, chosen: str, panel: Panel[Rows], count: int) -> list[dict[str, Any]]:
    """Examples with the largest mean loss: nats for classes, distance for a regression."""
    classes = features.task.classes
    if classes:
        losses = [
            -np.log(np.maximum(one.probabilities[np.arange(len(one.target)), one.target], 1e-12))
            for one in panel.rows
        ]
    else:
        losses = list(_wrong(features, panel))
    loss = np.mean(losses, axis=0)
    rows_of = _rows_of(features, panel)
    texts = features.examples["text"].to_numpy() if "text" in features.examples else None
    first = panel.rows[0]
    found = []
    for at in np.argsort(-loss, kind="stable")[:count]:
        said = [one[at] for one in (first.target, first.prediction)]
        named = [classes[int(one)] for one in said] if classes else [float(one) for one in said]
        row = {"paradigm": chosen, "example_id": panel.examples[at], "target": named[0]}
        text = "" if texts is None else str(texts[rows_of[at]])
        found.append({**row, "prediction": named[1], "error": loss[at], "text": text})
    return found
