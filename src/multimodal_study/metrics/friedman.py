"""Several paradigms over several blocks: Friedman's test and Nemenyi's critical difference.

A block is one dataset and seed; inside it the paradigms are ranked, 1 the best, equals sharing
their mean rank. Demsar (JMLR 7, 2006) is the reference for both tests in this use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multimodal_study.errors import InputError
from multimodal_study.metrics.statistics import Array

FEWEST_TREATMENTS, FEWEST_BLOCKS = 3, 2


@dataclass(frozen=True)
class Ranking:
    """Outcome of both tests."""

    ranks: Array
    """Mean rank of each of ``k`` treatments, float64 ``[k]``."""
    statistic: float
    """Friedman's chi-squared, corrected for ties; NaN where all are equal in every block."""
    p_value: float
    critical_difference: float
    """Mean ranks further apart than this differ at the level asked for."""
    pairs: Array
    """Nemenyi's p-value of every two treatments, float64 ``[k, k]``, 1 on the diagonal."""


def rank_blocks(scores: Array) -> Array:
    """Ranks inside each block, 1 for the highest score: ``[n, k]`` to float64 ``[n, k]``."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(-np.asarray(scores, dtype=np.float64), axis=1))


def friedman_nemenyi(scores: Array, level: float) -> Ranking:
    """Both tests on ``scores`` ``[n, k]``, ``n`` blocks of ``k`` treatments, higher is better.

    Friedman's p-value is that of the chi-squared distribution, which is rough for few blocks.
    Nemenyi: ``|R_i - R_j| / sqrt(k (k + 1) / (6 n))`` times root 2 is compared with the studentised
    range of ``k`` groups and infinitely many degrees of freedom.

    Args:
        scores: No NaN.
        level: Of the critical difference, between 0 and 1.

    Raises:
        InputError: There are fewer than two blocks or three treatments.
    """
    from scipy.stats import friedmanchisquare, studentized_range

    blocks, treatments = scores.shape
    if blocks < FEWEST_BLOCKS or treatments < FEWEST_TREATMENTS:
        raise InputError(
            f"Friedman's test needs {FEWEST_BLOCKS} blocks of {FEWEST_TREATMENTS} paradigms, there"
            f" are {blocks} of {treatments}"
        )
    by_block = rank_blocks(scores)
    ranks = by_block.mean(axis=0)
    if (by_block == by_block[:, :1]).all():
        statistic = p_value = float("nan")
    else:
        found = friedmanchisquare(*scores.T)
        statistic, p_value = float(found.statistic), float(found.pvalue)
    unit = np.sqrt(treatments * (treatments + 1) / (6.0 * blocks))
    apart = np.abs(ranks[:, None] - ranks) / unit
    pairs = studentized_range.sf(apart * np.sqrt(2.0), treatments, np.inf)
    np.fill_diagonal(pairs, 1.0)
    critical = studentized_range.ppf(1.0 - level, treatments, np.inf) / np.sqrt(2.0) * unit
    return Ranking(ranks, statistic, p_value, float(critical), np.clip(pairs, 0.0, 1.0))


def groups_together(ranks: Sequence[float], critical_difference: float) -> list[tuple[int, int]]:
    """Longest runs of neighbours that do not differ: first and last place in the order of ranks.

    Args:
        ranks: Rising.
        critical_difference: Ranks at most this far apart stand together.

    Returns:
        Runs of two and more, none inside another: the bars of a critical-difference diagram.
    """
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = max(p for p, other in enumerate(ranks) if other - rank <= critical_difference)
        if last > first and not any(last <= end for _, end in found):
            found.append((first, last))
    return found


def rank_correlation(
    first: Array, second: Array, blocks: Array, *, permutations: int, seed: int
) -> tuple[float, float]:
    """Spearman's correlation of ranks taken inside blocks, with its permutation p-value.

    Ranks are centred inside each block before they are pooled, so that blocks on different scales
    say nothing by their levels; with one block it is Spearman's rho. The p-value is two-sided:
    ``second`` is permuted inside blocks (Phipson and Smyth, 2010: one is added to both counts).

    Args:
        first: ``[n]``.
        second: ``[n]``.
        blocks: Name of each row's block ``[n]``.
        permutations: How many.
        seed: Of the permutations.

    Returns:
        NaN twice where either side does not vary inside any block.
    """
    from scipy.stats import rankdata

    blocks = np.asarray(blocks).astype(str)
    members = [np.flatnonzero(blocks == name) for name in dict.fromkeys(blocks)]

    def centred(values: Array) -> Array:
        ranks = np.empty(len(values))
        for own in members:
            inside = rankdata(values[own])
            ranks[own] = inside - inside.mean()
        return ranks

    x, y = centred(np.asarray(first)), centred(np.asarray(second))
    scale = np.sqrt(np.square(x).sum() * np.square(y).sum())
    if not scale > 0:
        return float("nan"), float("nan")
    rho = float(x @ y / scale)
    random = np.random.default_rng([seed, len(x)])
    far = 0
    for _ in range(permutations):
        moved = y.copy()
        for own in members:
            moved[own] = y[random.permutation(own)]
        far += abs(x @ moved) / scale >= abs(rho) - 1e-12
    return rho, (1 + far) / (1 + permutations)
