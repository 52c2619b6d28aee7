"""Counts, means and biases of users and films, from ratings of train alone.

``b_i = sum(r - mu - b_u) / (s + n_i)`` and ``b_u = sum(r - mu - b_i) / (s + n_u)``, in turn, are
the damped biases of Koren (2010, section 2.1), iterated; ``s`` is the smoothing, in ratings.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.features.slots import (
    Floats,
    Ints,
    Mask,
    TrainRatings,
    interleaved,
)

logger = logging.getLogger(__name__)

COUNT = "count"
_SWEEPS = 8
"""Turns of the biases: the last ones move nothing that a reader would see."""
TASTE = "taste:"
"""Prefix of a user's mean residual on films of a genre."""


@dataclass(frozen=True)
class Biases:
    """Damped biases of one slot: ``mu + user[u] + movie[i]`` predicts a rating."""

    mean: float
    user: Floats
    movie: Floats


def biases(ratings: TrainRatings, rows: Mask, smoothing: float) -> Biases:
    """Biases learnt from ``rows``; zero for who has no rating among them."""
    user, movie, value = ratings.user[rows], ratings.movie[rows], ratings.rating[rows]
    if not len(value):
        return Biases(0.0, np.zeros(ratings.users), np.zeros(ratings.movies))
    mean = float(value.mean())
    of_user: Floats = np.zeros(ratings.users)
    of_movie: Floats = np.zeros(ratings.movies)
    for _ in range(_SWEEPS):
        of_movie = damped(movie, value - mean - of_user[user], ratings.movies, smoothing)
        of_user = damped(user, value - mean - of_movie[movie], ratings.users, smoothing)
    return Biases(mean, of_user, of_movie)


def aggregates(
    ratings: TrainRatings, genres: Floats, genre_names: list[str], *, smoothing: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What other ratings of train say of each user and of each film.

    Args:
        ratings: Of train.
        genres: Multi-hot genres of films ``[i, g]``.
        genre_names: Names of the ``g`` genres.
        smoothing: Of means and biases, in ratings, above 0.

    Returns:
        Tables with ``slots`` rows per user and per film: ``count``, ``mean``, ``bias``,
        ``deviation``; users also ``taste:<genre>``, the damped mean of ``r - mu - b_u - b_i`` over
        films of the genre. Without any rating to learn from, all but the count is missing.
    """
    if not smoothing > 0:
        raise InputError(f"movielens.featurise.smoothing is {smoothing}, expected above 0")
    users: dict[str, list[Floats]] = {}
    movies: dict[str, list[Floats]] = {}
    for rows in ratings.learnt_from():
        known = biases(ratings, rows, smoothing)
        user, movie, value = ratings.user[rows], ratings.movie[rows], ratings.rating[rows]
        residual = value - known.mean - known.user[user] - known.movie[movie]
        for table, index, size, bias in (
            (users, user, ratings.users, known.user),
            (movies, movie, ratings.movies, known.movie),
        ):
            _append(table, _columns(index, value, size, bias, known.mean, smoothing))
        taste = _taste(user, movie, residual, genres, ratings.users, smoothing)
        seen = np.bincount(user, minlength=ratings.users) > 0
        taste[~seen] = np.nan
        _append(users, {f"{TASTE}{name}": taste[:, g] for g, name in enumerate(genre_names)})
    return _table(users), _table(movies)


def damped(index: Ints, value: Floats, size: int, smoothing: float) -> Floats:
    """``sum / (smoothing + count)`` of ``value`` by ``index``: float64 ``[size]``."""
    total = np.bincount(index, weights=value, minlength=size)
    result: Floats = total / (smoothing + np.bincount(index, minlength=size))
    return result


def _columns(  # noqa: PLR0917
    index: Ints, value: Floats, size: int, bias: Floats, mean: float, smoothing: float
) -> dict[str, Floats]:
    count = np.bincount(index, minlength=size).astype(np.float64)
    mean_of = mean + damped(index, value - mean, size, smoothing)
    square = np.bincount(index, weights=(value - mean_of[index]) ** 2, minlength=size)
    # One rating has no spread: without the damping towards 1 it would look certain.
    deviation = np.sqrt((square + smoothing) / (count + smoothing))
    unknown = count == 0
    columns = {"mean": mean_of, "bias": bias, "deviation": deviation}
    known: dict[str, Floats] = {COUNT: count}
    for name, column in columns.items():
        known[name] = np.where(unknown, np.nan, column)
    return known


def _taste(  # noqa: PLR0917
    user: Ints, movie: Ints, residual: Floats, genres: Floats, users: int, smoothing: float
) -> Floats:
    """Damped mean residual of each user on each genre: float64 ``[u, g]``."""
    from scipy.sparse import csr_matrix

    shape = (users, len(genres))
    summed = csr_matrix((residual, (user, movie)), shape=shape) @ genres
    counts = csr_matrix((np.ones(len(user)), (user, movie)), shape=shape) @ genres
    result: Floats = np.asarray(summed / (smoothing + counts), dtype=np.float64)
    return result


def _append(table: dict[str, list[Floats]], columns: dict[str, Floats]) -> None:
    for name, column in columns.items():
        table.setdefault(name, []).append(column)


def _table(columns: dict[str, list[Any]]) -> pd.DataFrame:
    return pd.DataFrame({name: interleaved(parts) for name, parts in columns.items()})
