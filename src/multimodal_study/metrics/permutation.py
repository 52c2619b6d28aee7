"""Paired permutation tests between paradigms, and Holm's correction over a family of them.

If two paradigms were equally good, exchanging what they said about a cluster (all reviews by one
person, say) would change nothing but chance. Each permutation exchanges the predictions of a random
half of the clusters and measures the metric of both sides again (Fisher, 1935; Good, 2005, ch. 3).
Like the bootstrap, the test speaks of the choice of test examples, given the fitted seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from multimodal_study.errors import InputError
from multimodal_study.metrics.bootstrap import Resampling, groups_of, value
from multimodal_study.metrics.registry import Metric
from multimodal_study.metrics.statistics import Array, mean_of_defined
from multimodal_study.metrics.table import Panel

CHUNK = 2**21
"""Exchanges (clusters x permutations) held at once: 16 MiB of float64."""
FEWEST = 100
ROUNDING = 1e-12
"""Differences closer than this are the same: sums in another order differ in their last bits."""

Pair = tuple[str, str]


def permutation_tests(
    panels: Mapping[str, Panel[Any]],
    metric: Metric[Any],
    resampling: Resampling,
    permutations: int,
) -> dict[Pair, tuple[float, float]]:
    """Difference and two-sided p-value of every two of ``panels``.

    The statistic is the metric of the first less that of the second, each the mean over its seeds;
    every seed of one is exchanged with every seed of the other, so that their numbers may differ.
    The p-value is (1 + permutations at least as far from zero) / (1 + permutations), which is valid
    for any number of them (Phipson and Smyth, 2010). A permutation without a defined metric counts
    as far from zero. Where the difference itself is not defined, neither is the p-value: NaN.

    Args:
        panels: What each paradigm said about the same examples of one split.
        metric: An exact function of sums over rows, so not an area under a ROC curve.
        resampling: Its seed and number of blocks.
        permutations: At least 100.

    Raises:
        InputError: If there are fewer permutations.
        ValueError: If the metric is ranked or the panels hold different examples.
    """
    _check(metric, permutations)
    pairs = list(combinations(panels, 2))
    if not pairs:
        return {}
    _same_examples(panels)
    sums = _sums(panels, metric, resampling)
    totals = {name: one.sum(axis=0) for name, one in sums.items()}
    values = {name: value(panel, metric) for name, panel in panels.items()}
    found = {pair: values[pair[0]] - values[pair[1]] for pair in pairs}
    far = dict.fromkeys(pairs, 0)
    with threadpool_limits(1, user_api="blas"):
        for moved in _exchanged(sums, resampling, permutations):
            for pair in pairs:
                drawn = _differences(pair, totals, moved, metric)
                near = np.abs(drawn) < abs(found[pair]) - ROUNDING
                far[pair] += int((~near).sum())
    return {
        pair: (
            difference,
            float("nan") if np.isnan(difference) else (1 + far[pair]) / (1 + permutations),
        )
        for pair, difference in found.items()
    }


def holm(p_values: Sequence[float]) -> Array:
    """P-values corrected for their number, float64 [n], at most 1 (Holm, 1979).

    The k-th smallest of n is multiplied by n - k + 1, and none is below a smaller one's. NaN stays
    NaN and does not count.
    """
    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(given), np.nan)
    order = np.argsort(given)[: int((~np.isnan(given)).sum())]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * factors))
    return corrected


def _check(metric: Metric[Any], permutations: int) -> None:
    if permutations < FEWEST:
        raise InputError(
            f"evaluation.permutations is {permutations}, expected at least {FEWEST}; 5000 is the"
            " default"
        )
    if metric.ranked:
        raise ValueError(f"{metric.name} is no exact function of sums over rows")


def _same_examples(panels: Mapping[str, Panel[Any]]) -> None:
    first, *others = panels.items()
    for name, panel in others:
        same = np.array_equal(panel.examples, first[1].examples)
        if not same or not np.array_equal(panel.cluster, first[1].cluster):
            raise ValueError(
                f"cannot pair {first[0]} and {name} on split {panel.split!r}: their examples or"
                " clusters differ; rerun both cells on one split"
            )


def _sums(
    panels: Mapping[str, Panel[Any]], metric: Metric[Any], resampling: Resampling
) -> dict[str, Array]:
    """What each group of clusters adds to the sums: name to float64 [groups, seeds, s]."""
    group, groups = groups_of(next(iter(panels.values())), resampling)
    member = csr_matrix(
        (np.ones(len(group)), (group, np.arange(len(group)))), shape=(groups, len(group))
    )
    return {
        name: np.stack([member @ metric.statistics(rows) for rows in panel.rows], axis=1)
        for name, panel in panels.items()
    }


def _exchanged(
    sums: Mapping[str, Array], resampling: Resampling, permutations: int
) -> Iterator[dict[str, Array]]:
    """Sums over the groups that are exchanged: name to [chunk, seeds, s], chunk by chunk."""
    groups = len(next(iter(sums.values())))
    wide = np.concatenate([one.reshape(groups, -1) for one in sums.values()], axis=1)
    edges = np.cumsum([one[0].size for one in sums.values()])[:-1]
    # The third number keeps these draws apart from those of the bootstrap.
    random = np.random.default_rng([resampling.seed, groups, 1])
    size = max(1, CHUNK // groups)
    for start in range(0, permutations, size):
        chunk = min(size, permutations - start)
        swap = random.integers(0, 2, size=(chunk, groups), dtype=np.int8).astype(np.float64)
        parts = np.split(swap @ wide, edges, axis=1)
        yield {
            name: part.reshape(chunk, *one.shape[1:])
            for (name, one), part in zip(sums.items(), parts, strict=True)
        }


def _differences(
    pair: Pair, totals: Mapping[str, Array], moved: Mapping[str, Array], metric: Metric[Any]
) -> Array:
    """Metric of the first less that of the second after each exchange: [chunk]."""
    first, second = pair
    gained = moved[second][:, None, :, :] - moved[first][:, :, None, :]
    one = metric.combine(totals[first][:, None, :] + gained)
    other = metric.combine(totals[second][None, :, :] - gained)
    return mean_of_defined((one - other).reshape(len(gained), -1))
