"""Damped biases of users and films: what a baseline predicts and a network starts from."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_SWEEPS = 100
_TOLERANCE = 1e-6


def damped_biases(
    user: Array, movie: Array, residual: Array, sizes: tuple[int, int], damping: tuple[float, float]
) -> tuple[Array, Array]:
    """The minimum of ``(residual - b_u - b_i)^2 + damping_u * b_u^2 + damping_i * b_i^2``, summed.

    Args:
        user: int64 ``[n]``.
        movie: int64 ``[n]``.
        residual: Ratings of train less their mean, float64 ``[n]``.
        sizes: Numbers of users and films.
        damping: Of users and of films, in ratings, above 0.

    Returns:
        float64 ``[u]`` and ``[i]``; 0 where there is no rating.
    """
    users, movies = sizes
    user_weight = np.bincount(user, minlength=users) + damping[0]
    movie_weight = np.bincount(movie, minlength=movies) + damping[1]
    of_user, of_movie = np.zeros(users), np.zeros(movies)
    for _ in range(_SWEEPS):
        of_movie = np.bincount(movie, residual - of_user[user], movies) / movie_weight
        before = of_user
        of_user = np.bincount(user, residual - of_movie[movie], users) / user_weight
        if np.abs(of_user - before).max() < _TOLERANCE:
            break
    return of_user, of_movie
