"""Features made worse on purpose: origins taken away, noise added, words dropped, rows exchanged.

What is done to an origin is done to all modalities that were derived from it. Nothing here is
learnt but the spread of train, which is the unit of the noise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import issparse

from multimodal_study.contract import Features, Modality
from multimodal_study.errors import InputError

Array = np.ndarray[Any, Any]
Random = np.random.Generator

SAMPLE = 512
"""Training rows of an entity that the spread is taken from; of more, a seeded sample."""
_BRIGHTEST = 255


def origins_of(modalities: Mapping[str, Modality]) -> list[str]:
    """Raw signals behind ``modalities``, in their order."""
    return list(dict.fromkeys(item.origin for item in modalities.values()))


def restricted(features: Features, rows: Array) -> Features:
    """The examples ``rows``, with arrays that hold their entities alone; without a pair.

    Args:
        features: Any.
        rows: Positions in its examples, int ``[n]``.
    """
    examples = features.examples.iloc[rows].reset_index(drop=True)
    kept: dict[str, Array] = {}
    for entity in dict.fromkeys(item.entity for item in features.modalities.values()):
        kept[entity], place = np.unique(examples[entity].to_numpy(), return_inverse=True)
        examples[entity] = place.astype(np.int64)
    of = {name: kept[item.entity] for name, item in features.modalities.items()}
    return replace(
        features,
        arrays={name: features.arrays[name][index] for name, index in of.items()},
        present={name: features.present[name][index] for name, index in of.items()},
        lengths={name: lengths[of[name]] for name, lengths in features.lengths.items()},
        examples=examples,
        pair=None,
    )


def without(features: Features, origins: Collection[str]) -> Features:
    """``features`` in which no row has ``origins``: their masks are False.

    Raises:
        ValueError: There is no such origin.
    """
    _known(features, origins)
    present = {
        name: np.zeros_like(mask) if features.modalities[name].origin in origins else mask
        for name, mask in features.present.items()
    }
    return replace(features, present=present, pair=None)


def spread(features: Features, seed: int) -> dict[str, Array]:
    """Standard deviation of each column (channel of a sequence) in train: float32 ``[width]``.

    Modalities that lose entries instead of gaining noise (``words``, ``tokens``) are left out.
    """
    train = features.rows("train")
    found: dict[str, Array] = {}
    for name, item in features.modalities.items():
        if _drops(item):
            continue
        index = np.unique(features.examples[item.entity].to_numpy()[train])
        index = index[features.present[name][index]]
        if len(index) > SAMPLE:
            random = np.random.default_rng([seed, len(index)])
            index = np.sort(random.choice(index, SAMPLE, replace=False))
        values = _dense(features.arrays[name][index]).astype(np.float32)
        if name in features.lengths:
            used = np.arange(values.shape[1]) < features.lengths[name][index][:, None]
            values = values[used]
        values = values.reshape(-1, values.shape[-1])
        deviation = values.std(axis=0) if len(values) else np.zeros(item.width)
        found[name] = deviation.astype(np.float32)
    return found


def noisy(  # noqa: PLR0917
    features: Features,
    origin: str,
    deviations: Mapping[str, Array],
    noise: float,
    dropped: float,
    random: Random,
) -> Features:
    """``features`` with a worse ``origin``.

    Args:
        features: Any.
        origin: What gets worse.
        deviations: Unit of the noise by modality, as :func:`spread` returns it.
        noise: Standard deviations of the Gaussian noise added to numbers.
        dropped: Probability with which an entry of a bag of words, or a position of ``tokens``,
            is taken away; a sequence keeps at least one.
        random: Of the draws.

    Raises:
        ValueError: There is no such origin.
        InputError: ``noise`` is negative or ``dropped`` no probability below 1.
    """
    _known(features, [origin])
    if noise < 0 or not 0 <= dropped < 1:
        raise InputError(f"noise {noise} and dropped {dropped}: expected from 0, and 0 to below 1")
    arrays, lengths = dict(features.arrays), dict(features.lengths)
    for name, item in features.modalities.items():
        if item.origin != origin:
            continue
        if item.kind == "words":
            arrays[name] = _fewer_words(arrays[name], dropped, random)
        elif item.kind == "tokens":
            arrays[name], lengths[name] = _fewer_tokens(
                arrays[name], lengths[name], dropped, random
            )
        else:
            arrays[name] = _noise(arrays[name], item, noise * deviations[name], random)
    return replace(features, arrays=arrays, lengths=lengths, pair=None)


def shuffled(features: Features, origin: str, random: Random) -> Features:
    """``features`` in which every entity has the ``origin`` of a random one of the same kind."""
    _known(features, [origin])
    arrays, present = dict(features.arrays), dict(features.present)
    lengths = dict(features.lengths)
    orders: dict[str, Array] = {}
    for name, item in features.modalities.items():
        if item.origin != origin:
            continue
        if item.entity not in orders:
            orders[item.entity] = random.permutation(len(present[name]))
        order = orders[item.entity]
        arrays[name], present[name] = arrays[name][order], present[name][order]
        if name in lengths:
            lengths[name] = lengths[name][order]
    return replace(features, arrays=arrays, present=present, lengths=lengths, pair=None)


def crossed(features: Features, base: Array, sources: Mapping[str, Array]) -> Features:
    """Examples put together from the origins of different ones.

    Args:
        features: Any.
        base: Positions of the examples that give target and question, int ``[k]``.
        sources: Origin to the positions of the examples that give it, int ``[k]``.
    """
    examples = features.examples.iloc[base].reset_index(drop=True)
    modalities = {}
    for name, item in features.modalities.items():
        column = f"{item.entity} of {item.origin}"
        modalities[name] = replace(item, entity=column)
        if column not in examples:
            index = features.examples[item.entity].to_numpy()[sources[item.origin]]
            examples[column] = index
    return replace(features, examples=examples, modalities=modalities, pair=None)


def _known(features: Features, origins: Collection[str]) -> None:
    unknown = sorted(set(origins) - set(origins_of(features.modalities)))
    if unknown:
        raise ValueError(f"no origin {unknown}; there are {origins_of(features.modalities)}")


def _drops(item: Modality) -> bool:
    return item.kind in {"words", "tokens"}


def _dense(array: Any) -> Array:
    return np.asarray(array.toarray() if issparse(array) else array)


def _noise(array: Any, item: Modality, deviation: Array, random: Random) -> Array:
    values = _dense(array)
    drawn = random.standard_normal(values.shape, dtype=np.float32) * deviation.astype(np.float32)
    if item.kind != "pixels":
        return np.asarray(values + drawn, dtype=values.dtype)
    return np.asarray(np.clip(np.rint(values + drawn), 0, _BRIGHTEST), dtype=values.dtype)


def _fewer_words(array: Any, dropped: float, random: Random) -> Any:
    if not issparse(array):
        return np.where(random.random(array.shape) < dropped, 0, array)
    kept = array.tocsr(copy=True)
    kept.data = np.where(random.random(len(kept.data)) < dropped, 0, kept.data)
    kept.eliminate_zeros()
    return kept


def _fewer_tokens(
    array: Array, lengths: Array, dropped: float, random: Random
) -> tuple[Array, Array]:
    """Positions that stay move to the front; the first stays where none would."""
    used = np.arange(array.shape[1]) < lengths[:, None]
    kept = used & (random.random(used.shape) >= dropped)
    none = used.any(axis=1) & ~kept.any(axis=1)
    kept[none, 0] = True
    order = np.argsort(~kept, axis=1, kind="stable")
    moved = np.take_along_axis(np.asarray(array), order[..., None], axis=1)
    counts = kept.sum(axis=1).astype(np.int64)
    moved[np.arange(array.shape[1]) >= counts[:, None]] = 0
    return moved, counts
