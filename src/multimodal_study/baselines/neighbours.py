"""Item kNN: a user's score of an item is the sum of its similarities to what the user liked.

Similarity is the cosine between the tf-idf weighted users who liked two items (Sarwar et al. 2001,
section 3.1): a user who likes nearly everything says little about what goes with what. Each item
keeps its most similar others alone.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.neighbors import NearestNeighbors

from multimodal_study.errors import InputError
from multimodal_study.metrics.ranking import Scorer


def fit(positives: csr_matrix, neighbours: int) -> Scorer:
    """Item kNN on ``positives`` ``[u, i]``, one for an item that a user liked.

    Args:
        positives: Of train.
        neighbours: Similar items that each item keeps; all others, where there are fewer.

    Raises:
        InputError: ``neighbours`` is below 1, or there is one item alone.
    """
    x = csr_matrix(positives, dtype=np.float64)
    if neighbours < 1 or x.shape[1] <= 1:
        raise InputError(
            f"item_knn: {neighbours} neighbours among {x.shape[1]} items, expected at least 1 "
            "neighbour and 2 items"
        )
    weighted = TfidfTransformer(sublinear_tf=False).fit_transform(x.T)
    search = NearestNeighbors(metric="cosine", algorithm="brute").fit(weighted)
    # Without a query, an item is no neighbour of itself.
    graph = search.kneighbors_graph(n_neighbors=min(neighbours, x.shape[1] - 1), mode="distance")
    graph.data = np.clip(1 - graph.data, 0, None)
    similarity = csr_matrix(graph)
    # Row i of the graph: what is near item i. A liked item votes for those that it is near to.
    return lambda asked: (x[asked] @ similarity).toarray()
