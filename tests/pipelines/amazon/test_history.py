from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimodal_study.pipelines.amazon.history import MODES, history


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from(MODES))
def test_history_against_a_loop(rows: int, seed: int, mode: str) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 5, rows)
    scores = generator.integers(1, 6, rows).astype(np.float64)
    train = generator.random(rows) < 0.7
    train[0] = True
    times = generator.integers(0, 6, rows)
    counts, means = history(groups, scores, train, smoothing=2.0, mode=mode, times=times)
    overall = scores[train].mean()
    for row in range(rows):
        others = train & (groups == groups[row]) & (np.arange(rows) != row)
        if mode == "before":
            others &= times < times[row]
        assert counts[row] == others.sum()
        expected = (scores[others].sum() + 2.0 * overall) / (others.sum() + 2.0)
        assert means[row] == pytest.approx(expected)


def test_scores_outside_train_are_never_used() -> None:
    groups, train = np.zeros(4, dtype=np.int64), np.array([True, True, False, False])
    one = history(groups, np.array([1.0, 3.0, 5.0, 5.0]), train, smoothing=1.0)
    other = history(groups, np.array([1.0, 3.0, 1.0, 2.0]), train, smoothing=1.0)
    np.testing.assert_array_equal(one, other)


def test_what_cannot_be_computed_says_why() -> None:
    groups, scores = np.zeros(2, dtype=np.int64), np.ones(2)
    train = np.array([True, False])
    with pytest.raises(ValueError, match=r"enrich.history is 'later'"):
        history(groups, scores, train, smoothing=1.0, mode="later")
    with pytest.raises(ValueError, match=r"enrich.smoothing"):
        history(groups, scores, train, smoothing=0.0)
    with pytest.raises(ValueError, match="training rows"):
        history(groups, scores, ~train & False, smoothing=1.0)
    with pytest.raises(ValueError, match="needs times"):
        history(groups, scores, train, smoothing=1.0, mode="before")
