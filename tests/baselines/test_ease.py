"""EASE against its definition; both ways to the same scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from multimodal_study.baselines import ease
from multimodal_study.errors import InputError


def _liked(users: int, items: int) -> csr_matrix:
    return csr_matrix((np.random.default_rng(0).random((users, items)) < 0.3).astype(float))


@pytest.mark.parametrize("shape", [(12, 30), (30, 12)])
def test_scores_are_the_constrained_minimum(shape: tuple[int, int]) -> None:
    x, l2 = _liked(*shape), 3.0
    dense, items = x.toarray(), shape[1]
    weights = np.zeros((items, items))
    for item in range(items):
        # The column of an item is ridge regression on all others: the constraint by construction.
        others = np.delete(np.arange(items), item)
        gram = dense[:, others].T @ dense[:, others] + l2 * np.eye(items - 1)
        weights[others, item] = np.linalg.solve(gram, dense[:, others].T @ dense[:, item])
    asked = np.array([2, 0, 5])
    np.testing.assert_allclose(ease.fit(x, l2)(asked), dense[asked] @ weights, atol=1e-8)


def test_popularity_counts() -> None:
    x = _liked(9, 5)
    np.testing.assert_array_equal(ease.popularity(x)(np.array([1, 4]))[1], x.toarray().sum(0))


def test_validation_chooses_the_strength() -> None:
    random = np.random.default_rng(1)
    taste = np.repeat([[1.0, 0.0], [0.0, 1.0]], 20, axis=0) @ np.repeat(np.eye(2), 10, axis=1)
    liked = (random.random(taste.shape) < 0.1 + 0.6 * taste).astype(float)
    held = random.random(taste.shape) < 0.3
    train, validation = csr_matrix(liked * ~held), csr_matrix(liked * held)
    chosen, reached = ease.choose(train, train, validation, [1.0, 10.0, 100.0], 5)
    assert reached[chosen] == max(reached.values())
    assert set(reached) == {1.0, 10.0, 100.0}


def test_nothing_to_choose_from_and_no_strength_are_refused() -> None:
    x = _liked(4, 6)
    with pytest.raises(InputError, match="no l2"):
        ease.choose(x, x, x, [], 5)
    with pytest.raises(InputError, match="above 0"):
        ease.fit(x, 0.0)
