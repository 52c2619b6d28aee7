"""Percentile bootstrap over clusters, paired across seeds and paradigms.

Clusters (all reviews by one person, say) are drawn with replacement, as many as there are; every
example of a drawn cluster counts as often as its cluster was drawn. The draws depend on the number
of clusters and the bootstrap seed alone, so every seed and paradigm of a dataset meets the same
resamples, and differences between two paradigms are paired (Efron and Tibshirani, 1993, ch. 13).
The value is the mean over training seeds; the interval covers the choice of test examples, not the
choice of training seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from multimodal_study.metrics.ranks import Ranking, area, rankings
from multimodal_study.metrics.registry import Metric
from multimodal_study.metrics.statistics import Array, mean_of_defined
from multimodal_study.metrics.table import Panel

CHUNK = 2**18
"""Weights (clusters or rows x resamples) held at once: 2 MiB of float64, near the caches."""

FEWEST = 100
LOWEST = 0.5


@dataclass(frozen=True)
class Resampling:
    """How intervals are made."""

    replicates: int = 2000
    """Number of resamples."""
    confidence: float = 0.95
    """Share of resamples inside an interval."""
    seed: int = 42
    blocks: int = 10_000
    """More clusters than this are first merged, at random, into this many blocks of equal number;
    an interval's width then has a relative error of about 1 / sqrt(2 blocks), here 0.7 %."""
    exact_rows: int = 20_000
    """Areas under ROC curves of more rows than this are resampled by their linear part."""

    def __post_init__(self) -> None:
        if self.replicates < FEWEST:
            raise ValueError(
                f"evaluation.bootstrap is {self.replicates}, expected at least {FEWEST} resamples;"
                " 2000 is the default"
            )
        if not LOWEST <= self.confidence < 1.0:
            raise ValueError(
                f"evaluation.confidence is {self.confidence}, expected {LOWEST} to below 1, for"
                " example 0.95"
            )


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN where nothing is defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Estimate):
    """A paired difference; ``p_value`` is two-sided, for a true difference of zero."""

    p_value: float


def estimates(
    panel: Panel[Any], metrics: Mapping[str, Metric[Any]], resampling: Resampling
) -> dict[str, Estimate]:
    """Mean over seeds of every metric, with its interval."""
    drawn = replicates(panel, metrics, resampling)
    return {
        name: _estimate(value(panel, metric), drawn[name], metric.recentre, resampling)
        for name, metric in metrics.items()
    }


def paired_difference(
    first: Panel[Any],
    second: Panel[Any],
    metrics: Mapping[str, Metric[Any]],
    resampling: Resampling,
    drawn: tuple[dict[str, Array], dict[str, Array]] | None = None,
) -> dict[str, Difference]:
    """Metric of ``first`` less metric of ``second``, on the same examples and resamples.

    The p-value is twice the smaller share of resamples on either side of zero (plus one, over the
    number of resamples plus one), at most 1.

    Args:
        first: Predictions of one paradigm on a split.
        second: Predictions of another on the same examples.
        metrics: Metrics by name.
        resampling: How the interval is made.
        drawn: What :func:`replicates` gave for both, where a caller has it already.

    Raises:
        ValueError: If the two did not predict the same examples.
    """
    if not np.array_equal(first.examples, second.examples):
        shared = len(np.intersect1d(first.examples, second.examples))
        raise ValueError(
            f"cannot pair predictions of split {first.split!r}: {len(first.examples)} and"
            f" {len(second.examples)} examples, {shared} in common; rerun both cells on one split"
        )
    if not np.array_equal(first.cluster, second.cluster):
        raise ValueError(f"cannot pair predictions of split {first.split!r}: clusters differ")
    one, other = drawn or tuple(replicates(each, metrics, resampling) for each in (first, second))
    return {
        name: _difference(
            value(first, metric) - value(second, metric),
            one[name] - other[name],
            metric.recentre,
            resampling,
        )
        for name, metric in metrics.items()
    }


def value(panel: Panel[Any], metric: Metric[Any]) -> float:
    """Mean of a metric over the seeds of ``panel`` where it is defined."""
    return float(mean_of_defined(np.array([metric.value(rows) for rows in panel.rows])))


