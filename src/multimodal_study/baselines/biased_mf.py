"""Biased matrix factorisation, by alternating least squares with the uncertainty of the factors.

``r_ui ~ N(m + b_u + b_i + p_u . q_i, noise)``, normal priors, and a factorised posterior, which is
variational Bayes (Lim and Teh 2007, "Variational Bayesian approach to movie rating prediction"),
here with biases.
A step solves for ``(p_u, b_u)`` of all users at once, as ridge regression would, save that the
covariance of the films' factors joins their Gram matrices; then for films. The variances of priors
and noise are learnt from train, so the ranks and the number of sweeps alone are left to validation.
An entity that train lacks keeps its prior mean, 0: predictions fall back to the biases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from multimodal_study.baselines.collaborative import Array, Ratings, Selection
from multimodal_study.baselines.result import BaselineResult, Candidate, run
from multimodal_study.contract import Features
from multimodal_study.errors import InputError

_START = 0.1
"""Standard deviation of the factors before the first sweep: at 0 they would stay there."""
_FLOOR = 1e-8


@dataclass(frozen=True)
class Side:
    """Posterior of one side's factors, the bias in the last column."""

    mean: Array
    """float64 ``[rows, k + 1]``."""
    covariance: Array
    """float64 ``[rows, k + 1, k + 1]``."""
    prior: Array
    """Prior variances, float64 ``[k + 1]``."""

    def moments(self) -> Array:
        """``E[x x^T]``: float64 ``[rows, k + 1, k + 1]``."""
        found: Array = self.covariance + self.mean[:, :, None] * self.mean[:, None, :]
        return found


@dataclass(frozen=True)
class Factorisation:
    """Mean of train and both sides."""

    mean: float
    user: Side
    movie: Side

    def predict(self, user: Array, movie: Array) -> Array:
        """Expected ratings of pairs ``[n]``, not clipped."""
        p, q = self.user.mean[user], self.movie.mean[movie]
        found: Array = self.mean + p[:, -1] + q[:, -1] + (p[:, :-1] * q[:, :-1]).sum(1)
        return found


def sweeps(train: Ratings, rank: int, seed: int) -> Iterator[Factorisation]:
    """The model after each sweep, without end.

    Args:
        train: Ratings to fit.
        rank: Factors ``k`` of each side, at least 1.
        seed: Of the first factors.

    Raises:
        InputError: The rank is below 1.
    """
    if rank < 1:
        raise InputError(f"biased_mf.ranks has {rank}, expected whole numbers from 1")
    residual = train.value - train.mean
    count, total = train.matrix(np.ones(len(residual))), train.matrix(residual)
    count_of_movie, total_of_movie = count.T.tocsr(), total.T.tocsr()
    random = np.random.default_rng(seed)
    user, movie = (_start(random, rows, rank) for rows in (train.users, train.movies))
    noise = float(residual.var()) + _FLOOR
    energy = float((residual**2).sum())
    while True:
        user = _solve(count, total, movie, user.prior, noise)
        # The scale of p . q is shared: films keep theirs, 1 / k, and users learn.
        user = replace(user, prior=_prior(user, count))
        movie = _solve(count_of_movie, total_of_movie, user, movie.prior, noise)
        bias = _prior(movie, count_of_movie)[-1]
        movie = replace(movie, prior=np.r_[movie.prior[:-1], bias])
        noise = max(_squared_error(energy, count, total, user, movie) / len(residual), _FLOOR)
        yield Factorisation(train.mean, user, movie)


def _start(random: np.random.Generator, rows: int, rank: int) -> Side:
    mean = np.c_[random.normal(0, _START, (rows, rank)), np.zeros(rows)]
    return Side(mean, np.zeros((rows, rank + 1, rank + 1)), np.r_[np.full(rank, 1 / rank), 0.2])


def _design(other: Side) -> tuple[Array, Array, Array]:
    """Of ``x = (q, 1)``: ``E[x]`` ``[rows, k + 1]``, ``E[x x^T]`` and ``E[x b]``, flat."""
    moments = other.moments()
    linear = np.c_[other.mean[:, :-1], np.ones(len(other.mean))]
    square = moments.copy()
    square[:, -1, :] = linear
    square[:, :, -1] = linear
    with_bias = np.c_[moments[:, :-1, -1], other.mean[:, -1]]
    return linear, square.reshape(len(linear), -1), with_bias


def _solve(count: csr_matrix, total: csr_matrix, other: Side, prior: Array, noise: float) -> Side:
    """Posterior of the rows of ``count`` ``[rows, others]``, given the other side."""
    linear, square, with_bias = _design(other)
    width = len(prior)
    precision = (count @ square).reshape(-1, width, width) / noise + np.diag(1 / prior)
    covariance = np.linalg.inv(precision)
    right = (total @ linear - count @ with_bias) / noise
    return Side(np.einsum("rij,rj->ri", covariance, right), covariance, prior)


def _prior(side: Side, count: csr_matrix) -> Array:
    """Mean second moment of the factors of entities with ratings: float64 ``[k + 1]``."""
    rated = np.diff(count.indptr) > 0
    variance = np.diagonal(side.covariance, axis1=1, axis2=2) + side.mean**2
    found: Array = np.maximum(variance[rated].mean(0), _FLOOR)
    return found


def _squared_error(
    energy: float, count: csr_matrix, total: csr_matrix, user: Side, movie: Side
) -> float:
    """Expected squared error of all ratings, by sums over users: nothing is as long as they are."""
    linear, square, with_bias = _design(movie)
    width = linear.shape[1]
    moments = user.moments().reshape(len(user.mean), -1)
    fitted = ((count @ square) * moments).sum()
    crossed = (user.mean * (total @ linear - count @ with_bias)).sum()
    own = np.diagonal(movie.moments(), axis1=1, axis2=2)[:, width - 1]
    movie_bias = (count @ own).sum() - 2 * (total @ movie.mean[:, -1]).sum()
    return float(energy + fitted - 2 * crossed + movie_bias)


def fit_predict(features: Features, parameters: dict[str, Any], seed: int) -> BaselineResult:
    """Fit on train with the rank and the number of sweeps that validation chooses.

    Args:
        features: With the entities user and movie.
        parameters: ``ranks`` to try; ``max_sweeps``; ``patience``, sweeps without a lower
            validation RMSE after which a fit ends.
        seed: Of the first factors.

    Raises:
        InputError: The features are no ratings, or there is no rank or sweep to try.
    """
    return run(features, seed, lambda: _choose(features, parameters, seed))


def _choose(features: Features, parameters: dict[str, Any], seed: int) -> Candidate:
    selection = Selection[Factorisation](features)
    for rank in parameters["ranks"]:
        lowest, since = np.inf, 0
        fits = sweeps(selection.train, int(rank), seed)
        for sweep, model in zip(range(1, int(parameters["max_sweeps"]) + 1), fits, strict=False):
            score = selection.offer(model, {"rank": int(rank), "sweeps": sweep})
            lowest, since = (score, 0) if score < lowest else (lowest, since + 1)
            if since >= int(parameters["patience"]):
                break
    return selection.candidate(
        lambda model: 1 + model.user.mean.size + model.movie.mean.size,
        "biased_mf.ranks and biased_mf.max_sweeps leave nothing to try",
    )
