"""How well single latents stand for single factors of variation, where the factors are known.

``mig``  (Chen et al. 2018, eq. 6): mean over factors of the gap between the two latents that know
         most about it, in mutual information over the factor's entropy.
``sap``  (Kumar et al. 2018, section 3): the same gap in the balanced accuracy of thresholds on one
         latent.
``dci``  (Eastwood & Williams 2018, section 2): *disentanglement*, whether a latent matters to one
         factor alone; *completeness*, whether a factor is held by one latent alone;
         *informativeness*, the accuracy with which all latents together tell it.

Letters: ``n`` rows, ``d`` latents, ``k`` factors. Codes are floats ``[n, d]``, factors classes from
0, int ``[n, k]``. What is fitted is fitted on train and scored on held-out rows. All scores lie
between 0 and 1; ``sap`` ends at ``1 - 1 / v`` for factors of ``v`` values, where the second latent
guesses. What codes reach that say nothing depends on the data: random codes belong beside a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from multimodal_study.metrics.bootstrap import Estimate, Resampling, resamples

Array = np.ndarray[Any, Any]

NAMES = ("mig", "sap", "disentanglement", "completeness", "informativeness")
OF_IMPORTANCE = ("disentanglement", "completeness")
BINS = 10
"""Bins of equal number that a latent is cut into for its mutual information."""
FORESTS = 10
"""Resamples of train, each with a forest of its own; importances are means over all."""
_TREES = 4
_LEAF = 5
_TINY = 1e-12
_NORMAL = 1.96


@dataclass(frozen=True)
class Side:
    """Codes and factors of some rows."""

    codes: Array
    """Float ``[n, d]``."""
    factors: Array
    """Int ``[n, k]``."""
    cluster: Array
    """Rows that are not independent share it, ``[n]``."""

    def __post_init__(self) -> None:
        n, rows = len(self.cluster), {len(self.codes), len(self.factors)}
        if self.codes.ndim != 2 or self.factors.ndim != 2 or rows != {n} or not n:  # noqa: PLR2004
            shapes = f"codes {self.codes.shape} and factors {self.factors.shape}"
            raise ValueError(f"{shapes} do not fit, expected [n, d] and [n, k] with n {n} above 0")


@dataclass(frozen=True)
class Scored:
    """What the scores of some held-out rows are made of; rows may then be weighted."""

    bins: Array
    """Bin of each latent, int ``[n, d]``."""
    factors: Array
    """Int ``[n, k]``."""
    hits: Array
    """Whether thresholds on one latent tell a factor: float ``[n, d, k]``."""
    told: Array
    """Share of the forests that tell a factor from all latents: float ``[n, k]``."""
    importance: Array
    """Relative importance of a latent for a factor, by forest: float ``[FORESTS, d, k]``."""


def score(train: Side, held_out: Side, seed: int = 0) -> Scored:
    """Fit on train, look at the held-out rows.

    Importance is the impurity that a latent takes away in bagged trees (Breiman 2001), a forest of
    them for each resample of the clusters of train.

    Raises:
        ValueError: Shapes do not fit, there is one latent only, or a factor has one value.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    _check(train, held_out)
    codes, factors = held_out.codes, held_out.factors
    (n, d), k = codes.shape, factors.shape[1]
    hits, told = np.zeros((n, d, k)), np.zeros((n, k))
    importance = np.zeros((FORESTS, d, k))
    drawn = _resampled(train.cluster, np.random.default_rng(seed))
    for factor in range(k):
        known, wanted = train.factors[:, factor], factors[:, factor]
        leaves = max(2, len(np.unique(known)))
        for latent in range(d):
            tree = DecisionTreeClassifier(
                max_leaf_nodes=leaves, class_weight="balanced", random_state=seed
            ).fit(train.codes[:, [latent]], known)
            hits[:, latent, factor] = tree.predict(codes[:, [latent]]) == wanted
        for number, rows in enumerate(drawn):
            forest = RandomForestClassifier(
                _TREES,
                # All latents compete for every split: a useless one gets no importance by default.
                max_features=None,
                min_samples_leaf=_LEAF,
                n_jobs=1,
                random_state=seed + number,
            ).fit(train.codes[rows], known[rows])
            told[:, factor] += (forest.predict(codes) == wanted) / FORESTS
            importance[number, :, factor] = forest.feature_importances_
    return Scored(_binned(codes), factors, hits, told, importance)


def values(scored: Scored, weight: Array | None = None) -> dict[str, float]:
    """Every score of :data:`NAMES` of the rows, each counted ``weight`` (``[n]``) times."""
    importance = scored.importance.mean(0)
    return {
        **_of_rows(scored, np.ones(len(scored.told)) if weight is None else weight),
        "disentanglement": _disentanglement(importance),
        "completeness": _completeness(importance),
    }


