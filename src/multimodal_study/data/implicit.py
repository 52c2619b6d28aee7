"""Who rated what and how much, whatever the rating, as known columns of users and films.

The singular vectors of ``C_ui / sqrt(n_u n_i)``, ``C`` being 1 where there is a rating: films that
the same people chose to see lie together before anybody's opinion is asked (the implicit feedback
of Koren 2008, section 3, by spectral factors in the place of learnt ones).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

Ints = np.ndarray[Any, np.dtype[np.integer[Any]]]
Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]

_DAMPING = 3.0
"""Ratings by which a film's direction counts half: one rating says little of who watches it."""


def implicit_columns(
    user: Ints, movie: Ints, sizes: tuple[int, int], columns: int
) -> tuple[Floats, Floats]:
    """Columns of users ``[u, k]`` and films ``[i, k]``; rows without a rating are 0.

    Rows have the length ``sqrt(n / (n + 3))``. ``k`` is less than ``columns`` where the matrix is
    too small for so many.

    Args:
        user: Of the ratings ``[n]``.
        movie: Of the ratings ``[n]``.
        sizes: Numbers of users and films.
        columns: Singular vectors to take; 0: none.
    """
    kept = min(columns, min(sizes) - 1)
    counts = [np.bincount(i, minlength=n) for i, n in zip((user, movie), sizes, strict=True)]
    if kept < 1 or not len(user):
        return np.zeros((sizes[0], 0)), np.zeros((sizes[1], 0))
    scale = 1 / np.sqrt(counts[0][user] * counts[1][movie])
    matrix = csr_matrix((scale, (user, movie)), shape=sizes)
    left, strength, right = svds(matrix, k=kept, v0=np.ones(min(sizes)))
    return _rows(left * strength, counts[0]), _rows(right.T * strength, counts[1])


def activity(index: Ints, size: int) -> Floats:
    """``log(1 + n)`` of the ratings of each user or film, standardised: float64 ``[size, 1]``."""
    count = np.log1p(np.bincount(index, minlength=size))
    found: Floats = ((count - count.mean()) / (count.std() + 1e-9))[:, None]
    return found


def _rows(vectors: Floats, count: Ints) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    share = np.sqrt(count / (count + _DAMPING))[:, None]
    found: Floats = np.where(length > 0, vectors / np.where(length > 0, length, 1.0), 0.0) * share
    return found
