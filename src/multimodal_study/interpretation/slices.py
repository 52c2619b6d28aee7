"""Errors of some examples against those of all others, with intervals over clusters."""

from __future__ import annotations

from typing import Any

import numpy as np

from multimodal_study.metrics.bootstrap import Estimate, Resampling, resamples

Array = np.ndarray[Any, Any]


def gap(
    values: Array, member: Array, cluster: Array, resampling: Resampling
) -> tuple[Estimate, Estimate]:
    """Mean of ``values`` over the members, and that less the mean over the others.

    Both come from the same percentile bootstrap of clusters; a resample that leaves one side empty
    does not count.

    Args:
        values: Float ``[n]``.
        member: Bool ``[n]``, true and false at least once.
        cluster: ``[n]``.
        resampling: How the intervals are made.
    """
    names, place = np.unique(cluster, return_inverse=True)
    parts = []
    for side in (member, ~member):
        sums = np.bincount(place, weights=values * side, minlength=len(names))
        parts.append((sums, np.bincount(place, weights=side, minlength=len(names))))
    drawn: list[Array] = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for weights in resamples(len(names), len(place), resampling):
            inside, outside = ((sums @ weights) / (counts @ weights) for sums, counts in parts)
            drawn.append(np.stack([inside, inside - outside]))
    both = np.concatenate(drawn, axis=1)
    both = both[:, np.isfinite(both).all(0)]
    tail = (1.0 - resampling.confidence) / 2.0
    ends = np.full((2, 2), np.nan)
    if both.size:
        ends = np.quantile(both, [tail, 1.0 - tail], axis=1)
    own = float(values[member].mean())
    apart = own - float(values[~member].mean())
    first, second = ends.T.tolist()
    return Estimate(own, *first), Estimate(apart, *second)
