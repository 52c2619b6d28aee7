"""Metrics of numbers: distances between predicted and true values, and ordinal agreement.

Shapes: ``value`` and ``expected`` are float [n] in the unit of the target (stars 1-5, say);
``weights`` float [n] or [n, b] counts rows, as in :mod:`.classification`.
"""

from __future__ import annotations

import numpy as np

from multimodal_study.metrics.statistics import Array, divide, mean_of, ratio, totals


def mae(value: Array, expected: Array, weights: Array | None = None) -> Array:
    """Mean absolute difference, in the unit of the target."""
    return ratio(totals(mean_of(np.abs(expected - value)), weights))


def rmse(value: Array, expected: Array, weights: Array | None = None) -> Array:
    """Root of the mean squared difference, in the unit of the target."""
    return combine_rmse(totals(mean_of(np.square(expected - value)), weights))


def combine_rmse(sums: Array) -> Array:
    """Root mean square of sums [..., 2] of squares and rows."""
    return np.sqrt(ratio(sums))


def quadratic_kappa(target: Array, prediction: Array, weights: Array | None = None) -> Array:
    """Cohen's kappa with quadratic weights on class indices int [n], -1 to 1 (Cohen, 1968).

    1 - (sum of squared distances) / (the same if truth and prediction were independent). NaN when
    truth and prediction are one and the same constant.
    """
    return combine_quadratic_kappa(totals(quadratic_kappa_statistics(target, prediction), weights))


def quadratic_kappa_statistics(target: Array, prediction: Array) -> Array:
    """Per row: squared distance, both indices, sum of their squares, 1: float64 [n, 5]."""
    true, predicted = target.astype(np.float64), prediction.astype(np.float64)
    squares = true**2 + predicted**2
    parts = [(true - predicted) ** 2, true, predicted, squares, np.ones(len(true))]
    return np.stack(parts, axis=1)


def combine_quadratic_kappa(sums: Array) -> Array:
    """Quadratic kappa of sums [..., 5]: the table of chance needs first and second moments only."""
    distance, true, predicted, squares, rows = np.moveaxis(sums, -1, 0)
    chance = squares - 2.0 * divide(true * predicted, rows)
    chance = np.where(np.isclose(chance, 0.0, atol=1e-9), 0.0, chance)
    return 1.0 - divide(distance, chance)
