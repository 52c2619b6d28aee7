"""How alike two modalities' representations of the same things are.

Shapes: ``first`` and ``second`` are float ``[n, d]``, row ``i`` of both the same thing. Measures of
a shared space are taken on rows of length 1; :func:`unit` makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from multimodal_study.metrics.statistics import Array

BLOCKS = 20
"""Blocks of the jackknife, at most."""
FEWEST = 3


class Interval(NamedTuple):
    """A value with its interval; NaN where not defined."""

    value: float
    low: float
    high: float


def unit(vectors: Array) -> Array:
    """Rows of length 1: float64; a row of zeros stays one."""
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def linear_cka(first: Array, second: Array) -> float:
    """Linear centred kernel alignment, 0 to 1 (Kornblith et al., ICML 2019, section 3).

    ``|Y'X|_F^2 / (|X'X|_F |Y'Y|_F)`` with centred columns. The two may have different widths.
    Unrelated spaces of more columns than rows are near 1 too: read it beside :func:`shuffled_cka`.
    NaN where a space is one point.
    """
    x, y = (np.asarray(each, dtype=np.float64) for each in (first, second))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    if max(x.shape[1], y.shape[1]) > len(x):
        # The same through Gram matrices, which are the smaller ones here.
        k, l = x @ x.T, y @ y.T  # noqa: E741
        shared, own, other = (k * l).sum(), np.linalg.norm(k), np.linalg.norm(l)
    else:
        shared = np.square(y.T @ x).sum()
        own, other = np.linalg.norm(x.T @ x), np.linalg.norm(y.T @ y)
    scale = float(own * other)
    return float(shared / scale) if scale > 0 else float("nan")


def shuffled_cka(first: Array, second: Array, *, seed: int, draws: int = 10) -> float:
    """Mean of :func:`linear_cka` over random pairings of the rows: what chance gives."""
    random = np.random.default_rng([seed, len(second)])
    drawn = [linear_cka(first, second[random.permutation(len(second))]) for _ in range(draws)]
    return float(np.mean(drawn))


def modality_gap(first: Array, second: Array) -> float:
    """Distance of the two centroids on the sphere, 0 to 2 (Liang et al., NeurIPS 2022, eq. 1)."""
    return float(np.linalg.norm(unit(first).mean(axis=0) - unit(second).mean(axis=0)))


def alignment(first: Array, second: Array) -> float:
    """Mean squared distance of positive pairs, 0 to 4 (Wang and Isola, ICML 2020, alpha 2)."""
    return float(np.square(unit(first) - unit(second)).sum(axis=1).mean())


def uniformity(vectors: Array) -> float:
    """``log mean exp(-2 |x_i - x_j|^2)`` over pairs, at most 0 (Wang and Isola, 2020, t 2).

    Lower is more evenly spread over the sphere. NaN for fewer than two rows.
    """
    from scipy.spatial.distance import pdist
    from scipy.special import logsumexp

    if len(vectors) < 2:  # noqa: PLR2004 - no pair
        return float("nan")
    squares = pdist(unit(vectors), "sqeuclidean")
    return float(logsumexp(-2.0 * squares) - np.log(len(squares)))


def jackknife(
    measure: Callable[[Array], float], cluster: Array, *, confidence: float, seed: int
) -> Interval:
    """A measure of all rows with an interval by leaving out one block of clusters at a time.

    The delete-group jackknife (Shao and Wu, 1989): clusters are dealt at random into at most
    :data:`BLOCKS` blocks, and the interval is Student's with one degree of freedom less than
    blocks. A bootstrap would repeat rows, which makes every measure of distances between rows
    too large.

    Args:
        measure: Positions of rows to the measure.
        cluster: Of each row ``[n]``.
        confidence: Of the interval.
        seed: Of the blocks.
    """
    from scipy.stats import t

    names, place = np.unique(np.asarray(cluster).astype(str), return_inverse=True)
    blocks = min(BLOCKS, len(names))
    value = measure(np.arange(len(place)))
    if blocks < FEWEST:
        return Interval(value, float("nan"), float("nan"))
    dealt = np.random.default_rng([seed, len(names)]).permutation(len(names)) % blocks
    left = np.array([measure(np.flatnonzero(dealt[place] != block)) for block in range(blocks)])
    error = np.sqrt((blocks - 1) / blocks * np.square(left - left.mean()).sum())
    reach = float(t.ppf((1.0 + confidence) / 2.0, blocks - 1) * error)
    return Interval(value, value - reach, value + reach)
