"""A linear map between two spaces that nobody trained to agree, fitted on train.

A paradigm without a shared space, and raw features, are made comparable by one of two classical
maps; what they then retrieve is labelled "mapped". Both work on columns standardised by train.

* ``ridge``: one view is predicted from the other, W = (X'X + a n I)^-1 X'Y, and compared with it
  by cosine. Mapping the first view towards the second and the second towards the first give
  different neighbours (hubs gather where predictions shrink to: Shigeto et al., 2015), so both are
  tried.
* ``cca``: canonical variates of both views, with the ridge ``a`` added to both covariances (Vinod,
  1976), each scaled by its canonical correlation (Gong et al., 2014).

``a`` is in units of variance per training row. It and the direction are chosen by the mean
reciprocal rank of both directions on validation; test rows are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

from multimodal_study.metrics.retrieval import reciprocal
from multimodal_study.metrics.search import standings
from multimodal_study.metrics.statistics import Array

MAPS = ("ridge", "cca")
CHUNK = 8192
SMALLEST_DEVIATION = 1e-6
CHOOSING = 2000
"""Validation entities that the choice looks at, at most, evenly spaced."""


@dataclass(frozen=True)
class View:
    """One origin's embeddings, standardised, then projected."""

    mean: Array
    scale: Array
    projection: Array | None = None
    """Float64 ``[d, k]``; None keeps the standardised columns."""

    def __call__(self, vectors: Array) -> Array:
        """Embeddings ``[n, d]`` in the common space: float64 ``[n, k]``."""
        standard: Array = (vectors - self.mean) / self.scale
        return standard if self.projection is None else standard @ self.projection


@dataclass(frozen=True)
class CommonSpace:
    """Where the views of two origins can be compared."""

    first: View
    second: View
    choice: dict[str, Any]
    """What validation chose, as plain JSON values; ``towards`` 0 is the first view."""


@dataclass(frozen=True)
class Pairs:
    """Embeddings of both origins of the same ``n`` entities, with the keys of their views."""

    first: Array
    second: Array
    keys: tuple[Array, Array]

    def thinned(self, most: int) -> Pairs:
        """At most ``most`` of them, evenly spaced."""
        rows = np.linspace(0, len(self.first) - 1, min(most, len(self.first))).astype(int)
        return Pairs(self.first[rows], self.second[rows], (self.keys[0][rows], self.keys[1][rows]))


def fit_common_space(
    train: tuple[Array, Array],
    validation: Pairs,
    *,
    kind: str = "ridge",
    strengths: Sequence[float] = (0.001, 0.01, 0.1, 1.0),
) -> CommonSpace:
    """The map that retrieves best on validation.

    Args:
        train: Embeddings ``[n, d1]`` and ``[n, d2]`` of the same training entities.
        validation: Entities that choose among directions and strengths.
        kind: ``ridge`` or ``cca``.
        strengths: Values of ``a``.

    Raises:
        ValueError: If ``kind`` or ``strengths`` is out of range, or there is nothing to fit on.
    """
    if kind not in MAPS:
        raise ValueError(f"evaluation.retrieval.map is {kind!r}, expected one of {MAPS}")
    if not strengths or min(strengths) <= 0:
        raise ValueError(
            f"evaluation.retrieval.regularisation is {list(strengths)}, expected numbers above 0,"
            " for example [0.01, 0.1, 1.0]"
        )
    if len(train[0]) < 2 or len(train[0]) != len(train[1]):  # noqa: PLR2004
        raise ValueError(f"cannot fit a map on {len(train[0])} and {len(train[1])} training rows")
    moments = _Moments(*train)
    known = validation.thinned(CHOOSING)
    best, reached = None, -1.0
    tried = _ridge(moments, strengths) if kind == "ridge" else _cca(moments, strengths)
    for space in tried:
        first, second = space.first(known.first), space.second(known.second)
        found = [
            float(reciprocal(standings(*views, known.keys)[0]).mean())
            for views in ((first, second), (second, first))
        ]
        if sum(found) / 2 > reached:
            best, reached = space, sum(found) / 2
    assert best is not None  # noqa: S101  # a mean reciprocal rank is above 0
    return CommonSpace(best.first, best.second, {**best.choice, "validation_mrr": reached})


class _Moments:
    """Covariances of the standardised training rows, summed in chunks."""

    def __init__(self, first: Array, second: Array) -> None:
        self.views = [_standard(one) for one in (first, second)]
        widths = [first.shape[1], second.shape[1]]
        self.own = [np.zeros((width, width)) for width in widths]
        self.cross = np.zeros((widths[0], widths[1]))
        for start in range(0, len(first), CHUNK):
            chunk = slice(start, start + CHUNK)
            x, y = self.views[0](first[chunk]), self.views[1](second[chunk])
            self.own[0] += x.T @ x
            self.own[1] += y.T @ y
            self.cross += x.T @ y
        self.own = [matrix / len(first) for matrix in self.own]
        self.cross /= len(first)


def _standard(vectors: Array) -> View:
    mean = vectors.mean(axis=0, dtype=np.float64)
    scale = vectors.std(axis=0, dtype=np.float64)
    return View(mean, np.where(scale > SMALLEST_DEVIATION, scale, 1.0))


def _ridge(moments: _Moments, strengths: Sequence[float]) -> Iterator[CommonSpace]:
    """Both directions by every strength."""
    for towards in (1, 0):
        source = 1 - towards
        cross = moments.cross if source == 0 else moments.cross.T
        for strength in strengths:
            views = list(moments.views)
            weights = cho_solve(_factor(moments.own[source], strength), cross)
            views[source] = View(views[source].mean, views[source].scale, weights)
            choice = {"map": "ridge", "towards": towards, "regularisation": strength}
            yield CommonSpace(views[0], views[1], choice)


def _cca(moments: _Moments, strengths: Sequence[float]) -> Iterator[CommonSpace]:
    """With S = L L' of both views: M = L1^-1 S12 L2^-T = U C V'; L1^-T U C and L2^-T V C."""
    for strength in strengths:
        (left, _), (right, _) = (_factor(own, strength) for own in moments.own)
        whitened = solve_triangular(left, moments.cross, lower=True)
        whitened = solve_triangular(right, whitened.T, lower=True).T
        # U C = M V needs the decomposition of the smaller product alone.
        if whitened.shape[0] < whitened.shape[1]:
            square, first = np.linalg.eigh(whitened @ whitened.T)
            second = whitened.T @ first
            first = first * np.sqrt(np.maximum(square, 0.0))
        else:
            square, second = np.linalg.eigh(whitened.T @ whitened)
            first = whitened @ second
            second = second * np.sqrt(np.maximum(square, 0.0))
        weights = [
            solve_triangular(factor, each, lower=True, trans="T")
            for factor, each in ((left, first), (right, second))
        ]
        views = [
            View(view.mean, view.scale, weight)
            for view, weight in zip(moments.views, weights, strict=True)
        ]
        yield CommonSpace(views[0], views[1], {"map": "cca", "regularisation": strength})


def _factor(covariance: Array, strength: float) -> tuple[Array, bool]:
    """Lower Cholesky factor of the covariance plus ``strength`` on its diagonal."""
    ridged = covariance + strength * np.eye(len(covariance))
    factor: Array = np.linalg.cholesky(ridged)
    return factor, True
