"""Where in a picture each attribute can be seen: ground truth for localisation.

A mask is an indexed PNG whose pixel values are sums of bits, one bit a region, because regions
overlap (a sleeve hangs beside a hem): ``pixels & legend[name]`` is the region ``name``. A region
is where the attribute *may* show, whatever its value: it holds the pixels that change when that
attribute alone changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from multimodal_study.pipelines.fashion.rendered.draw.body import arms
from multimodal_study.pipelines.fashion.rendered.draw.covers import shawl_outline
from multimodal_study.pipelines.fashion.rendered.draw.geometry import Points, points, ribbon
from multimodal_study.pipelines.fashion.rendered.draw.picture import Picture
from multimodal_study.pipelines.fashion.rendered.factors import CATEGORIES

LEGEND: dict[str, int] = {
    "skirt_length": 1,
    "coat_length": 1,
    "pant_length": 1,
    "collar_design": 2,
    "lapel_design": 2,
    "neck_design": 2,
    "neckline_design": 2,
    "sleeve_length": 4,
    "garment": 8,
    "figure": 16,
}
"""Region to its bit. A garment has at most one hem and one neck, so these share a bit; ``garment``
is the visible cloth (colour and pattern), ``figure`` all that stands before the background."""

_HEM_TOP = {"skirt_length": 3.18, "coat_length": 1.75, "pant_length": 3.18}
_NECKS = {
    "collar_design": (1.15, -0.1, 1.5),
    "neck_design": (1.1, -0.2, 1.25),
    "lapel_design": (1.2, -0.1, 1.5),
    "neckline_design": (1.6, 0.0, 1.95),
}
"""Attribute to half the width of its region, its top, and where it narrows to the scarf's end."""


def _outlines(attribute: str, pose: str) -> list[Points]:
    """Outlines of a region, in body coordinates."""
    if attribute in _HEM_TOP:
        top = _HEM_TOP[attribute]
        return [points((-1.65, top), (1.65, top), (1.65, 5.85), (-1.65, 5.85))]
    if attribute == "sleeve_length":
        both = []
        for arm in arms(pose):
            path = arm.path(0.0, 1.46)
            both += [shawl_outline(arm), ribbon(path, np.linspace(0.42, 0.36, len(path)))]
        return both
    half, top, bottom = _NECKS[attribute]
    return [
        points(
            (-half, top), (half, top), (half, bottom), (0.7, 2.45), (-0.4, 2.45), (-half, bottom)
        )
    ]


def regions(picture: Picture, values: dict[str, str]) -> np.ndarray[Any, Any]:
    """Mask of one picture: uint8 ``[size, size]``, sums of bits of :data:`LEGEND`."""
    size = picture.garment.shape[0]
    mask = picture.garment * np.uint8(LEGEND["garment"])
    mask = mask | picture.figure * np.uint8(LEGEND["figure"])
    for attribute in CATEGORIES[values["category"]]:
        area = Image.new("1", (size, size))
        pen = ImageDraw.Draw(area)
        for outline in _outlines(attribute, values["pose"]):
            pen.polygon(picture.camera.pixels(outline).ravel().tolist(), fill=1)
        mask = mask | np.asarray(area) * np.uint8(LEGEND[attribute])
    return mask


def _palette() -> list[int]:
    """Colours by which a person tells the bits apart: hem red, neck green, sleeves blue."""
    colours = []
    for value in range(2 * LEGEND["figure"]):
        grey = 40 * bool(value & LEGEND["figure"]) + 60 * bool(value & LEGEND["garment"])
        colours += [grey + 150 * bool(value & bit) for bit in (1, 2, 4)]
    return colours


def save_mask(mask: np.ndarray[Any, Any], path: Path) -> None:
    """Write a mask as an indexed PNG."""
    image = Image.fromarray(mask).convert("P")
    image.putpalette(_palette())
    image.save(path, format="PNG", optimize=False, compress_level=6)
