"""One number per example that the loss of an origin may depend on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import issparse

from multimodal_study.contract import SEQUENCES, Features
from multimodal_study.data.degradation import restricted

Array = np.ndarray[Any, Any]


def label_score(features: Features, rows: Array) -> Array:
    """The target of ``rows`` as a number: float64 ``[n]``.

    A regression's own, the value of an ordinal class; of a nominal class minus the logarithm of its
    share of train (one is added to every count), so that rarer classes have higher scores.
    """
    task = features.task
    target = features.examples["target"].to_numpy()
    if task.kind == "regression":
        return np.asarray(target[rows], dtype=np.float64)
    if task.kind == "ordinal":
        return np.asarray([task.values[place] for place in target[rows]], dtype=np.float64)
    counts = np.bincount(target[features.rows("train")], minlength=task.outputs) + 1
    return np.asarray(-np.log(counts / counts.sum())[target[rows]])


def first_component(features: Features, origins: Collection[str], rows: Array) -> Array:
    """Position on the first principal component of all vectors of ``origins``: float64 ``[n]``.

    Columns are standardised over ``rows``; what an example lacks is at its mean. Its sign is that
    of the largest loading. Bags of words and sequences, whose vectors stand beside them, enter only
    where there is nothing else, by their number of entries.
    """
    small = restricted(features.select(_entering(features, origins)), rows)
    dense, sizes = [], []
    for name, item in small.modalities.items():
        index = small.examples[item.entity].to_numpy()
        array: Any = small.arrays[name]
        if issparse(array) or item.kind == "words":
            sizes.append(np.asarray((array != 0).sum(axis=1), dtype=np.float64).ravel()[index])
        elif item.kind in SEQUENCES:
            sizes.append(small.lengths[name][index].astype(np.float64))
        else:
            values = np.asarray(array).reshape(len(array), -1).astype(np.float64)[index]
            dense.append(np.where(small.present[name][index][:, None], values, np.nan))
    if not dense:
        return np.asarray(np.sum(sizes, axis=0))
    table = np.concatenate(dense, axis=1)
    known = ~np.isnan(table)
    counts = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, table - np.nansum(table, axis=0) / counts, 0.0)
    deviation = np.sqrt(np.square(centred).sum(axis=0) / counts)
    scaled = centred / np.where(deviation > 0, deviation, 1.0)
    return _leading(scaled)


class Components:
    """First components of ``features`` that several paradigms ask for, each made once."""

    def __init__(self, features: Features) -> None:
        self.features = features
        self._made: dict[tuple[tuple[str, ...], bytes], Array] = {}

    def first(self, origins: Collection[str], rows: Array) -> Array:
        """:func:`first_component` of the features."""
        key = tuple(origins), rows.tobytes()
        if key not in self._made:
            self._made[key] = first_component(self.features, origins, rows)
        return self._made[key]


def _entering(features: Features, origins: Collection[str]) -> list[str]:
    """Modalities of ``origins`` that enter a component: vectors, or whatever else there is."""
    own = {n: item for n, item in features.modalities.items() if item.origin in origins}
    counted = {*SEQUENCES, "words"}
    dense = [
        n
        for n, item in own.items()
        if item.kind not in counted and not issparse(features.arrays[n])
    ]
    return dense or list(own)


def _leading(table: Array) -> Array:
    """Scores ``[n]`` of the leading singular vector of ``[n, d]``."""
    last = len(table) - 1
    values, vectors = eigh(table @ table.T, subset_by_index=[last, last])
    scores = vectors[:, 0] * np.sqrt(max(values[0], 0.0))
    loadings = table.T @ scores
    return np.asarray(scores * (np.sign(loadings[np.abs(loadings).argmax()]) or 1.0))