def replicates(
    panel: Panel[Any], metrics: Mapping[str, Metric[Any]], resampling: Resampling
) -> dict[str, Array]:
    """Mean over seeds of every metric on every resample: float64 [replicates] by name."""
    group, groups = groups_of(panel, resampling)
    small = len(panel.examples) <= resampling.exact_rows
    exact = [name for name, metric in metrics.items() if metric.ranked and small]
    linear = [name for name in metrics if name not in exact]
    member = csr_matrix(
        (np.ones(len(group)), (group, np.arange(len(group)))), shape=(groups, len(group))
    )
    # One matrix for all seeds and metrics: a single product per chunk of resamples.
    parts = [member @ metrics[name].statistics(rows) for rows in panel.rows for name in linear]
    sums = np.concatenate(parts, axis=1) if parts else None
    edges = np.cumsum([part.shape[1] for part in parts])[:-1]
    ranked = [rankings(rows.target, rows.probabilities) for rows in panel.rows] if exact else []
    chunks: dict[str, list[Array]] = {name: [] for name in metrics}
    # The products are small: threads of BLAS would spend their time waiting for each other.
    with threadpool_limits(1, user_api="blas"):
        for weights in resamples(groups, len(group), resampling):
            if sums is not None:
                split = np.split(weights.T @ sums, edges, axis=1)
                for index, name in enumerate(linear):
                    by_seed = [metrics[name].combine(one) for one in split[index :: len(linear)]]
                    chunks[name].append(mean_of_defined(np.stack(by_seed, axis=-1)))
            if exact:
                areas = _areas(ranked, weights[group])
                for name in exact:
                    chunks[name].append(areas)
    return {name: np.concatenate(parts) for name, parts in chunks.items()}


def resamples(groups: int, rows: int, resampling: Resampling) -> Iterator[Array]:
    """How often each group was drawn, in chunks of resamples: float64 [groups, chunk]."""
    random = np.random.default_rng([resampling.seed, groups])
    size = max(1, CHUNK // max(groups, min(rows, resampling.exact_rows)))
    for start in range(0, resampling.replicates, size):
        chunk = min(size, resampling.replicates - start)
        drawn = random.integers(0, groups, size=(chunk, groups)) * chunk
        drawn += np.arange(chunk)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=groups * chunk)
        yield counts.reshape(groups, chunk).astype(np.float64)


def groups_of(panel: Panel[Any], resampling: Resampling) -> tuple[Array, int]:
    """What is resampled together: the group of each example, int64 [n], and how many there are."""
    if panel.clusters <= resampling.blocks:
        return panel.cluster, panel.clusters
    random = np.random.default_rng([resampling.seed, panel.clusters])
    block = random.permutation(panel.clusters) % resampling.blocks
    return block[panel.cluster], resampling.blocks


def _areas(ranked: list[list[Ranking]], weights: Array) -> Array:
    by_seed = [
        mean_of_defined(np.stack([area(one, weights) for one in seed], axis=-1)) for seed in ranked
    ]
    return mean_of_defined(np.stack(by_seed, axis=-1))


def _estimate(value: float, drawn: Array, recentre: bool, resampling: Resampling) -> Estimate:
    defined = _around(value, drawn, recentre)
    if not len(defined):
        return Estimate(value, float("nan"), float("nan"))
    low, high = _quantiles(defined, resampling)
    return Estimate(value, max(low, 0.0) if recentre else low, high)


def _difference(value: float, drawn: Array, recentre: bool, resampling: Resampling) -> Difference:
    defined = _around(value, drawn, recentre)
    if not len(defined):
        return Difference(value, *[float("nan")] * 3)
    low, high = _quantiles(defined, resampling)
    smaller = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return Difference(value, low, high, min(1.0, 2.0 * (smaller + 1) / (len(defined) + 1)))


def _around(value: float, drawn: Array, recentre: bool) -> Array:
    if np.isnan(value):
        return np.empty(0)
    defined = drawn[~np.isnan(drawn)]
    if recentre and len(defined):
        defined = defined - defined.mean() + value
    return defined


def _quantiles(drawn: Array, resampling: Resampling) -> tuple[float, float]:
    tail = (1.0 - resampling.confidence) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail])
    return float(low), float(high)
