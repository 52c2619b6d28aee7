"""Item kNN against sums over neighbours written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from multimodal_study.baselines import neighbours
from multimodal_study.errors import InputError


def test_scores_are_sums_over_the_nearest_items() -> None:
    dense = (np.random.default_rng(0).random((14, 9)) < 0.4).astype(float)
    # The users who liked an item are its words; smoothed idf as scikit-learn documents it.
    idf = np.log((1 + 9) / (1 + dense.sum(1))) + 1
    weighted = (dense * idf[:, None]).T
    weighted /= np.linalg.norm(weighted, axis=1, keepdims=True)
    similarity = weighted @ weighted.T
    np.fill_diagonal(similarity, -1.0)
    expected = np.zeros_like(dense)
    for item in range(9):
        for near in np.argsort(-similarity[item])[:3]:
            expected[:, near] += dense[:, item] * similarity[item, near]
    asked = np.array([3, 0, 11])
    found = neighbours.fit(csr_matrix(dense), 3)(asked)
    np.testing.assert_allclose(found, expected[asked], atol=1e-8)


def test_more_neighbours_than_items_are_all_of_them() -> None:
    x = csr_matrix((np.random.default_rng(1).random((8, 5)) < 0.5).astype(float))
    asked = np.arange(8)
    np.testing.assert_allclose(neighbours.fit(x, 4)(asked), neighbours.fit(x, 400)(asked))


@pytest.mark.parametrize(("shape", "number"), [((4, 6), 0), ((4, 1), 3)])
def test_no_neighbour_is_refused(shape: tuple[int, int], number: int) -> None:
    with pytest.raises(InputError, match="item_knn"):
        neighbours.fit(csr_matrix(np.ones(shape)), number)