def estimates(
    several: Iterable[Scored], cluster: Array, resampling: Resampling
) -> dict[str, Estimate]:
    """Mean scores over fits, each with an interval that covers the choice of items.

    ``mig``, ``sap`` and ``informativeness``: over clusters of the held-out rows (``[n]``), moved to
    the value, since resamples repeat rows and that makes information and gaps larger. The other
    two: normal, by their spread over resamples of train.
    """
    fits = list(several)
    names, place = np.unique(cluster, return_inverse=True)
    found = [values(each) for each in fits]
    mean = {name: float(np.mean([own[name] for own in found])) for name in NAMES}
    drawn = [
        [_of_rows(fit, weight[place]) for fit in fits]
        for chunk in resamples(len(names), len(place), resampling)
        for weight in chunk.T
    ]
    tail = (1.0 - resampling.confidence) / 2.0
    result = {}
    for name in NAMES:
        if name in OF_IMPORTANCE:
            of = _disentanglement if name == "disentanglement" else _completeness
            spread = np.std(
                [np.mean([of(fit.importance[b]) for fit in fits]) for b in range(FORESTS)], ddof=1
            )
            low, high = mean[name] - _NORMAL * spread, mean[name] + _NORMAL * spread
        else:
            moved = np.asarray([np.mean([own[name] for own in each]) for each in drawn])
            low, high = np.quantile(moved - moved.mean() + mean[name], [tail, 1.0 - tail])
        result[name] = Estimate(mean[name], max(float(low), 0.0), min(float(high), 1.0))
    return result


def _of_rows(scored: Scored, weight: Array) -> dict[str, float]:
    information = mutual_information(scored.bins, scored.factors, weight)
    entropy = np.maximum(entropies(scored.factors, weight), _TINY)
    return {
        "mig": float(np.clip(_gap(information / entropy), 0.0, 1.0).mean()),
        "sap": float(_gap(_balanced(scored, weight)).mean()),
        "informativeness": float((weight @ scored.told / weight.sum()).mean()),
    }


def entropies(factors: Array, weight: Array) -> Array:
    """Entropy of each factor, nats ``[k]``, rows counted ``weight`` times."""
    found = []
    for column in factors.T:
        share = np.bincount(column, weights=weight) / weight.sum()
        found.append(-(share * np.log(np.maximum(share, _TINY))).sum())
    return np.asarray(found)


def mutual_information(bins: Array, factors: Array, weight: Array) -> Array:
    """Mutual information of every binned latent and factor, nats ``[d, k]``."""
    d, k = bins.shape[1], factors.shape[1]
    found = np.zeros((d, k))
    width = int(bins.max()) + 1
    # One sparse count for all latents of a factor.
    offset = bins + np.arange(d) * width
    for factor in range(k):
        values = int(factors[:, factor].max()) + 1
        place = offset * values + factors[:, [factor]]
        count = np.bincount(
            place.ravel(), weights=np.repeat(weight, d), minlength=d * width * values
        ).reshape(d, width, values)
        share = count / weight.sum()
        alone = share.sum(2, keepdims=True) * share.sum(1, keepdims=True)
        logarithm = np.log(np.maximum(share, _TINY)) - np.log(np.maximum(alone, _TINY))
        found[:, factor] = (share * logarithm).sum((1, 2))
    return found


def _balanced(scored: Scored, weight: Array) -> Array:
    """Balanced accuracy ``[d, k]`` of thresholds on one latent."""
    _, d, k = scored.hits.shape
    found = np.zeros((d, k))
    for factor in range(k):
        of = scored.factors[:, factor]
        member = np.eye(int(of.max()) + 1)[of] * weight[:, None]
        total = member.sum(0)
        seen = total > 0
        rate = (member.T @ scored.hits[:, :, factor])[seen] / total[seen, None]
        found[:, factor] = rate.mean(0)
    return found


def _gap(table: Array) -> Array:
    """Largest less second largest over latents, ``[k]``."""
    top = np.sort(table, axis=0)[-2:]
    return np.asarray(top[1] - top[0])


def _disentanglement(importance: Array) -> float:
    """``sum_d rho_d (1 - H_k(P_d))``, ``rho_d`` the latent's share of all importance."""
    total = importance.sum()
    if total <= 0:
        return 0.0
    own = _concentration(importance)
    return float((importance.sum(1) / total * own).sum())


def _completeness(importance: Array) -> float:
    """Mean over factors of ``1 - H_d(P_k)``; 0 for a factor to which no latent matters."""
    return float(_concentration(importance.T).mean())


def _concentration(table: Array) -> Array:
    """One less the entropy of each row's shares, in units of the largest possible; ``[rows]``."""
    columns = table.shape[1]
    total = table.sum(1, keepdims=True)
    share = table / np.maximum(total, _TINY)
    entropy = -(share * np.log(np.maximum(share, _TINY))).sum(1) / np.log(max(columns, 2))
    return np.where(total[:, 0] > _TINY, 1.0 - entropy, 0.0)


def _binned(codes: Array) -> Array:
    """Bins of equal number; equal codes share one."""
    found = np.empty(codes.shape, dtype=np.int64)
    for column, code in enumerate(codes.T):
        edges = np.unique(np.quantile(code, np.arange(1, BINS) / BINS))
        found[:, column] = np.searchsorted(edges, code, side="left")
    return found


def _resampled(cluster: Array, random: np.random.Generator) -> list[Array]:
    """Rows of as many clusters as there are, drawn with replacement, :data:`FORESTS` times."""
    names, place = np.unique(cluster, return_inverse=True)
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place))[:-1]
    rows = np.split(order, ends)
    return [
        np.concatenate([rows[c] for c in random.integers(0, len(names), len(names))])
        for _ in range(FORESTS)
    ]


def _check(train: Side, held_out: Side) -> None:
    d = train.codes.shape[1]
    if held_out.codes.shape[1] != d or d < 2:  # noqa: PLR2004
        raise ValueError(f"{d} latents, a gap needs two and the same on both sides")
    if (train.factors.max(0) == train.factors.min(0)).any():
        raise ValueError("a factor has one value in train, there is nothing to tell")
