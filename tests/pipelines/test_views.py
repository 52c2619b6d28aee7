from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from multimodal_study.errors import InputError
from multimodal_study.pipelines.views import Place, padded, sentence_view, token_view, words_view
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
