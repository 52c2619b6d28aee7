"""Metrics of cross-modal retrieval: names, definitions, and what chance would give.

"Recall@K" has at least three meanings in use. Here it is the any-hit form: the share of queries
with at least one positive among the K most similar items of the whole gallery of the split. A
positive is a gallery item of an entity with the same picture or the same text as the query's
entity; in the ``one_to_one`` variant it is the query's own entity alone, so that exact duplicates
cap the score. Ties are resolved in expectation over their random order, never by position.

All metrics are functionals of each query's distribution of the rank of its best positive: with
``above`` items before it and ``hits`` positives among ``tied`` items at its similarity, the rank is
``above`` plus a negative hypergeometric variable (the first success when ``tied`` items with
``hits`` successes are drawn without replacement).

* ``within_k``: P(rank <= K) = 1 - C(tied - hits, m) / C(tied, m), m = K - above within 0..tied
* ``reciprocal``: E[1 / rank] = sum_r C(tied - r, hits - 1) / C(tied, hits) / (above + r)

Chance is the same with ``above`` = 0, ``tied`` = the gallery and ``hits`` = all positives of the
query: a random ranking, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
from scipy.special import gammaln

from multimodal_study.metrics.registry import Metric
from multimodal_study.metrics.search import Standing
from multimodal_study.metrics.statistics import Array, divide, mean_of, ratio

Queries: TypeAlias = Mapping[str, Standing]
"""Standing of the best positives by variant: ``image_to_text``, ``image_to_text_one_to_one``."""

DEPTHS = (1, 5, 10)
ONE_TO_ONE = "_one_to_one"
MEASURES = (*(f"recall_at_{depth}" for depth in DEPTHS), "mrr", "median_rank")
EXACT_RANKS, GROWTH = 64, 1.05
HALF = 0.5 - 1e-9


def directions(pair: tuple[str, str]) -> tuple[str, str]:
    """Names of both directions of retrieval, query first: ``image_to_text``, ``text_to_image``."""
    first, second = pair
    return f"{first}_to_{second}", f"{second}_to_{first}"


def within(standing: Standing, depth: Array | int) -> Array:
    """P(rank of the best positive <= ``depth``), 0 to 1: float64 ``[n]``.

    Args:
        standing: Of ``n`` queries.
        depth: K, one for all or ``[n]``.
    """
    above, tied, hits = standing.above, standing.tied, standing.hits
    drawn = np.clip(np.asarray(depth) - above, 0, tied)
    missing = tied - hits
    found: Array = (drawn > missing).astype(np.float64)
    open_ = (drawn > 0) & (drawn <= missing)
    if open_.any():
        m, t, l = drawn[open_], tied[open_], missing[open_]  # noqa: E741
        log_miss = gammaln(l + 1) - gammaln(l - m + 1) + gammaln(t - m + 1) - gammaln(t + 1)
        found[open_] = -np.expm1(log_miss)
    return found


def reciprocal(standing: Standing) -> Array:
    """E[1 / rank of the best positive], 0 to 1: float64 ``[n]``."""
    triples = np.stack([standing.above, standing.tied, standing.hits], axis=1)
    distinct, place = np.unique(triples, axis=0, return_inverse=True)
    values = 1.0 / (distinct[:, 0] + 1.0)
    for row in np.flatnonzero(distinct[:, 1] > distinct[:, 2]):
        above, tied, hits = (int(number) for number in distinct[row])
        r = np.arange(1, tied - hits + 2)
        log_p = gammaln(tied - r + 1) - gammaln(tied - r - hits + 2) - gammaln(hits)
        log_p -= gammaln(tied + 1) - gammaln(hits + 1) - gammaln(tied - hits + 1)
        values[row] = (np.exp(log_p) / (above + r)).sum()
    return np.asarray(values[place.ravel()])


def median_statistics(standing: Standing) -> Array:
    """Per query, P(rank <= edge) for every edge of the rank scale, and 1: float64 ``[n, s]``."""
    columns = [within(standing, int(edge)) for edge in _edges(standing.gallery)]
    return np.stack([*columns, np.ones(len(standing.above))], axis=1)


def combine_median(sums: Array) -> Array:
    """Median rank of sums ``[..., s]``: where the share of queries found reaches one half."""
    edges = _edges_to(sums.shape[-1] - 1)
    share = divide(sums[..., :-1], sums[..., -1:])
    place = np.argmax(share >= HALF, axis=-1)
    before = np.maximum(place - 1, 0)
    low, high = np.where(place > 0, edges[before], 0.0), edges[place]
    reached = np.take_along_axis(share, place[..., None], -1)[..., 0]
    short = np.where(place > 0, np.take_along_axis(share, before[..., None], -1)[..., 0], 0.0)
    inside = low + (high - low) * divide(0.5 - short, reached - short)
    median = np.where(high - low > 1, inside, high)
    return np.where(sums[..., -1] > 0, median, np.nan)


def retrieval_metrics(pair: tuple[str, str]) -> dict[str, Metric[Queries]]:
    """Metrics of both directions and both notions of a positive, by name.

    Names: ``recall_at_10_image_to_text``, ``mrr_text_to_image``, and the same with ``_one_to_one``.
    """
    found = {}
    for suffix in ("", ONE_TO_ONE):
        for query, gallery in (pair, pair[::-1]):
            for metric in _metrics(query, gallery, suffix):
                found[metric.name] = metric
    return found


def by_chance(queries: Queries) -> Queries:
    """What a random ranking of the same gallery gives, in expectation."""
    return {variant: standing.by_chance() for variant, standing in queries.items()}


def _metrics(query: str, gallery: str, suffix: str) -> list[Metric[Queries]]:
    variant = f"{query}_to_{gallery}{suffix}"
    asked = f"{query} to {gallery}"
    if suffix:
        asked += ", one to one"
        positive = f"the query's own {gallery}; duplicates of it count against it"
    else:
        positive = f"any {gallery} of an entity with the same {query} or the same {gallery}"
    end = f" Positive: {positive}. Ties count in expectation over their order."
    recalls = [
        Metric[Queries](
            name=f"recall_at_{depth}_{variant}",
            label=f"R@{depth}, {asked}",
            definition=f"Share of {query} queries with a positive among the {depth} most similar"
            f" items of the whole gallery of the split, 0 to 1.{end}",
            higher_is_better=True,
            kinds=(),
            statistics=partial(_recall, variant=variant, depth=depth),
            combine=ratio,
        )
        for depth in DEPTHS
    ]
    return [
        *recalls,
        Metric[Queries](
            name=f"mrr_{variant}",
            label=f"MRR, {asked}",
            definition=f"Mean over {query} queries of 1 / rank of the best positive in the whole"
            f" gallery, never cut off, 0 to 1.{end}",
            higher_is_better=True,
            kinds=(),
            statistics=lambda queries: mean_of(reciprocal(queries[variant])),
            combine=ratio,
        ),
        Metric[Queries](
            name=f"median_rank_{variant}",
            label=f"Median rank, {asked}",
            definition=f"Smallest rank, from 1, within which half of the {query} queries have"
            f" their best positive; exact up to {EXACT_RANKS}, beyond that interpolated in bins"
            f" {GROWTH - 1:.0%} wide.{end}",
            higher_is_better=False,
            kinds=(),
            statistics=lambda queries: median_statistics(queries[variant]),
            combine=combine_median,
        ),
    ]


def _recall(queries: Queries, *, variant: str, depth: int) -> Array:
    return mean_of(within(queries[variant], depth))


def _edges(gallery: int) -> Array:
    """The rank scale up to the first edge that is not below ``gallery``."""
    beyond = max(0.0, np.log(gallery / EXACT_RANKS) / np.log(GROWTH))
    edges = _edges_to(min(gallery, EXACT_RANKS) + int(beyond) + 1)
    return edges[: int(np.searchsorted(edges, gallery)) + 1]


def _edges_to(count: int) -> Array:
    """The first ``count`` edges: 1, 2, ... :data:`EXACT_RANKS`, then each 5 % beyond the last."""
    place = np.arange(1, count + 1, dtype=np.float64)
    grown = np.ceil(EXACT_RANKS * GROWTH ** np.maximum(place - EXACT_RANKS, 0.0))
    return np.where(place <= EXACT_RANKS, place, grown)
