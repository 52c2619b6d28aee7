"""Views of the pictures: pooled vectors and grids of a frozen encoder, or the pixels themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Modality
from multimodal_study.pipelines.fashion.locate import ROWS, resolve
from multimodal_study.pipelines.fashion.sources import SOURCES
from multimodal_study.pipelines.views import Place, View

if TYPE_CHECKING:
    import pandas as pd

_ENCODER = ("model", "size", "crop", "backend", "threads")
_FULL = 255.0


def picture_views(
    table: pd.DataFrame,
    source_files: Mapping[str, Any],
    options: Mapping[str, Any],
    encoder: Mapping[str, Any],
    place: Place,
) -> list[View]:
    """Views of the pictures of ``table``, in the order of its rows.

    Args:
        table: ``image`` (path below the root) or ``position`` (row of the source's array), and
            ``image_key``.
        source_files: ``source``, ``root`` and the files.
        options: ``image`` and ``regions``: whether they are wanted.
        encoder: ``encoders.image``; where it is ``trainable``, ``pixels`` stand in for both.
        place: Of the views.
    """
    source = SOURCES[source_files["source"]]
    trainable = bool(encoder.get("trainable", False))
    if source.load_arrays is not None:
        files = resolve(dict(source_files), ROWS)
        arrays = source.load_arrays(Path(source_files["root"]), files)
        return _array_views(arrays[table["position"].to_numpy()], place, trainable=trainable)
    if not (options.get("image", True) or options.get("regions", True)):
        return []
    if trainable:
        return [_pixels(table, Path(source_files["root"]), encoder, place)]
    return _encoded(table, Path(source_files["root"]), options, encoder, place)


def _array_views(pictures: np.ndarray[Any, Any], place: Place, *, trainable: bool) -> list[View]:
    """Pictures that are arrays already: their pixels, or these between 0 and 1 as one vector."""
    n, *shape, channels = pictures.shape
    present = np.ones(n, dtype=bool)
    note = f"{' x '.join(map(str, shape))} pixels, {channels} channel"
    if trainable:
        modality = Modality("pixels", place.entity, "pixels", channels, "image", "bernoulli", note)
        return [View(modality, pictures, present)]
    flat = pictures.reshape(n, -1).astype(np.float32) / np.float32(_FULL)
    note += " side by side, 0 black to 1 white"
    width = flat.shape[1]
    modality = Modality("image", place.entity, "image", width, "image", "bernoulli", note)
    return [View(modality, flat, present)]


def _encoded(
    table: pd.DataFrame,
    root: Path,
    options: Mapping[str, Any],
    chosen: Mapping[str, Any],
    place: Place,
) -> list[View]:
    """Pooled vectors ``[n, d]`` and the states of a grid ``[n, t, e]``, both memory-mapped."""
    from multimodal_study.encoders.cache import FeatureCache
    from multimodal_study.encoders.image import ImageEncoder, encode_pictures_cached

    settings = {name: chosen[name] for name in _ENCODER if name in chosen}
    encoder = ImageEncoder(**settings, cache=place.cache)
    found = encode_pictures_cached(
        encoder,
        [root / name for name in table["image"]],
        table["image_key"].tolist(),
        FeatureCache(place.cache),
        regions=bool(options.get("regions", True)),
        progress=True,
    )
    made = encoder.identity
    note = f"{made['model']} {made['digest'][:12]}, {made['preprocessing']}, {made['version']}"
    note += f", fallback from {made['fallback']}" if made.get("fallback") else ""
    present = np.ones(len(table), dtype=bool)
    views = []
    if options.get("image", True):
        width = found["image"].shape[1]
        modality = Modality("image", place.entity, "image", width, "image", "normal", note)
        views.append(View(modality, found["image"], present))
    if options.get("regions", True):
        _, cells, width = found["regions"].shape
        grid = f"{note}, {cells} cells of a grid, row by row"
        modality = Modality("regions", place.entity, "regions", width, "image", "normal", grid)
        lengths = np.full(len(table), cells, dtype=np.int64)
        views.append(View(modality, found["regions"], present, lengths))
    return views


def _pixels(table: pd.DataFrame, root: Path, chosen: Mapping[str, Any], place: Place) -> View:
    """Squares of the size that the encoder sees: uint8 ``[n, size, size, 3]``."""
    from multimodal_study.encoders.image_model import to_square
    from multimodal_study.encoders.pictures import load_picture

    size, crop = int(chosen.get("size", 160)), chosen.get("crop", "squash")
    pixels = np.empty((len(table), size, size, 3), dtype=np.uint8)

    def fill(row: int) -> None:
        picture = load_picture(Path(table["image"].iloc[row]), root=root)
        pixels[row] = to_square(picture, size, crop)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(len(table))))
    note = f"{size} x {size} pixels, {crop}"
    modality = Modality("pixels", place.entity, "pixels", 3, "image", "normal", note)
    return View(modality, pixels, np.ones(len(table), dtype=bool))
