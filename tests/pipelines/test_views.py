from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from multimodal_study.errors import InputError
from multimodal_study.pipelines.views import (
    Place,
    padded,
    sentence_view,
    text_views,
    token_view,
    words_view,
)
from tiny_bert import TEXTS, save


def test_ragged_to_padded() -> None:
    values = np.arange(12, dtype=np.float16).reshape(6, 2)
    array, lengths = padded(values, np.array([0, 3, 3, 6]), np.array([2, 1, 0, 2]))
    assert array.shape == (4, 3, 2) and lengths.tolist() == [3, 0, 3, 3]
    np.testing.assert_array_equal(array[0], values[3:])
    np.testing.assert_array_equal(array[2], values[:3])
    assert not array[1].any()


def test_token_states_of_repeated_texts(tmp_path: Path) -> None:
    place = Place("item", "fashion.featurise", tmp_path / "cache")
    options = {"model": str(save(tmp_path / "bert")), "max_tokens": 16, "backend": "torch"}
    texts = [TEXTS[0], TEXTS[2], TEXTS[0]]
    first, again = (token_view(texts, options, place) for _ in range(2))
    assert first is not None and again is not None and first.lengths is not None
    assert first.array.shape == (3, 7, 16)
    # Two words and five, between [CLS] and [SEP].
    assert first.lengths.tolist() == [4, 7, 4]
    np.testing.assert_array_equal(first.array[0], first.array[2])
    np.testing.assert_array_equal(first.array, again.array)
    with pytest.raises(InputError, match=r"fashion\.featurise\.tokens has \['layers'\]"):
        token_view(texts, {**options, "layers": [1]}, place)


def test_no_options_no_view(tmp_path: Path) -> None:
    place = Place("item", "x", tmp_path)
    assert sentence_view(TEXTS, None, place) is None
    assert token_view(TEXTS, None, place) is None
    assert words_view(TEXTS, np.ones(len(TEXTS), bool), None, place) is None


def test_one_pass_gives_both_views_of_one_encoder(tmp_path: Path) -> None:
    place = Place("item", "fashion.featurise", tmp_path / "cache")
    tokens = {"model": str(save(tmp_path / "bert")), "max_tokens": 16, "backend": "torch"}
    sentences = {**tokens, "layers": [0, 1]}
    texts = [TEXTS[0], TEXTS[2], TEXTS[0]]
    apart = [sentence_view(texts, sentences, place), token_view(texts, tokens, place)]
    for _ in range(2):  # the second time from the cache
        together = text_views(texts, sentences, tokens, place)
        for one, other in zip(together, apart, strict=True):
            assert one is not None and other is not None
            np.testing.assert_allclose(one.array, other.array, atol=1e-3)
            assert one.modality == other.modality
        assert together[1] is not None and together[1].lengths is not None
        assert together[1].lengths.tolist() == [4, 7, 4]


def test_views_of_two_encoders_are_made_apart(tmp_path: Path) -> None:
    place = Place("item", "fashion.featurise", tmp_path / "cache")
    long = {"model": str(save(tmp_path / "bert")), "max_tokens": 16, "backend": "torch"}
    sentence, token = text_views(TEXTS, long, {**long, "max_tokens": 3}, place)
    assert sentence is not None and token is not None
    assert token.array.shape[1] == 3
    assert text_views(TEXTS, None, None, place) == [None, None]
