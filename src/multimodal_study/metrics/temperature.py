"""Temperature scaling: one number that makes a classifier as sure as it is right.

``p_T = softmax(log p / T)`` (Guo et al., ICML 2017): above 1 the probabilities come closer to each
other, below 1 further apart; the most probable class stays. Fitted on validation, never on test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from multimodal_study.metrics.classification import SMALLEST_PROBABILITY
from multimodal_study.metrics.statistics import Array

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Task

LOWEST, HIGHEST = 0.05, 20.0
"""Range in which a temperature is looked for."""


def scaled(probabilities: Array, temperature: float, candidates: Array | None = None) -> Array:
    """``p^(1/T)`` divided by its sum: float64 ``[n, c]``.

    Args:
        probabilities: ``[n, c]``, raised to at least 2.2e-16.
        temperature: Above 0.
        candidates: Bool ``[n, c]``: classes that compete; the others get 0. None: all.
    """
    from scipy.special import softmax

    logits = np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0)) / temperature
    if candidates is not None:
        logits = np.where(candidates, logits, -np.inf)
    return np.asarray(softmax(logits, axis=1))


def fit_temperature(target: Array, probabilities: Array, candidates: Array | None = None) -> float:
    """The temperature of :data:`LOWEST` to :data:`HIGHEST` with the lowest mean NLL.

    Args:
        target: Class indices int ``[n]``, at least one.
        probabilities: ``[n, c]``.
        candidates: As in :func:`scaled`.

    Raises:
        ValueError: There is no row to fit on.
    """
    from scipy.optimize import minimize_scalar

    if not len(target):
        raise ValueError("a temperature is fitted on validation, which has no row")
    rows = np.arange(len(target))

    def loss(log_temperature: float) -> float:
        p = scaled(probabilities, float(np.exp(log_temperature)), candidates)[rows, target]
        return float(-np.log(np.clip(p, SMALLEST_PROBABILITY, 1.0)).mean())

    # The NLL is convex in 1 / T, so that it has one valley along log T.
    found = minimize_scalar(
        loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def scaled_predictions(
    predictions: pd.DataFrame, task: Task
) -> tuple[pd.DataFrame, dict[int, float]]:
    """A predictions table with the temperatures that its validation rows choose, by seed.

    Returns:
        The table with other probabilities (and ``expected`` values), and the temperatures.

    Raises:
        ValueError: The task has no classes, or a seed has no validation rows.
    """
    if task.kind == "regression":
        raise ValueError("a regression has no probabilities, no temperature can be fitted")
    columns = [f"p_{index}" for index in range(task.outputs)]
    probabilities = predictions[columns].to_numpy(dtype=np.float64)
    target = predictions["target"].to_numpy(dtype=np.int64)
    groups = np.asarray(task.groups, dtype=object)
    # The question that an example was asked is the group of its answer.
    candidates = groups[target][:, None] == groups if task.groups else None
    validation = (predictions["split"] == "validation").to_numpy()
    seeds = predictions["seed"].to_numpy()
    after, temperatures = np.empty_like(probabilities), {}
    for seed in np.unique(seeds):
        own = seeds == seed
        fitted_on, asked = own & validation, None if candidates is None else candidates[own]
        temperature = fit_temperature(
            target[fitted_on],
            probabilities[fitted_on],
            None if candidates is None else candidates[fitted_on],
        )
        after[own] = scaled(probabilities[own], temperature, asked)
        temperatures[int(seed)] = temperature
    made = predictions.assign(**{name: after[:, k] for k, name in enumerate(columns)})
    if task.kind == "ordinal":
        made["expected"] = after @ np.asarray(task.values)
    return made, temperatures
