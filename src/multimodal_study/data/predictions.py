"""The predictions table: one row per example, split and seed, the same for every paradigm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from multimodal_study.contract import Features, Split, Task

EVALUATED: tuple[Split, ...] = ("validation", "test")


def evaluated_rows(features: Features) -> np.ndarray[Any, Any]:
    """Positions of all validation and test examples, int64 ``[n]``."""
    return np.concatenate([features.rows(split) for split in EVALUATED])


def predictions_table(
    features: Features, rows: np.ndarray[Any, Any], output: np.ndarray[Any, Any], seed: int
) -> pd.DataFrame:
    """Predictions of one seed.

    Args:
        features: Where ``rows`` point to.
        rows: Positions in ``features.examples``, ``[n]``.
        output: Probabilities ``[n, c]``, or predictions ``[n, 1]`` for a regression.
        seed: Seed of the fit.

    Returns:
        ``example_id``, ``split``, ``seed``, ``cluster``, ``target``, ``prediction``; for classes
        ``p_0`` to ``p_{c-1}``; for an ordinal task ``expected``, the mean of the class values.
    """
    if output.shape != (len(rows), features.task.outputs):
        raise ValueError(f"output is {output.shape}, expected {(len(rows), features.task.outputs)}")
    picked = features.examples.iloc[rows]
    table = picked[["example_id", "split", "cluster", "target"]].reset_index(drop=True)
    table.insert(2, "seed", seed)
    if features.task.kind == "regression":
        return table.assign(prediction=output[:, 0].astype(np.float64))
    probabilities = normalised(output)
    table["prediction"] = probabilities.argmax(1)
    for index in range(probabilities.shape[1]):
        table[f"p_{index}"] = probabilities[:, index]
    if features.task.kind == "ordinal":
        table["expected"] = expected_value(probabilities, features.task)
    return table


def normalised(output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows of ``output`` ``[n, c]`` as float64 that sum to one, undoing half-precision rounding."""
    probabilities = np.clip(output.astype(np.float64), 1e-12, None)
    result: np.ndarray[Any, Any] = probabilities / probabilities.sum(1, keepdims=True)
    return result


def expected_value(probabilities: np.ndarray[Any, Any], task: Task) -> np.ndarray[Any, Any]:
    """``sum_k p_k v_k`` of an ordinal task, in the units of its values: ``[n]``."""
    result: np.ndarray[Any, Any] = probabilities @ np.asarray(task.values)
    return result
