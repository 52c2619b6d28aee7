"""A metric on rows that may have lost a modality, in expectation over what is lost.

Rubin's three mechanisms (Biometrika, 1976): completely at random, at random (what was observed
decides) and not at random (the lost value, or the label, decides). A row's share in the sums of a
metric is the mean of its shares with and without the modality, weighted by the probability of the
loss: the expectation over all draws at once, so that no draw adds noise of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from multimodal_study.metrics.shapley import Coalition
from multimodal_study.metrics.statistics import Array


def loss_probabilities(score: Array, rate: float, dependence: float) -> Array:
    """Probability of losing the modality by row: float64 ``[n]``, whose mean is ``rate``.

    ``sigmoid(a + dependence z)``, ``z`` the standardised ``score``; ``a`` makes the mean right.

    Args:
        score: What the loss depends on, ``[n]``; where it is constant all rows are alike.
        rate: Mean probability, 0 to 1.
        dependence: Change of the log-odds per standard deviation of the score; 0: at random.

    Raises:
        ValueError: ``rate`` is no probability.
    """
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    if not 0 <= rate <= 1:
        raise ValueError(f"a rate of {rate}, expected 0 to 1")
    score = np.asarray(score, dtype=np.float64)
    deviation = score.std()
    # Odds of a rate that float64 cannot tell from 0 or 1 do not exist.
    extreme = min(rate, 1 - rate) < np.finfo(np.float64).eps
    if extreme or dependence == 0 or not deviation > 0:
        return np.full(len(score), float(rate))
    slope = dependence * (score - score.mean()) / deviation
    middle, reach = float(logit(rate)), 1.0 + float(np.abs(slope).max())
    offset = brentq(
        lambda a: float(expit(a + slope).mean()) - rate, middle - reach, middle + reach, xtol=1e-12
    )
    return np.asarray(expit(offset + slope))


def subset_probabilities(losses: Mapping[str, Array]) -> dict[Coalition, Array]:
    """Probability that exactly this subset of origins is left, by row: float64 ``[n]`` each.

    Args:
        losses: Origin to the probability of losing it ``[n]``, independent between origins.
    """
    found: dict[Coalition, Array] = {}
    for kept in product((True, False), repeat=len(losses)):
        parts = [1.0 - p if stays else p for stays, p in zip(kept, losses.values(), strict=True)]
        left = frozenset(name for name, stays in zip(losses, kept, strict=True) if stays)
        found[left] = np.asarray(np.prod(parts, axis=0))
    return found


def expected_statistics(
    statistics: Mapping[Coalition, Array], probabilities: Mapping[Coalition, Array]
) -> Array:
    """Mean over subsets of ``statistics`` ``[n, s]``, weighted by ``probabilities`` ``[n]``."""
    return np.asarray(
        np.sum([probabilities[one][:, None] * statistics[one] for one in probabilities], axis=0)
    )


def area(severities: Array, values: Array) -> Array:
    """Area under a curve by trapezoids over its range, divided by the range: ``[..., k]`` to [...].

    The mean height, in the unit of the metric, with no regard to what others reach.

    Raises:
        ValueError: There are fewer than two severities, or they do not rise.
    """
    severities = np.asarray(severities, dtype=np.float64)
    if len(severities) < 2 or (np.diff(severities) <= 0).any():  # noqa: PLR2004
        raise ValueError(f"severities {severities.tolist()}: expected at least two, rising")
    return np.asarray(np.trapezoid(values, severities, axis=-1) / (severities[-1] - severities[0]))
