"""Top-N recommendation: every film is ranked for every user, none is sampled.

Sampled candidates can reverse the order of two recommenders (Krichene and Rendle 2020), so that
the whole catalogue competes, less the items that the user has rated before. Users stand in blocks,
since the scores of all users at once would not fit. Equal scores are ordered by item number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from multimodal_study.errors import InputError
from multimodal_study.metrics.statistics import Array

Scorer = Callable[[Array], Array]
"""Users ``[n]`` to a score of every item ``[n, i]``, the highest first in the list."""


PER_USER = ("recall", "recall_capped", "hit", "ndcg", "reciprocal_rank", "popularity")
"""Metrics of a user's list, averaged over users."""


@dataclass(frozen=True)
class TopN:
    """Metrics at one depth, per user with at least one positive, and over their lists."""

    users: Array
    """Users asked: int64 ``[n]``. All arrays below are float64 ``[n]``, 0 to 1."""
    recall: Array
    """Hits / positives."""
    recall_capped: Array
    """Hits / min(positives, depth): 1 can be reached whatever the number of positives."""
    hit: Array
    """1 where the list has a positive at all, else 0: what others call hit rate."""
    ndcg: Array
    """Binary gains, discount ``log2(rank + 1)``, ideal of min(positives, depth) hits."""
    reciprocal_rank: Array
    """1 / rank of the first positive, 0 beyond the depth."""
    popularity: Array
    """Popularity bias: mean over the list of the share of all users who have seen the item
    (average recommendation popularity; Abdollahpouri et al. 2019)."""
    coverage: float
    """Share of all items that stand in at least one list."""

    def means(self) -> dict[str, float]:
        """Mean over users of each metric, and the coverage."""
        return {n: float(getattr(self, n).mean()) for n in PER_USER} | {"coverage": self.coverage}


def evaluate(
    score: Scorer, seen: csr_matrix, positives: csr_matrix, *, depth: int = 20, block: int = 512
) -> TopN:
    """Rank all unseen items of every user who has a positive.

    Args:
        score: Of what is evaluated.
        seen: Items that no longer compete: nonzero ``[u, i]``.
        positives: Items to be found: nonzero ``[u, i]``.
        depth: Length of the lists, at least 1.
        block: Users scored at once.

    Raises:
        InputError: Shapes or depth do not fit, a positive has been seen, or nobody has one.
    """
    if seen.shape != positives.shape or not 1 <= depth <= seen.shape[1]:
        raise InputError(
            f"ranking: seen {seen.shape}, positives {positives.shape}, depth {depth}; expected "
            "equal shapes and a depth from 1 to the number of items"
        )
    seen, wanted = csr_matrix(seen) != 0, csr_matrix(positives) != 0
    if seen.multiply(wanted).nnz:
        raise InputError("ranking: a positive has been seen before; take it out of either matrix")
    users = np.flatnonzero(np.diff(wanted.indptr))
    if not len(users):
        raise InputError("ranking: no user has a positive; lower the rating that counts as one")
    hits, listed = np.zeros((len(users), depth), bool), np.zeros(seen.shape[1], bool)
    known = np.asarray(seen.mean(0)).ravel()
    popularity = np.zeros(len(users))
    for start in range(0, len(users), block):
        asked = users[start : start + block]
        top, valid = top_n(score(asked), seen[asked], depth)
        listed[top[valid]] = True
        shares = np.where(valid, known[top], 0.0).sum(1)
        popularity[start : start + block] = shares / np.maximum(valid.sum(1), 1)
        hits[start : start + block] = valid & np.take_along_axis(wanted[asked].toarray(), top, 1)
    counts = np.diff(wanted.indptr)[users]
    return _summary(users, hits, counts, popularity, float(listed.mean()))


def top_n(scores: Array, seen: csr_matrix, depth: int) -> tuple[Array, Array]:
    """The ``depth`` best unseen items of each row, ties by item number.

    Returns:
        Items int64 ``[n, depth]``, and bool ``[n, depth]``: False where unseen items ran out.

    Raises:
        InputError: A score is not finite.
    """
    if not np.isfinite(scores).all():
        raise InputError("ranking: a score is not finite; look for NaN in what was fitted")
    left = np.where(seen.toarray(), -np.inf, scores.astype(np.float64))
    # Only scores above the depth-th best, and enough of those equal to it, are sorted.
    edge = -np.partition(-left, depth - 1, axis=1)[:, depth - 1 : depth]
    tied = left == edge
    missing = depth - (left > edge).sum(1, keepdims=True)
    kept = (left > edge) | (tied & (np.cumsum(tied, axis=1) <= missing))
    items = np.nonzero(kept)[1].reshape(len(left), depth)
    values = np.take_along_axis(left, items, 1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(items, order, 1), np.take_along_axis(values, order, 1) > -np.inf


def _summary(
    users: Array, hits: Array, positives: Array, popularity: Array, coverage: float
) -> TopN:
    depth = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, depth + 2))
    capped, found = np.minimum(positives, depth), hits.sum(1)
    first = np.where(hits.any(1), 1.0 / (hits.argmax(1) + 1.0), 0.0)
    ideal = np.cumsum(discount)[capped - 1]
    return TopN(
        users,
        found / positives,
        found / capped,
        (found > 0).astype(np.float64),
        hits @ discount / ideal,
        first,
        popularity,
        coverage,
    )
