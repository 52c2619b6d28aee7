"""Whether examples of one class lie together in a space, by angle."""

from __future__ import annotations

from typing import Any

import numpy as np

from multimodal_study.metrics.bootstrap import Estimate, Resampling, resamples

Array = np.ndarray[Any, Any]

FEWEST = 3
"""Examples below which nothing is said of a space."""


def neighbour_purity(vectors: Array, labels: Array, neighbours: int) -> Array:
    """Share of an example's nearest others that have its label: float64 ``[n]``.

    Args:
        vectors: ``[n, d]``; near is a large cosine, a zero vector is at cosine 0 from all.
        labels: ``[n]``.
        neighbours: How many others; of fewer than that, all. NaN where there are none.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(neighbours, len(labels) - 1)
    if count < 1:
        return np.full(len(labels), np.nan)
    search = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(vectors)
    near = search.kneighbors(return_distance=False)
    return np.asarray((labels[near] == labels[:, None]).mean(axis=1))


def chance_purity(labels: Array) -> Array:
    """Expected purity if neighbours were drawn at random from the others: float64 ``[n]``."""
    if len(labels) <= 1:
        return np.full(len(labels), np.nan)
    _, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray((counts[place] - 1) / (len(labels) - 1))


def silhouette(vectors: Array, labels: Array) -> Array:
    """Silhouette of each example by cosine distance: float64 ``[n]``, -1 to 1.

    ``(b - a) / max(a, b)``: ``a`` is the mean distance to the others of its label, ``b`` that to
    the nearest other label; 0 for the only one of its label (Rousseeuw, 1987). NaN where there is
    but one label or no label has two examples.
    """
    from sklearn.metrics import silhouette_samples

    if len(labels) < FEWEST or not 1 < len(np.unique(labels)) < len(labels):
        return np.full(len(labels), np.nan)
    return np.asarray(silhouette_samples(vectors, labels, metric="cosine"), dtype=np.float64)


def clustered_mean(values: Array, cluster: Array, resampling: Resampling) -> Estimate:
    """Mean of ``values`` ``[n]`` with a percentile interval over ``cluster`` ``[n]``.

    The interval covers the choice of examples, with what was measured of each held fixed.
    Examples whose value is NaN are left out.
    """
    known = ~np.isnan(values)
    if not known.any():
        return Estimate(*[float("nan")] * 3)
    names, place = np.unique(cluster[known], return_inverse=True)
    sums = np.bincount(place, weights=values[known])
    counts = np.bincount(place)
    drawn = np.concatenate(
        [
            (sums @ weights) / (counts @ weights)
            for weights in resamples(len(names), len(place), resampling)
        ]
    )
    tail = (1.0 - resampling.confidence) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return Estimate(float(values[known].mean()), float(low), float(high))
