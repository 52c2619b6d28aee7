"""Metrics of class predictions: right or wrong, and how good the probabilities are.

Shapes: ``target`` and ``prediction`` are class indices int [n], ``probabilities`` float [n, c] with
rows that sum to one, ``weights`` float [n] or [n, b] (how often a row counts). Without weights or
with [n] a metric is an array of shape [], with [n, b] of shape [b]. Empty input gives NaN.
"""

from __future__ import annotations

import numpy as np

from multimodal_study.metrics.ranks import area, rankings
from multimodal_study.metrics.statistics import (
    Array,
    divide,
    mean_of,
    mean_of_defined,
    ratio,
    totals,
)

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""A probability of exactly 0 given to what then happened would cost infinitely many nats."""
BINS = 15


def accuracy(target: Array, prediction: Array, weights: Array | None = None) -> Array:
    """Share of rows whose predicted class is the true one, 0 to 1."""
    return ratio(totals(mean_of(target == prediction), weights))


def macro_f1(target: Array, prediction: Array, classes: int, weights: Array | None = None) -> Array:
    """Unweighted mean of the F1 of each class that occurs as truth or as prediction, 0 to 1.

    A class that occurs in neither says nothing and is left out, as scikit-learn does by default.
    """
    return combine_macro_f1(totals(macro_f1_statistics(target, prediction, classes), weights))


def macro_f1_statistics(target: Array, prediction: Array, classes: int) -> Array:
    """Per row and class: is it a hit; is it true plus is it predicted. Float64 [n, 2c]."""
    labels = np.arange(classes)
    true, predicted = target[:, None] == labels, prediction[:, None] == labels
    return np.concatenate([true & predicted, true.astype(int) + predicted], axis=1, dtype=float)


def combine_macro_f1(sums: Array) -> Array:
    """Macro-F1 of sums [..., 2c]: F1 = 2 hits / (true + predicted)."""
    hits, occurrences = np.split(sums, 2, axis=-1)
    return mean_of_defined(divide(2.0 * hits, occurrences))


def auroc(target: Array, probabilities: Array, weights: Array | None = None) -> Array:
    """Probability that a random positive is ranked above a random negative; ties count half.

    Two classes: class 1 is the positive one. More: unweighted mean over classes, each against the
    rest (Hand and Till, 2001, call it one-versus-rest). A class without a positive or without a
    negative row is left out; NaN if none is left.
    """
    once = np.ones((len(target), 1)) if weights is None else weights.reshape(len(target), -1)
    areas = np.stack([area(one, once) for one in rankings(target, probabilities)], axis=-1)
    values = mean_of_defined(areas)
    return values if weights is not None and weights.ndim > 1 else values[0]


def brier(target: Array, probabilities: Array, weights: Array | None = None) -> Array:
    """Mean over rows of the sum over classes of (probability - outcome)^2, 0 to 2 (Brier, 1950).

    The original definition, also for two classes: twice the one-column form that
    ``sklearn.metrics.brier_score_loss`` returns for a binary target by default.
    """
    return ratio(totals(brier_statistics(target, probabilities), weights))


def brier_statistics(target: Array, probabilities: Array) -> Array:
    """Statistics [n, 2] of :func:`brier`."""
    outcome = target[:, None] == np.arange(probabilities.shape[1])
    return mean_of(np.square(probabilities - outcome).sum(axis=1))


def nll(target: Array, probabilities: Array, weights: Array | None = None) -> Array:
    """Mean negative logarithm of the probability given to the true class, in nats, from 0.

    Probabilities are raised to at least 2.2e-16 (float64 epsilon), as scikit-learn's log loss does.
    """
    return ratio(totals(nll_statistics(target, probabilities), weights))


def nll_statistics(target: Array, probabilities: Array) -> Array:
    """Statistics [n, 2] of :func:`nll`."""
    given = probabilities[np.arange(len(target)), target]
    return mean_of(-np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0)))


def ece(
    target: Array, probabilities: Array, bins: int = BINS, weights: Array | None = None
) -> Array:
    """Expected calibration error of the most probable class, 0 to 1 (Guo et al., 2017).

    Rows fall into ``bins`` intervals of equal width of their highest probability, open below and
    closed above; the error is the mean over rows of the distance between the hit rate and
    the mean confidence of their bin.
    """
    return combine_ece(totals(ece_statistics(target, probabilities, bins), weights))


def ece_statistics(target: Array, probabilities: Array, bins: int = BINS) -> Array:
    """Per row its gap (confidence - hit) in the column of its bin, then 1: float64 [n, bins + 1].

    Raises:
        ValueError: If ``bins`` is below 1.
    """
    confidence, hit, column = confidence_bins(target, probabilities, bins)
    statistics = np.zeros((len(target), bins + 1))
    statistics[np.arange(len(target)), column] = confidence - hit
    statistics[:, -1] = 1.0
    return statistics


def combine_ece(sums: Array) -> Array:
    """Calibration error of sums [..., bins + 1]."""
    return divide(np.abs(sums[..., :-1]).sum(axis=-1), sums[..., -1])


def confidence_bins(
    target: Array, probabilities: Array, bins: int = BINS
) -> tuple[Array, Array, Array]:
    """Confidence float [n], hit bool [n] and bin index int [n] of the most probable class.

    Raises:
        ValueError: If ``bins`` is below 1.
    """
    if bins < 1:
        raise ValueError(f"evaluation.ece_bins is {bins}, expected at least 1; 15 is usual")
    confidence = probabilities.max(axis=1, initial=0.0)
    hit = probabilities.argmax(axis=1) == target
    column = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return confidence, hit, column
