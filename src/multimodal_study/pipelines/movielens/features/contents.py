"""Text and picture of films as vectors and sequences; films without one are masked, not zero."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Modality
from multimodal_study.pipelines.options import known_options
from multimodal_study.pipelines.views import (
    Mask,
    Place,
    View,
    words_view,
)
from multimodal_study.pipelines.views import text_views as encoded_texts

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

MOVIE = "movie"
_IMAGE = ("model", "size", "crop", "backend", "threads")


def text_views(
    table: pd.DataFrame, train: Mask, options: Mapping[str, Any], cache: Path
) -> list[View]:
    """``text``, ``tokens`` and ``words`` of the films that have a text.

    Args:
        table: One row per film, with ``text`` and ``text_source``.
        train: Films with a rating in train: words are learnt from their texts.
        options: ``text``, ``tokens``, ``words``; null leaves a view out.
        cache: Folder of encoded arrays.
    """
    there = table["text"].notna().to_numpy(dtype=bool)
    if not (there & train).any():
        return []
    texts = table["text"][there].astype(str).tolist()
    place = Place(MOVIE, "movielens.featurise", cache)
    made = [
        *encoded_texts(texts, options.get("text"), options.get("tokens"), place),
        words_view(texts, train[there], options.get("words"), place),
    ]
    note = _sources(table["text_source"][there])
    return [spread(view, there, note) for view in made if view is not None]


def picture_views(
    table: pd.DataFrame, options: Mapping[str, Any] | None, cache: Path, *, regions: bool
) -> list[View]:
    """``image`` and ``regions`` of the films that have a picture.

    Args:
        table: One row per film, with ``poster``, ``poster_source`` and ``poster_sha256``.
        options: Of the image encoder; None: no such views.
        cache: Folder of encoded arrays.
        regions: Whether the cells of the grid are wanted too.
    """
    there = table["poster"].notna().to_numpy(dtype=bool)
    if options is None or not there.any():
        return []
    from multimodal_study.encoders.cache import FeatureCache
    from multimodal_study.encoders.image import ImageEncoder, encode_pictures_cached

    known_options("encoders.image", options, (*_IMAGE, "trainable"))
    encoder = ImageEncoder(**{k: v for k, v in options.items() if k in _IMAGE}, cache=cache)
    digests = table["poster_sha256"][there].astype(str).tolist()
    paths = [Path(path) for path in table["poster"][there].astype(str)]
    first = {digest: row for row, digest in reversed(list(enumerate(digests)))}
    names = sorted(first)
    arrays = encode_pictures_cached(
        encoder,
        [paths[first[name]] for name in names],
        names,
        FeatureCache(cache),
        regions=regions,
        progress=True,
    )
    made = encoder.identity
    note = f"{made['model']} {made['digest'][:12]}, {made['version']}"
    place = {name: row for row, name in enumerate(names)}
    index = np.array([place[digest] for digest in digests])
    sources = _sources(table["poster_source"][there])
    views = []
    for name, kind in (("image", "image"), ("regions", "regions")):
        if name not in arrays:
            continue
        width = arrays[name].shape[-1]
        modality = Modality(name, MOVIE, kind, width, "image", "normal", note)  # type: ignore[arg-type]
        array = arrays[name][index]
        steps = np.full(len(index), array.shape[1], dtype=np.int64) if kind == "regions" else None
        seen = np.ones(len(index), dtype=bool)
        views.append(spread(View(modality, array, seen, steps), there, sources))
    return views


def spread(view: View, there: Mask, note: str) -> View:
    """A view of the films ``there`` as one of all films: zeros and a mask for the others."""
    modality = replace(view.modality, encoder=f"{view.modality.encoder}; {note}")
    if there.all():
        return replace(view, modality=modality)
    present = np.zeros(len(there), dtype=bool)
    present[there] = view.present
    lengths = None
    if view.lengths is not None:
        lengths = np.zeros(len(there), dtype=np.int64)
        lengths[there] = view.lengths
    place: Callable[[Any], Any] = _sparse if hasattr(view.array, "tocsr") else _dense
    return View(modality, place(view.array)(there), present, lengths)


def _dense(array: Any) -> Callable[[Mask], Any]:
    def place(there: Mask) -> Any:
        whole = np.zeros((len(there), *array.shape[1:]), dtype=array.dtype)
        whole[there] = array
        return whole

    return place


def _sparse(array: Any) -> Callable[[Mask], Any]:
    from scipy.sparse import csr_matrix

    def place(there: Mask) -> Any:
        counts = np.zeros(len(there), dtype=np.int64)
        counts[there] = np.diff(array.indptr)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(array.indptr.dtype)
        return csr_matrix((array.data, array.indices, indptr), shape=(len(there), array.shape[1]))

    return place


def _sources(column: pd.Series[Any]) -> str:
    counts = column.value_counts().sort_index()
    return "sources: " + ", ".join(f"{name} {count}" for name, count in counts.items())
