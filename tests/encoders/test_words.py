"""The bag of words is scikit-learn's, and knows the training texts alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from multimodal_study.encoders.words import fit_words

TRAIN = ["good tea", "bad tea", "good coffee", "bad bad coffee tea"]
WORDS = st.lists(st.sampled_from(["good", "bad", "tea", "never", "seen"]), max_size=6)


def _mask(others: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.arange(len(TRAIN) + others) < len(TRAIN)


def test_equals_scikit_learn() -> None:
    words, terms = fit_words([*TRAIN, "good new tea"], _mask(1))
    reference = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit(TRAIN)
    expected = reference.transform([*TRAIN, "good new tea"]).toarray()
    assert terms == tuple(reference.get_feature_names_out())
    assert words.dtype == np.float32 and words.format == "csr"
    np.testing.assert_allclose(words.toarray(), expected, atol=1e-6)


def test_counts() -> None:
    words, terms = fit_words(TRAIN, _mask(0), view="counts", ngram_range=(1, 1), min_df=1)
    assert terms == ("bad", "coffee", "good", "tea")
    assert words.toarray()[3].tolist() == [2, 1, 0, 1]


@given(st.lists(WORDS.map(" ".join), min_size=1, max_size=4))
def test_other_rows_change_nothing_in_train(others: list[str]) -> None:
    alone, terms = fit_words(TRAIN, _mask(0))
    beside, same = fit_words([*TRAIN, *others], _mask(len(others)))
    assert terms == same
    np.testing.assert_array_equal(alone.toarray(), beside[: len(TRAIN)].toarray())


def test_max_features() -> None:
    assert len(fit_words(TRAIN, _mask(0), max_features=2)[1]) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"view": "hash"}, "words.view"),
        ({"ngram_range": (2, 1)}, "words.ngram_range"),
        ({"min_df": 0}, "words.min_df"),
        ({"max_features": 0}, "words.max_features"),
        ({"min_df": 99}, "lower words.min_df"),
    ],
)
def test_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_words(TRAIN, _mask(0), **change)


def test_no_word_at_all() -> None:
    with pytest.raises(ValueError, match="no word of the 2 training texts"):
        fit_words(["!", "?"], np.array([True, True]))
