"""Top-N metrics against a list for each user, sorted in plain Python."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from multimodal_study.errors import InputError
from multimodal_study.metrics.ranking import PER_USER, evaluate, top_n


@st.composite
def _worlds(draw: st.DrawFn) -> tuple[Any, Any, Any, int]:
    """Scores with many ties, seen items, positives among the others, and a depth."""
    users, items = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = random.integers(0, draw(st.integers(1, 6)), (users, items)).astype(float)
    seen = random.random((users, items)) < draw(st.sampled_from([0.0, 0.3, 0.9]))
    positive = ~seen & (random.random((users, items)) < 0.5)
    seen[0, 0], positive[0, 0] = False, True
    return scores, seen, positive, draw(st.integers(1, items))


@settings(deadline=None)
@given(_worlds(), st.integers(1, 7))
def test_metrics_are_those_of_lists_in_plain_python(world: Any, block: int) -> None:
    scores, seen, positive, depth = world
    found = evaluate(
        lambda users: scores[users],
        csr_matrix(seen),
        csr_matrix(positive),
        depth=depth,
        block=block,
    )
    expected, listed = [], set()
    for user in np.flatnonzero(positive.any(1)):
        left = [item for item in range(scores.shape[1]) if not seen[user, item]]
        best = sorted(left, key=lambda item: (-scores[user, item], item))[:depth]
        listed |= set(best)
        ranks = [rank for rank, item in enumerate(best, 1) if positive[user, item]]
        count = int(positive[user].sum())
        ideal = sum(1 / log2(rank + 1) for rank in range(1, min(count, depth) + 1))
        expected.append(
            [
                len(ranks) / count,
                len(ranks) / min(count, depth),
                float(bool(ranks)),
                sum(1 / log2(rank + 1) for rank in ranks) / ideal,
                1 / ranks[0] if ranks else 0.0,
                sum(seen[:, item].mean() for item in best) / max(len(best), 1),
            ]
        )
    columns = np.stack([getattr(found, name) for name in PER_USER], axis=1)
    np.testing.assert_allclose(columns, expected)
    np.testing.assert_array_equal(found.users, np.flatnonzero(positive.any(1)))
    assert found.coverage == pytest.approx(len(listed) / scores.shape[1])


@settings(deadline=None)
@given(_worlds())
def test_a_perfect_order_has_every_metric_at_one(world: Any) -> None:
    _, seen, positive, depth = world
    found = evaluate(
        lambda users: positive[users].astype(float), csr_matrix(seen), csr_matrix(positive),
        depth=depth,
    )  # fmt: skip
    for values in (found.recall_capped, found.ndcg, found.reciprocal_rank):
        np.testing.assert_allclose(values, 1)


def test_lists_end_where_unseen_items_do() -> None:
    items, valid = top_n(np.array([[3.0, 2.0, 1.0]]), csr_matrix([[1, 0, 1]]), 2)
    assert items[0, 0] == 1
    assert valid.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("seen", "positive", "depth", "message"),
    [
        ([[0, 0]], [[1, 0]], 3, "depth"),
        ([[0, 0]], [[1, 0]], 0, "depth"),
        ([[0, 0]], [[1, 0], [0, 1]], 1, "shapes"),
        ([[1, 0]], [[1, 0]], 1, "seen before"),
        ([[0, 0]], [[0, 0]], 1, "no user"),
    ],
)
def test_what_cannot_be_ranked_is_refused(
    seen: Any, positive: Any, depth: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(lambda users: np.zeros((len(users), 2)), csr_matrix(seen), csr_matrix(positive),
                 depth=depth)  # fmt: skip


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="finite"):
        top_n(np.array([[np.nan, 1.0]]), csr_matrix([[0, 0]]), 1)
