"""Recommenders in closed form: EASE and popularity, as scores of every item.

EASE (Steck 2019, equations 5 to 8) is the linear autoencoder ``X B`` with ``diag(B) = 0``, minimum
of ``|X - X B|^2 + l2 |B|^2``: ``B = I - P / diag(P)``, ``P = (X^T X + l2 I)^-1``. With fewer users
than items, ``P = (I - X^T (X X^T + l2 I)^-1 X) / l2`` needs an inverse over users alone, and B is
never formed: ``X B = X - (X P) / diag(P)``.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from multimodal_study.errors import InputError
from multimodal_study.metrics.ranking import Scorer, evaluate


def popularity(positives: csr_matrix) -> Scorer:
    """The number of users who liked each item, for everybody."""
    counts = np.asarray(positives.sum(0), dtype=np.float64).ravel()
    return lambda users: np.tile(counts, (len(users), 1))


def fit(positives: csr_matrix, l2: float) -> Scorer:
    """EASE on ``positives`` ``[u, i]``, one for an item that a user liked.

    Raises:
        InputError: ``l2`` is not above 0.
    """
    if not l2 > 0:
        raise InputError(f"ease: l2 is {l2}, expected above 0")
    x = csr_matrix(positives, dtype=np.float64)
    users, items = x.shape
    if users > items:
        precision = np.linalg.inv((x.T @ x).toarray() + l2 * np.eye(items))
        weights = -precision / np.diag(precision)
        np.fill_diagonal(weights, 0.0)
        return lambda asked: np.asarray(x[asked] @ weights)
    inverse = np.linalg.inv((x @ x.T).toarray() + l2 * np.eye(users))
    # X P = (X X^T + l2 I)^-1 X, by the same identity.
    projected = np.asarray((x.T @ inverse).T)
    diagonal = (1 - np.asarray(x.multiply(projected).sum(0)).ravel()) / l2
    return lambda asked: x[asked].toarray() - projected[asked] / diagonal


def choose(
    train: csr_matrix, seen: csr_matrix, validation: csr_matrix, strengths: list[float], depth: int
) -> tuple[float, dict[float, float]]:
    """The ``l2`` with the highest validation NDCG, and what each reached.

    Args:
        train: Positives of train ``[u, i]``.
        seen: All ratings of train, whatever their value.
        validation: Positives of validation.
        strengths: Values of ``l2`` to try.
        depth: Length of the lists.

    Raises:
        InputError: There is nothing to try.
    """
    if not strengths:
        raise InputError("ease: no l2 to try")
    reached = {
        l2: evaluate(fit(train, l2), seen, validation, depth=depth).means()["ndcg"]
        for l2 in strengths
    }
    return max(reached, key=lambda l2: reached[l2]), reached
