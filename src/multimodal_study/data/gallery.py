"""The gallery of a split, and the file format of matching scores that rerank it.

A gallery has every entity of the split once, in the order in which the examples first name it, if
both origins of the pair are there. An entity that several splits name belongs to the first of
train, validation and test: a film that was rated in train was aligned there, and to find its poster
in test would be no test. The same entities, in the same order, are the queries. Positions in a
gallery are positions in that list.

A paradigm that scores pairs one by one (image and text together through a network) cannot score a
whole gallery; it scores a few candidates per query and saves them among its embeddings:

* ``<seed>/match/<split>/<query origin>_to_<gallery origin>/candidates``: int64 ``[q, k]``,
  positions in the gallery of ``split``, row ``i`` for query ``i``, none twice in a row
* ``<seed>/match/<split>/<query origin>_to_<gallery origin>/scores``: float32 ``[q, k]``, higher is
  better

with ``q`` the size of the gallery and 1 <= ``k`` <= ``q``. The evaluation ranks the candidates by
score, then all other items by their embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from multimodal_study.contract import SPLITS, Features, Split

Array = np.ndarray[Any, Any]
CANDIDATES, SCORES = "candidates", "scores"


@dataclass(frozen=True)
class Gallery:
    """Distinct entities of a split with both views of the pair."""

    rows: Array
    """The first example of each entity, as a position in ``Features.examples``: int64 ``[n]``."""
    keys: tuple[Array, Array]
    """Key of each entity's view of the first and of the second origin: int64 ``[n]``."""
    left_out: int
    """Entities of the split that lack one of the two views."""

    def __len__(self) -> int:
        return len(self.rows)


def pair_of(features: Features) -> tuple[str, str]:
    """The two origins that describe the same entity.

    Raises:
        ValueError: If the features have no pair.
    """
    if features.pair is None:
        raise ValueError("retrieval needs features with a pair, for example ('image', 'text')")
    return features.pair


def reads_pair(features: Features) -> bool:
    """Whether both origins of a pair are among the modalities."""
    origins = {each.origin for each in features.modalities.values()}
    return features.pair is not None and set(features.pair) <= origins


def one_per_entity(features: Features) -> Features:
    """Both views of the pair, and an example per entity that has both: what alignment learns from.

    Raises:
        ValueError: If there is no pair, or its origins describe different entities.
    """
    pair = pair_of(features)
    seen = features.select([n for n, each in features.modalities.items() if each.origin in pair])
    rows = {split: gallery_of(seen, split).rows for split in SPLITS}
    examples = seen.examples.iloc[np.concatenate(list(rows.values()))].reset_index(drop=True)
    split = np.repeat(list(rows), [len(each) for each in rows.values()])
    return replace(seen, examples=examples.assign(split=split))


def entity_rows(features: Features, split: Split) -> Array:
    """The first example of each entity that belongs to ``split``, in their order: int64 ``[n]``.

    Raises:
        ValueError: If there is no pair, or its origins describe different entities.
    """
    index, rows = _index(features), features.rows(split)
    _, first = np.unique(index[rows], return_index=True)
    rows = rows[np.sort(first)]
    for earlier in SPLITS[: SPLITS.index(split)]:
        rows = rows[~np.isin(index[rows], index[features.rows(earlier)])]
    return rows


def _index(features: Features) -> Array:
    """The entity of the pair, for each example: ``[n]``."""
    pair = pair_of(features)
    entities = {each.entity for each in features.modalities.values() if each.origin in pair}
    if len(entities) != 1:
        raise ValueError(f"the origins {pair} describe {sorted(entities)}, expected one entity")
    return features.examples[entities.pop()].to_numpy()


def gallery_of(features: Features, split: Split) -> Gallery:
    """The gallery of ``split``; see the module for its order.

    Raises:
        ValueError: If there is no pair, or its origins describe different entities.
    """
    pair = pair_of(features)
    index = _index(features)
    rows = entity_rows(features, split)
    complete = np.ones(len(rows), dtype=bool)
    for origin in pair:
        masks = [
            features.present[name][index[rows]]
            for name, modality in features.modalities.items()
            if modality.origin == origin
        ]
        complete &= np.any(masks, axis=0) if masks else False
    rows = rows[complete]
    first_keys, second_keys = (
        np.unique(features.examples[f"{origin}_key"].to_numpy(dtype=str)[rows], return_inverse=True)
        for origin in pair
    )
    return Gallery(rows, (first_keys[1], second_keys[1]), int((~complete).sum()))


def match_names(seed: int | str, split: Split, query: str, gallery: str) -> tuple[str, str]:
    """Names of the candidates and of the scores of one direction on one split."""
    stem = f"{seed}/match/{split}/{query}_to_{gallery}"
    return f"{stem}/{CANDIDATES}", f"{stem}/{SCORES}"


def matches_to_save(  # noqa: PLR0917
    seed: int, split: Split, query: str, gallery: str, candidates: Array, scores: Array
) -> dict[str, Array]:
    """Entries for the embeddings file.

    Raises:
        ValueError: If the two arrays do not have one shape ``[q, k]``.
    """
    if candidates.ndim != 2 or candidates.shape != scores.shape:  # noqa: PLR2004
        raise ValueError(
            f"candidates {candidates.shape} and scores {scores.shape}: expected [q, k]"
        )
    names = match_names(seed, split, query, gallery)
    arrays = (candidates.astype(np.int64), scores.astype(np.float32))
    return {name: np.ascontiguousarray(array) for name, array in zip(names, arrays, strict=True)}


def saved_matches(
    embeddings: Mapping[str, Array], seed: int | str, split: Split, query: str, gallery: str
) -> tuple[Array, Array] | None:
    """Candidates and scores ``[q, k]`` of one direction; None if the paradigm scored none.

    Raises:
        ValueError: If only one of the two was saved.
    """
    names = match_names(seed, split, query, gallery)
    present = [name for name in names if name in embeddings]
    if not present:
        return None
    if len(present) == 1:
        raise ValueError(f"the embeddings have {present[0]} alone, expected {' and '.join(names)}")
    return embeddings[names[0]], embeddings[names[1]]
