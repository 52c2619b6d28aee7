"""A factorisation of the ratings in which columns that are known take part, by variational Bayes.

``r_ui ~ N(m + b_u + b_i + p_u . q_i + w_u . x_i + v_i . z_u, noise)``

``x`` and ``z`` are known columns of films and users; ``w`` and ``v`` say what each user makes of
the films' and each film of the users': what a factorisation machine learns (Rendle 2010, equation
1, with a weight per user in place of factors of the columns). ``p, w, b_u`` of a user have one
normal posterior, ``q, v, b_i`` of a film another, solved in turn (Lim and Teh 2007). Priors have a
variance per column, and for ``w``, ``v`` and ``b_u`` a mean, learnt like the noise: a user without
ratings likes what all do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

Ints = np.ndarray[Any, np.dtype[np.integer[Any]]]
Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]

_START = 0.1
"""Standard deviation of the films' factors before the first sweep: at 0 they would stay there."""
_KNOWN, _BIAS = 0.05, 0.2
"""Prior variances before the first sweep."""
_FLOOR = 1e-8


@dataclass(frozen=True)
class Side:
    """Posterior of one side: factors, weights of the other side's known columns, bias."""

    rank: int
    known: Floats
    """Its own known columns ``[rows, e]``, which the other side has weights of."""
    mean: Floats
    """``[rows, k + c + 1]``."""
    covariance: Floats
    """``[rows, k + c + 1, k + c + 1]``."""
    prior_mean: Floats
    prior: Floats
    """Prior variances ``[k + c + 1]``."""


class Rated:
    """Ratings less their mean, seen from one side, and what never changes of its equations.

    Args:
        own: Index of this side ``[n]``.
        other: Index of the other side ``[n]``.
        residual: Ratings less their mean ``[n]``.
        own_known: Known columns of this side.
        other_known: Known columns of the other side ``[others, c]``.
    """

    def __init__(
        self, own: Ints, other: Ints, residual: Floats, own_known: Floats, other_known: Floats
    ) -> None:
        self.own, self.other, self.residual = own, other, residual
        self.shape = len(own_known), len(other_known)
        self.count = self.matrix(np.ones(len(own)))
        self.own_known = own_known[own]
        self.fixed = np.hstack([other_known, np.ones((len(other_known), 1))])
        self.square = _summed(self.count, self.fixed)

    def matrix(self, values: Floats) -> csr_matrix:
        """``values`` ``[n]`` as ``[own, other]``."""
        return csr_matrix((values, (self.own, self.other)), shape=self.shape)

    def moments(self, factors: Floats, covariance: Floats) -> Floats:
        """``sum E[x x^T]`` of ``x = (factors, known, 1)``: float64 ``[rows, d, d]``."""
        k, rows = factors.shape[1], self.shape[0]
        width = k + self.fixed.shape[1]
        found = np.empty((rows, width, width))
        square = (factors[:, :, None] * factors[:, None, :] + covariance).reshape(-1, k * k)
        found[:, :k, :k] = (self.count @ square).reshape(rows, k, k)
        crossed = (factors[:, :, None] * self.fixed[:, None, :]).reshape(len(factors), -1)
        found[:, :k, k:] = (self.count @ crossed).reshape(rows, k, -1)
        found[:, k:, :k] = found[:, :k, k:].transpose(0, 2, 1)
        found[:, k:, k:] = self.square
        return found


@dataclass(frozen=True)
class Factorisation:
    """Both sides and the mean of what they were learnt from."""

    mean: float
    user: Side
    movie: Side

    def parts(self, user: Ints, movie: Ints) -> Floats:
        """Summands of the expected rating less ``m``: float64 ``[n, 4]``.

        Biases, factors, weights of the films' columns, weights of the users' columns.
        """
        k, u, i = self.user.rank, self.user.mean[user], self.movie.mean[movie]
        return np.stack(
            [
                u[:, -1] + i[:, -1],
                (u[:, :k] * i[:, :k]).sum(1),
                (u[:, k:-1] * self.movie.known[movie]).sum(1),
                (i[:, k:-1] * self.user.known[user]).sum(1),
            ],
            axis=1,
        )


