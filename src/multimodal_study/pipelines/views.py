"""Views of a text that any dataset may offer: sentence vectors, token states, a bag of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Likelihood, Modality
from multimodal_study.pipelines.options import known_options

if TYPE_CHECKING:
    from multimodal_study.contract import Array
    from multimodal_study.encoders.text import TextEncoder

Mask = np.ndarray[Any, np.dtype[np.bool_]]
_TEXT = ("model", "max_tokens", "layers", "backend", "threads")
_TOKENS = tuple(name for name in _TEXT if name != "layers")
_WORDS = ("view", "ngram_range", "min_df", "max_features", "sublinear_tf")


@dataclass(frozen=True)
class View:
    """One modality with its numbers."""

    modality: Modality
    array: Array
    present: Mask
    lengths: np.ndarray[Any, np.dtype[np.int64]] | None = None
    """Positions in use, of a sequence."""


@dataclass(frozen=True)
class Place:
    """Where a view belongs: its entity, and the parameters that an error message names."""

    entity: str
    parameters: str
    """For example ``amazon.featurise``."""
    cache: Path
    """Folder of encoded arrays and exported graphs."""


def sentence_view(
    texts: Sequence[str], options: Mapping[str, Any] | None, place: Place
) -> View | None:
    """Sentence vectors ``text``, from the cache where the same texts were encoded before."""
    from multimodal_study.encoders.cache import FeatureCache
    from multimodal_study.encoders.text import TextEncoder, encode_cached

    if options is None:
        return None
    known_options(f"{place.parameters}.text", options, _TEXT)
    encoder = TextEncoder(**options, cache=place.cache)
    vectors = encode_cached(encoder, texts, FeatureCache(place.cache), progress=True)
    return _sentences(encoder, vectors, place)


def token_view(
    texts: Sequence[str], options: Mapping[str, Any] | None, place: Place
) -> View | None:
    """States of the last layer ``tokens``: float16 ``[n, t, d]``, ``t`` that of the longest text.

    Args:
        texts: ``n`` texts; equal ones are encoded once.
        options: As for :func:`sentence_view` without ``layers``; None: no such view.
        place: Of the view.
    """
    from multimodal_study.encoders.text import TextEncoder

    if options is None:
        return None
    known_options(f"{place.parameters}.tokens", options, _TOKENS)
    encoder = TextEncoder(**options, cache=place.cache)
    distinct = list(dict.fromkeys(texts))

    def make() -> dict[str, np.ndarray[Any, Any]]:
        values, offsets = encoder.token_states(distinct, progress=True)
        return {"values": values, "offsets": offsets}

    found = _remembered("tokens", encoder, distinct, place, make)
    return _tokens(encoder, found, _rows(texts, distinct), place)


def text_views(
    texts: Sequence[str],
    sentences: Mapping[str, Any] | None,
    tokens: Mapping[str, Any] | None,
    place: Place,
) -> list[View | None]:
    """:func:`sentence_view` and :func:`token_view`, in one pass where both ask the same encoder.

    Args:
        texts: ``n`` texts; equal ones are encoded once.
        sentences: Options of the first; None: no such view.
        tokens: Options of the second; None: no such view.
        place: Of the views.
    """
    from multimodal_study.encoders.text import TextEncoder

    shared = {name: part for name, part in (sentences or {}).items() if name != "layers"}
    if sentences is None or tokens is None or shared != dict(tokens):
        return [sentence_view(texts, sentences, place), token_view(texts, tokens, place)]
    known_options(f"{place.parameters}.text", sentences, _TEXT)
    encoder = TextEncoder(**sentences, cache=place.cache)
    distinct = list(dict.fromkeys(texts))

    def make() -> dict[str, np.ndarray[Any, Any]]:
        vectors, values, offsets = encoder.vectors_and_states(distinct, progress=True)
        return {"text": vectors, "values": values, "offsets": offsets}

    found = _remembered("text and tokens", encoder, distinct, place, make)
    rows = _rows(texts, distinct)
    return [
        _sentences(encoder, found["text"][rows], place),
        _tokens(encoder, found, rows, place),
    ]


def _remembered(
    what: str,
    encoder: TextEncoder,
    texts: Sequence[str],
    place: Place,
    make: Callable[[], dict[str, np.ndarray[Any, Any]]],
) -> Mapping[str, np.ndarray[Any, Any]]:
    """What ``make`` returns, from the cache where the encoder has read the same texts before."""
    from multimodal_study.encoders.cache import FeatureCache, digest_texts

    encoder.load()  # The backend may change, and it is a part of the key.
    cache = FeatureCache(place.cache)
    key = cache.key({"what": what, "texts": digest_texts(texts), **encoder.identity})
    found = cache.get(key)
    if found is None:
        found = make()
        cache.put(key, found)
    return found


def _rows(texts: Sequence[str], distinct: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Position of each text among the distinct ones."""
    row = {text: number for number, text in enumerate(distinct)}
    return np.array([row[text] for text in texts], dtype=np.int64)


