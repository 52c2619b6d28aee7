"""The predictions table of a cell, checked and turned into arrays.

Columns: ``example_id``, ``split``, ``seed``, ``cluster``, ``target``, ``prediction``; for classes
``p_0`` ... ``p_{c-1}``; for an ordinal task also ``expected``. One row per example, split and seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

from multimodal_study.contract import SPLITS, Task
from multimodal_study.metrics.statistics import Array

KEYS = ("example_id", "split", "seed", "cluster", "target", "prediction")
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Rows:
    """Predictions of one seed on one split."""

    target: Array
    """Class index int64 [n], or the true value float64 [n] of a regression."""
    prediction: Array
    """Class index int64 [n], or the predicted value float64 [n]."""
    probabilities: Array
    """Float64 [n, c]; no column for a regression."""
    value: Array
    """True value float64 [n]: of the class for an ordinal task, else the target."""
    expected: Array
    """Predicted value float64 [n]: probability-weighted for an ordinal task."""


Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Panel(Generic[Measured]):
    """What all seeds said on one split, example by example in the same order."""

    split: str
    seeds: tuple[int, ...]
    rows: tuple[Measured, ...]
    """One entry per seed."""
    examples: Array
    """Sorted example ids [n]."""
    cluster: Array
    """Cluster of each example as an index into the sorted cluster names: int64 [n]."""
    clusters: int
    """Number of clusters."""


def task_of(described: dict[str, Any]) -> Task:
    """The task that ``described`` (its fields, as JSON has them) stands for."""
    lists = {name: tuple(described.get(name, ())) for name in ("classes", "values", "groups")}
    return Task(**{**described, **lists})


def panels(predictions: pd.DataFrame, task: Task) -> dict[str, Panel[Rows]]:
    """One panel per split that ``predictions`` has, in the order train, validation, test.

    Raises:
        ValueError: If the table breaks its contract; the message says where.
    """
    check(predictions, task)
    return {
        split: _panel(predictions[predictions["split"] == split], split, task)
        for split in SPLITS
        if (predictions["split"] == split).any()
    }


def check(predictions: pd.DataFrame, task: Task) -> None:
    """Refuse a predictions table that breaks its contract.

    Raises:
        ValueError: Naming the columns and how many rows are wrong.
    """
    extra = ("expected",) if task.kind == "ordinal" else ()
    numbers = ("target", "prediction", *_columns(task), *extra)
    missing = [name for name in (*KEYS, *numbers) if name not in predictions.columns]
    if missing:
        raise ValueError(
            f"predictions lack the columns {missing} of the {task.kind} task {task.name!r}"
        )
    if predictions.empty:
        raise ValueError("predictions have no row; was the predict node given any example?")
    unknown = sorted(set(predictions["split"].astype(str)) - set(SPLITS))
    if unknown:
        raise ValueError(f"predictions.split has {unknown}, expected {SPLITS}")
    for name in KEYS[:4]:
        _refuse(predictions[name].isna(), f"predictions.{name} is empty")
    for name in numbers:
        _refuse(
            ~np.isfinite(predictions[name].to_numpy(dtype=np.float64)),
            f"predictions.{name} is not a finite number",
        )
    twice = predictions.duplicated(["example_id", "split", "seed"])
    _refuse(twice, "an example occurs twice for one split and seed in predictions")
    if task.kind != "regression":
        _check_classes(predictions, task)


def _check_classes(predictions: pd.DataFrame, task: Task) -> None:
    for name in ("target", "prediction"):
        wrong = ~predictions[name].isin(range(len(task.classes)))
        _refuse(wrong, f"predictions.{name} is not a class index 0..{len(task.classes) - 1}")
    probabilities = predictions[_columns(task)].to_numpy(dtype=np.float64)
    outside = ((probabilities < -TOLERANCE) | (probabilities > 1.0 + TOLERANCE)).any(axis=1)
    _refuse(outside, "a probability of predictions is outside 0..1")
    off = np.abs(probabilities.sum(axis=1) - 1.0) > TOLERANCE
    _refuse(off, f"the probabilities of predictions do not sum to 1 (within {TOLERANCE})")
    if task.kind == "ordinal":
        implied = probabilities @ np.asarray(task.values)
        allowed = TOLERANCE * max(1.0, float(np.abs(task.values).max()))
        off = np.abs(predictions["expected"].to_numpy(dtype=np.float64) - implied) > allowed
        _refuse(off, "predictions.expected is not the sum of probability x class value")


def _refuse(wrong: Any, problem: str) -> None:
    wrong = np.asarray(wrong)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(f"{problem}: {int(wrong.sum())} rows, the first at position {first}")


def _columns(task: Task) -> list[str]:
    return [f"p_{index}" for index in range(len(task.classes))]


def _panel(table: pd.DataFrame, split: str, task: Task) -> Panel[Rows]:
    by_seed = {
        int(str(seed)): part.sort_values("example_id")
        for seed, part in table.groupby("seed", sort=True)
    }
    first_seed, first = next(iter(by_seed.items()))
    for seed, part in by_seed.items():
        for name in ("example_id", "cluster", "target"):
            if not np.array_equal(part[name].to_numpy(), first[name].to_numpy()):
                raise ValueError(
                    f"predictions of split {split!r}: column {name!r} of seed {seed} differs from"
                    f" seed {first_seed}; every seed must predict the same examples"
                )
    names, cluster = np.unique(first["cluster"].astype(str).to_numpy(), return_inverse=True)
    return Panel(
        split=split,
        seeds=tuple(by_seed),
        rows=tuple(_rows(part, task) for part in by_seed.values()),
        examples=first["example_id"].to_numpy(),
        cluster=cluster,
        clusters=len(names),
    )


def _rows(part: pd.DataFrame, task: Task) -> Rows:
    kind = np.float64 if task.kind == "regression" else np.int64
    target = part["target"].to_numpy(dtype=kind)
    prediction = part["prediction"].to_numpy(dtype=kind)
    probabilities = np.clip(part[_columns(task)].to_numpy(dtype=np.float64), 0.0, 1.0)
    ordinal = task.kind == "ordinal"
    return Rows(
        target=target,
        prediction=prediction,
        probabilities=probabilities,
        value=np.asarray(task.values)[target] if ordinal else target.astype(np.float64),
        expected=(part["expected"] if ordinal else part["prediction"]).to_numpy(dtype=np.float64),
    )
