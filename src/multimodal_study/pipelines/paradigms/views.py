"""A dataset's own pictures and texts, for a pretrained model that reads both. Free of Kedro."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Features


def see_through(
    features: Features,
    table: pd.DataFrame,
    source_files: dict[str, Any],
    parameters: dict[str, Any],
) -> Features:
    """``features`` as they are, or, where a pretrained model is named, as that model sees them.

    Args:
        features: With a pair of origins.
        table: A row per entity of the pair, in the order of its arrays, with ``text`` and, unless
            the features have a modality of kind ``pixels``, ``image``: a path below the root.
        source_files: ``root``, the folder of the paths.
        parameters: ``model`` (None: nothing is changed), ``mode``, ``pair``.

    Raises:
        InputError: The table has no texts, there are no pictures, or the rows do not fit.
    """
    if parameters["model"] is None:
        return features
    from multimodal_study.encoders.clip_views import clip_views
    from multimodal_study.encoders.text import DEFAULT_CACHE

    first, second = parameters["pair"]
    rows = {
        len(features.arrays[n])
        if isinstance(features.arrays[n], np.ndarray)
        else features.arrays[n].shape[0]
        for n, m in features.modalities.items()
        if m.origin in {first, second}
    }
    if "text" not in table or rows != {len(table)}:
        raise InputError(
            f"clip.model reads texts from the table, which has {len(table)} rows and the columns "
            f"{list(table.columns)}; expected 'text' and {sorted(rows)} rows, one per entity"
        )
    texts = [text if isinstance(text, str) else None for text in table["text"]]
    return clip_views(
        features,
        texts,
        _pictures(features, table, Path(source_files["root"]), first),
        model=parameters["model"],
        pair=(first, second),
        fine_tuned=parameters["mode"] == "full",
        cache=DEFAULT_CACHE,
    )


def _pictures(features: Features, table: pd.DataFrame, root: Path, origin: str) -> Any:
    """Row to picture: from pixels that the features have, or from files below the root."""
    from multimodal_study.encoders.pictures import load_picture

    pixels = [
        n for n, m in features.modalities.items() if m.kind == "pixels" and m.origin == origin
    ]
    if pixels:
        array, present = features.arrays[pixels[0]], features.present[pixels[0]]
        return lambda row: np.asarray(array[row]) if present[row] else None
    if "image" not in table:
        raise InputError(
            f"clip.model needs pictures, but the table has no column 'image', only "
            f"{list(table.columns)}, and no modality of {origin!r} has pixels"
        )
    names = table["image"].tolist()
    return lambda row: load_picture(names[row], root=root) if isinstance(names[row], str) else None