def sweeps(
    pairs: tuple[Ints, Ints], value: Floats, columns: tuple[Floats, Floats], *, rank: int, seed: int
) -> Iterator[Factorisation]:
    """The model after each sweep, without end.

    Args:
        pairs: Users and films of the ratings, ``[n]`` each, ``n`` above 0.
        value: Ratings ``[n]``.
        columns: Known columns of all users ``[u, e]`` and all films ``[i, c]``.
        rank: Factors ``k``, at least 1.
        seed: Of the first factors.
    """
    mean = float(value.mean())
    sizes = len(columns[0]), len(columns[1])
    by_user = Rated(*pairs, value - mean, *columns)
    by_movie = Rated(*pairs[::-1], value - mean, *columns[::-1])
    user, movie = (_start(own, other.shape[1], rank) for own, other in (columns, columns[::-1]))
    random = np.random.default_rng([seed, rank])
    movie.mean[:, :rank] = random.normal(0, _START, (sizes[1], rank))
    noise = float(by_user.residual.var()) + _FLOOR
    while True:
        user, spread = _solve(by_user, user, movie, noise)
        # The scale of p . q is shared: films keep theirs, 1 / k, and users learn.
        user = _with_prior(user, by_user, slice(0, None), slice(rank, None))
        movie, other_spread = _solve(by_movie, movie, user, noise)
        movie = _with_prior(movie, by_movie, slice(rank, None), slice(rank, -1))
        model = Factorisation(mean, user, movie)
        left = by_user.residual - model.parts(*pairs).sum(1)
        noise = float((left**2).sum() + spread + other_spread) / len(left) + _FLOOR
        yield model


def _start(known: Floats, others: int, rank: int) -> Side:
    width = rank + others + 1
    prior = np.r_[np.full(rank, 1 / rank), np.full(others, _KNOWN), _BIAS]
    rows = len(known)
    nothing = np.zeros((rows, width)), np.zeros((rows, width, width))
    return Side(rank, known, *nothing, np.zeros(width), prior)


def _solve(rated: Rated, own: Side, other: Side, noise: float) -> tuple[Side, float]:
    """Posterior of ``own`` given ``other``, and what its spread adds to the squared error."""
    k, covariance = own.rank, other.covariance
    moments = rated.moments(other.mean[:, :k], covariance[:, :k, :k])
    inverse = np.linalg.inv(moments / noise + np.diag(1 / own.prior))
    told = other.mean[:, k:][rated.other]
    rest = rated.residual - told[:, -1] - (told[:, :-1] * rated.own_known).sum(1)
    right = rated.matrix(rest) @ np.hstack([other.mean[:, :k], rated.fixed])
    # The other side's factors and its weights were learnt together: they are correlated.
    shared = rated.count @ covariance[:, :k, k:].reshape(len(covariance), -1)
    beside = np.hstack([own.known, np.ones((len(right), 1))])
    right[:, :k] -= np.einsum("rke,re->rk", shared.reshape(len(right), k, -1), beside)
    mean = np.einsum("rij,rj->ri", inverse, right / noise + own.prior_mean / own.prior)
    return replace(own, mean=mean, covariance=inverse), float((inverse * moments).sum())


def _summed(count: csr_matrix, design: Floats) -> Floats:
    """``sum x x^T`` over what each row met: float64 ``[rows, d, d]``."""
    width = design.shape[1]
    upper = np.triu_indices(width)
    summed = count @ (design[:, upper[0]] * design[:, upper[1]])
    found = np.empty((count.shape[0], width, width))
    found[:, upper[0], upper[1]] = summed
    found[:, upper[1], upper[0]] = summed
    return found


def _with_prior(side: Side, rated: Rated, variances: slice, means: slice) -> Side:
    """The side with prior moments of its rows that have ratings, in the columns asked for."""
    seen = np.bincount(rated.own, minlength=len(side.mean)) > 0
    rows = side.mean[seen]
    mean, prior = side.prior_mean.copy(), side.prior.copy()
    mean[means] = rows[:, means].mean(0)
    variance = np.diagonal(side.covariance[seen], axis1=1, axis2=2) + (rows - mean) ** 2
    prior[variances] = np.maximum(variance.mean(0)[variances], _FLOOR)
    return replace(side, prior_mean=mean, prior=prior)
