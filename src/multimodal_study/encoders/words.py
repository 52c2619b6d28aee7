"""Texts to a bag of words, learnt from the training texts alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

logger = logging.getLogger(__name__)

View = Literal["tfidf", "counts"]


def fit_words(
    texts: Sequence[str],
    train_mask: np.ndarray[Any, np.dtype[np.bool_]],
    *,
    view: View = "tfidf",
    ngram_range: tuple[int, int] = (1, 2),
    min_df: int = 2,
    max_features: int | None = 20_000,
    sublinear_tf: bool = True,
) -> tuple[csr_matrix, tuple[str, ...]]:
    """Bag of words of all texts: CSR float32 ``[n, v]`` and its ``v`` terms.

    Terms, their choice and their document frequencies come from the training texts alone; terms
    that these lack are ignored elsewhere.

    Args:
        texts: ``n`` texts.
        train_mask: Rows of the training split: bool ``[n]``.
        view: ``tfidf`` (rows of length 1), or ``counts`` for a multinomial likelihood.
        ngram_range: Shortest and longest run of words that is a term.
        min_df: Training texts that must have a term.
        max_features: The most frequent terms that are kept; None keeps all.
        sublinear_tf: ``1 + ln(count)`` in place of the count, in ``tfidf`` only.

    Raises:
        ValueError: A parameter is out of range, or no term is left.
    """
    low, high = ngram_range
    if view not in get_args(View):
        raise InputError(f"words.view is {view!r}, expected one of {get_args(View)}")
    if not 1 <= low <= high:
        raise InputError(f"words.ngram_range is {ngram_range}, expected 1 <= shortest <= longest")
    if min_df < 1:
        raise InputError(f"words.min_df is {min_df}, expected a number of texts from 1")
    if max_features is not None and max_features < 1:
        raise InputError(f"words.max_features is {max_features}, it must be at least 1 or null")
    shared = {
        "ngram_range": (low, high),
        "min_df": int(min_df),
        "max_features": max_features,
        "dtype": np.float32,
    }
    vectorizer = (
        TfidfVectorizer(sublinear_tf=sublinear_tf, **shared)
        if view == "tfidf"
        else CountVectorizer(**shared)
    )
    rows = np.flatnonzero(train_mask)
    try:
        vectorizer.fit([texts[int(row)] for row in rows])
    except ValueError as error:
        raise InputError(
            f"no word of the {len(rows)} training texts is left ({error}); lower words.min_df "
            f"(now {min_df}) or look at the texts"
        ) from error
    words = vectorizer.transform(texts).tocsr()
    words.sort_indices()
    terms = tuple(str(term) for term in vectorizer.get_feature_names_out())
    logger.info("words: %s of %s terms, %s texts", view, len(terms), len(texts))
    return words, terms
