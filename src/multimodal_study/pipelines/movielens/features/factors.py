"""Matrix factors of users and films, from ratings of train alone: the graph as vectors.

Cyclic coordinate descent on the residuals ``e = r - mu - b_u - b_i`` (CCD++, Yu et al. 2012,
equations 9 and 10), one column ``f`` at a time, with a constant penalty per vector:
``p_uf = sum(e q_if) / (lambda + sum(q_if^2))``, ``e`` being what the other columns leave over, then
``q_if`` likewise. Every slot starts from the same seeded factors. Factors are known up to a
rotation, which differs from slot to slot, so each slot is turned to lie as near as it can to the
one before it (orthogonal Procrustes, Schoenemann 1966): ``p_u . q_i`` stays as it is, and a network
meets the same axes in every fold. A slot never turns after a later one.
"""

from __future__ import annotations

import logging

import numpy as np
from scipy.linalg import orthogonal_procrustes

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.features.aggregates import biases
from multimodal_study.pipelines.movielens.features.slots import (
    Floats,
    Ints,
    Mask,
    TrainRatings,
    interleaved,
)

logger = logging.getLogger(__name__)


def factors(
    ratings: TrainRatings,
    *,
    rank: int,
    iterations: int,
    regularisation: float,
    smoothing: float,
    seed: int,
) -> tuple[Floats, Floats]:
    """Factors of users float32 ``[u * slots, rank]`` and of films ``[i * slots, rank]``.

    Who has no rating to learn from has zeros.

    Args:
        ratings: Of train.
        rank: Length of a vector.
        iterations: Passes over all columns.
        regularisation: Lambda, in squared ratings.
        smoothing: Of the biases, in ratings.
        seed: Of the start.

    Raises:
        InputError: A parameter is out of range.
    """
    for name, value, low in (("rank", rank, 1), ("iterations", iterations, 1)):
        if value < low:
            raise InputError(f"movielens.featurise.graph.{name} is {value}, at least {low}")
    if not regularisation > 0:
        raise InputError(
            f"movielens.featurise.graph.regularisation is {regularisation}, expected above 0"
        )
    start = np.random.default_rng([seed, rank]).normal(0, 0.1, (ratings.movies, rank))
    users: list[Floats] = []
    movies: list[Floats] = []
    for rows in ratings.learnt_from():
        user, movie = _fit(ratings, rows, start, iterations, regularisation, smoothing)
        if users:
            turn = _rotation(user, movie, users[-1], movies[-1])
            user, movie = user @ turn, movie @ turn
        users.append(user)
        movies.append(movie)
    return (
        interleaved(users).astype(np.float32),
        interleaved(movies).astype(np.float32),
    )


def _fit(  # noqa: PLR0917
    ratings: TrainRatings,
    rows: Mask,
    start: Floats,
    iterations: int,
    regularisation: float,
    smoothing: float,
) -> tuple[Floats, Floats]:
    user, movie = ratings.user[rows], ratings.movie[rows]
    known = biases(ratings, rows, smoothing)
    left = ratings.rating[rows] - known.mean - known.user[user] - known.movie[movie]
    of_user = np.zeros((ratings.users, start.shape[1]))
    of_movie = start.copy()
    for _ in range(iterations):
        for column in range(start.shape[1]):
            mine, other = of_user[:, column], of_movie[:, column]
            left += mine[user] * other[movie]
            mine = _solve(user, other[movie], left, ratings.users, regularisation)
            other = _solve(movie, mine[user], left, ratings.movies, regularisation)
            left -= mine[user] * other[movie]
            of_user[:, column], of_movie[:, column] = mine, other
    return of_user, of_movie


def _solve(group: Ints, other: Floats, left: Floats, size: int, regularisation: float) -> Floats:
    """Ridge regression of each group's residuals on one number each: float64 ``[size]``.

    Args:
        group: Index of the group of each rating ``[n]``.
        other: The other side's number of each rating ``[n]``.
        left: Residuals ``[n]``.
        size: Number of groups; those without a rating get 0.
        regularisation: Lambda.
    """
    above = np.bincount(group, weights=left * other, minlength=size)
    below = np.bincount(group, weights=other * other, minlength=size)
    solved: Floats = above / (below + regularisation)
    return solved


def _rotation(user: Floats, movie: Floats, user_before: Floats, movie_before: Floats) -> Floats:
    """Orthogonal ``[rank, rank]`` that brings the factors nearest to those of the slot before."""
    now, before = np.vstack([user, movie]), np.vstack([user_before, movie_before])
    turn: Floats = orthogonal_procrustes(now, before)[0]
    return turn