def _sentences(encoder: TextEncoder, vectors: np.ndarray[Any, Any], place: Place) -> View:
    made = encoder.identity
    likelihood: Likelihood = "cosine" if made["normalise"] else "normal"
    note = _note(made, f"layers {made['layers'] or 'as its recipe says'}")
    modality = Modality("text", place.entity, "text", encoder.width, "text", likelihood, note)
    return View(modality, vectors, np.ones(len(vectors), dtype=bool))


def _tokens(
    encoder: TextEncoder,
    found: Mapping[str, np.ndarray[Any, Any]],
    rows: np.ndarray[Any, np.dtype[np.int64]],
    place: Place,
) -> View:
    array, lengths = padded(found["values"], found["offsets"], rows)
    note = _note(encoder.identity, "states of the last layer")
    modality = Modality("tokens", place.entity, "tokens", array.shape[2], "text", "normal", note)
    return View(modality, array, np.ones(len(rows), dtype=bool), lengths)


def padded(
    values: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any], index: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, np.dtype[np.int64]]]:
    """Sequences ``index`` of a ragged array, zeros behind each, and their lengths.

    Args:
        values: ``[sum t, d]``; sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``.
        offsets: ``[k + 1]``.
        index: Which sequences, ``[n]``.

    Returns:
        ``[n, t, d]`` with ``t`` the longest of them, and int64 ``[n]``.
    """
    lengths = np.diff(offsets)[index].astype(np.int64)
    longest = int(lengths.max(initial=1))
    array = np.zeros((len(index), longest, values.shape[1]), dtype=values.dtype)
    for row, (start, length) in enumerate(zip(offsets[index], lengths, strict=True)):
        array[row, :length] = values[start : start + length]
    return array, lengths


def words_view(
    texts: Sequence[str], train: Mask, options: Mapping[str, Any] | None, place: Place
) -> View | None:
    """Bag of words ``words``, learnt on the rows ``train``."""
    from multimodal_study.encoders.words import fit_words

    if options is None:
        return None
    chosen = dict(options)
    known_options(f"{place.parameters}.words", chosen, _WORDS)
    if "ngram_range" in chosen:
        chosen["ngram_range"] = tuple(chosen["ngram_range"])
    array, terms = fit_words(texts, train, **chosen)
    note = f"scikit-learn {version('scikit-learn')}, {dict(options) or 'defaults'}"
    modality = Modality(
        "words", place.entity, "words", len(terms), "text", "multinomial", note, terms
    )
    return View(modality, array, np.ones(len(texts), dtype=bool))


def _note(made: Mapping[str, Any], layers: str) -> str:
    note = f"{made['model']} {made['digest'][:12]}, {made['max_tokens']} tokens, {layers}, "
    note += str(made["version"])
    return note + (f", fallback from {made['fallback']}" if made.get("fallback") else "")
