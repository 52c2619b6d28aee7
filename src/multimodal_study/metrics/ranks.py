"""Areas under ROC curves for many weightings of the same rows at once.

The area is not a function of a few sums: it compares every positive with every negative. It is
exact here for any weights, in time linear in the rows, because the order of the scores is found
once. For very large tables there is its linear part, which *is* a function of sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from multimodal_study.metrics.statistics import Array, divide, mean_of_defined

TWO = 2
"""Classes of a binary task: one ranking says all, since the other is its mirror."""


@dataclass(frozen=True)
class Ranking:
    """How the scores of positive and negative rows interleave."""

    positives: Array
    """Rows of the positives, by score: int [p]."""
    negatives: Array
    """Rows of the negatives, by score: int [q]."""
    below: Array
    """Number of negatives with a lower score than each positive: int [p]."""
    through: Array
    """Number of negatives with a lower or equal score: int [p]."""


def rankings(target: Array, probabilities: Array) -> list[Ranking]:
    """One ranking of class 1 for two classes, else one per class against the rest."""
    classes = probabilities.shape[1]
    columns = [1] if classes == TWO else range(classes)
    return [_ranking(target == column, probabilities[:, column]) for column in columns]


def _ranking(positive: Array, score: Array) -> Ranking:
    order = np.argsort(score, kind="stable")
    positives, negatives = order[positive[order]], order[~positive[order]]
    return Ranking(
        positives=positives,
        negatives=negatives,
        below=np.searchsorted(score[negatives], score[positives], side="left"),
        through=np.searchsorted(score[negatives], score[positives], side="right"),
    )


def area(ranking: Ranking, weights: Array) -> Array:
    """Weighted area under the ROC curve for each column of ``weights`` [n, b]: float64 [b].

    NaN where the positives or the negatives have no weight.
    """
    negative = np.zeros((len(ranking.negatives) + 1, weights.shape[1]))
    np.cumsum(weights[ranking.negatives], axis=0, out=negative[1:])
    positive = weights[ranking.positives]
    won = np.einsum("pb,pb->b", positive, negative[ranking.below])
    if not np.array_equal(ranking.below, ranking.through):
        won = (won + np.einsum("pb,pb->b", positive, negative[ranking.through])) / 2.0
    return divide(won, positive.sum(axis=0) * negative[-1])


def area_statistics(target: Array, probabilities: Array) -> Array:
    """Statistics of the linear part of the area under the ROC curve: float64 [n, 4 * rankings].

    Each positive adds the share of negatives it beats, each negative the share of positives that
    beat it (less the area itself): the structural components of DeLong et al. (1988), the Hajek
    projection of the area. Exact for equal weights; for resamples the error is of order 1/n.
    """
    columns = []
    for ranking in rankings(target, probabilities):
        block = np.zeros((len(target), 4))
        p, q = len(ranking.positives), len(ranking.negatives)
        if p and q:
            wins = (ranking.below + ranking.through) / (2.0 * q)
            steps = np.bincount(ranking.below, minlength=q + 1)
            steps += np.bincount(ranking.through, minlength=q + 1)
            block[ranking.positives, 0] = wins
            block[ranking.negatives, 2] = 1.0 - np.cumsum(steps)[:q] / (2.0 * p) - wins.mean()
        block[ranking.positives, 1] = 1.0
        block[ranking.negatives, 3] = 1.0
        columns.append(block)
    return np.concatenate(columns, axis=1)


def combine_areas(sums: Array) -> Array:
    """Mean area of the defined rankings from sums [..., 4 * rankings]."""
    parts = sums.reshape(*sums.shape[:-1], -1, 4)
    won = divide(parts[..., 0], parts[..., 1])
    return mean_of_defined(won + divide(parts[..., 2], parts[..., 3]))
