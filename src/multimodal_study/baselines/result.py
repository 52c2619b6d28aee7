"""What a baseline hands back, in the form of every other cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from multimodal_study.contract import Features
from multimodal_study.data.cost import Cost
from multimodal_study.data.predictions import evaluated_rows, predictions_table

Predictor = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
"""Positions in the examples ``[n]`` to probabilities ``[n, c]`` or predictions ``[n, 1]``."""


@dataclass(frozen=True)
class Candidate:
    """A fitted model and what it took."""

    predict: Predictor
    parameters: int
    """Numbers that were learned."""
    chosen: dict[str, Any]
    """What validation chose, for the report."""
    history: list[dict[str, Any]]
    """What was tried, with the validation score of each."""


@dataclass(frozen=True)
class BaselineResult:
    """Tables of one baseline."""

    predictions: pd.DataFrame
    cost: list[dict[str, Any]]
    chosen: dict[str, Any]
    history: list[dict[str, Any]]


def run(features: Features, seed: int, fit: Callable[[], Candidate]) -> BaselineResult:
    """Fit, predict validation and test, and account for both."""
    rows = evaluated_rows(features)
    with Cost() as fitting:
        candidate = fit()
    with Cost() as predicting:
        output = among_candidates(features, rows, candidate.predict(rows))
    cost = {
        "seed": seed,
        "parameters": candidate.parameters,
        "fit_seconds": fitting.seconds,
        "predict_seconds": predicting.seconds,
        "peak_memory_mb": fitting.peak_memory_mb,
        "device": "cpu",
    }
    history = [{"seed": seed, **row} for row in candidate.history]
    table = predictions_table(features, rows, output, seed)
    return BaselineResult(table, [cost], candidate.chosen, history)


def target_of(features: Features, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Targets of some examples: int64 class indices, or float64 for a regression."""
    values = features.examples["target"].to_numpy()[rows]
    kind = np.float64 if features.task.kind == "regression" else np.int64
    result: np.ndarray[Any, Any] = values.astype(kind)
    return result


def all_classes(
    probabilities: np.ndarray[Any, Any], seen: np.ndarray[Any, Any], features: Features
) -> np.ndarray[Any, Any]:
    """Columns for every class of the task ``[n, c]``, zero for a class that train lacks."""
    result = np.zeros((len(probabilities), features.task.outputs))
    result[:, seen.astype(int)] = probabilities
    return result


def among_candidates(
    features: Features, rows: np.ndarray[Any, Any], output: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """``output`` ``[n, c]`` with nothing left for classes that do not compete for a row."""
    candidates = features.candidates(rows)
    if candidates is None:
        return output
    kept = np.where(candidates, np.clip(output, 1e-12, None), 0.0)
    result: np.ndarray[Any, Any] = kept / kept.sum(1, keepdims=True)
    return result


def validation_loss(
    features: Features, rows: np.ndarray[Any, Any], output: np.ndarray[Any, Any]
) -> float:
    """Mean negative log-likelihood in nats, or mean squared error for a regression."""
    target = target_of(features, rows)
    output = among_candidates(features, rows, output)
    if features.task.kind == "regression":
        return float(np.mean((output[:, 0] - target) ** 2))
    chosen = np.clip(output[np.arange(len(target)), target], 1e-12, None)
    return float(-np.log(chosen).mean())
