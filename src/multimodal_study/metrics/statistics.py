"""Metrics as functions of sums, so that thousands of resamples cost one matrix product.

Every metric here but one is a function of a few sums over rows: accuracy of the number of hits and
of rows, macro-F1 of three counts per class, the calibration error of a gap per bin. A row's share
in those sums is its *statistics* ``[n, s]``; *combining* turns sums ``[..., s]`` into the metric
``[...]``. A bootstrap resample only changes how often each row is counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def totals(statistics: Array, weights: Array | None = None) -> Array:
    """Sums of ``statistics`` [n, s] over rows: [s], or [b, s] for weights [n, b].

    Args:
        statistics: What each row adds, float64 [n, s].
        weights: How often each row counts, float64 [n] or [n, b]; None: once.
    """
    if weights is None:
        return np.asarray(statistics.sum(axis=0))
    if weights.shape[:1] != statistics.shape[:1]:
        raise ValueError(f"weights {weights.shape} for {len(statistics)} rows; give one per row")
    return np.asarray(weights.T @ statistics)


def mean_of(losses: Array) -> Array:
    """Statistics [n, 2] of a plain mean of ``losses`` [n]; combine them with :func:`ratio`."""
    return np.stack([losses.astype(np.float64), np.ones(len(losses))], axis=1)


def ratio(sums: Array) -> Array:
    """First sum over the last: [..., s] to [...]; NaN where nothing was counted."""
    return divide(sums[..., 0], sums[..., -1])


def divide(numerator: Array, denominator: Array) -> Array:
    """Quotient, element by element; NaN where the denominator is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator == 0, np.nan, numerator / denominator)


def mean_of_defined(values: Array) -> Array:
    """Mean over the last axis of what is not NaN: [..., k] to [...]; NaN if nothing is."""
    defined = ~np.isnan(values)
    return divide(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))
