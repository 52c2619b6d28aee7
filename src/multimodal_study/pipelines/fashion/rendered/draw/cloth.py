"""Cloth: colour, pattern and folds as a texture as large as the drawing."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from multimodal_study.pipelines.fashion.rendered.draw.canvas import Colour
from multimodal_study.pipelines.fashion.rendered.draw.geometry import Camera

Field = np.ndarray[Any, Any]

COLOURS: dict[str, Colour] = {
    "red": (196, 34, 44),
    "orange": (234, 122, 28),
    "yellow": (238, 204, 62),
    "pink": (240, 142, 178),
    "green": (44, 130, 66),
    "turquoise": (58, 186, 186),
    "blue": (40, 78, 176),
    "purple": (112, 52, 150),
}
_LIGHT_INK: Colour = (250, 246, 236)
_DARK_INK: Colour = (34, 30, 48)
_BRIGHT = 150
"""Mean channel from which a colour takes dark ink rather than light."""
_PERIOD = 0.085
"""Repeat of a pattern, as a share of the picture's side: the same in every framing."""


@lru_cache(maxsize=4)
def _grid(side: int) -> tuple[Field, Field]:
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    return columns, rows


def _soft(edge: Field) -> Field:
    """0 below, 1 above zero, with a short slope between."""
    return np.clip(edge + 0.5, 0, 1)


def _pattern(name: str, side: int, rng: np.random.Generator) -> Field | None:
    """Share of ink in each pixel: float32 ``[side, side]``; None for plain cloth."""
    x, y = _grid(side)
    step = side * _PERIOD * float(rng.uniform(0.9, 1.2))
    u, v = x / step + float(rng.random()), y / step + float(rng.random())
    upright = bool(rng.integers(2))
    if name == "stripes":
        return _soft((np.abs((u if upright else v) % 1 - 0.5) - 0.29) * 12)
    if name == "checks":
        across, down = (_soft((0.22 - np.abs(line % 1 - 0.5)) * 10) for line in (u, v))
        return 0.5 * across + 0.5 * down
    if name == "zigzag":
        wave = v + np.abs(u % 1 - 0.5) * 1.3
        return _soft((np.abs(wave % 1 - 0.5) - 0.3) * 10)
    row = np.floor(v)
    du, dv = (u + 0.5 * (row % 2)) % 1 - 0.5, v % 1 - 0.5
    radius = np.hypot(du, dv)
    if name == "dots":
        return _soft((0.25 - radius) * 14)
    if name == "floral":
        petals = 0.27 + 0.13 * np.cos(5 * np.arctan2(dv, du) + row)
        flower: Field = _soft((petals - radius) * 12) * (1 - _soft((0.11 - radius) * 14))
        return flower
    return None


def _folds(side: int, camera: Camera, rng: np.random.Generator) -> Field:
    """Brightness of hanging cloth: float32 ``[side, side]`` about 1, folds that fan out below."""
    x, y = _grid(side)
    top = camera.y + 0.2 * camera.scale
    fan = (x - camera.x) / (y - top + 3.2 * camera.scale)
    depth = np.clip((y - camera.y) / (5 * camera.scale), 0.25, 1)
    waves = np.zeros((side, side), dtype=np.float32)
    for frequency in (17.0, 29.0, 47.0):
        start, sway = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
        waves += np.sin(fan * frequency + start + sway * y / camera.scale) / 3
    round_body = 1 - 0.16 * np.clip(np.abs(x - camera.x) / camera.scale, 0, 1.4) ** 2
    return np.asarray(round_body * (1 + 0.2 * depth * waves), dtype=np.float32)


def ink_of(colour: Colour) -> Colour:
    """Colour of the pattern on cloth of ``colour``."""
    return _DARK_INK if sum(colour) / 3 > _BRIGHT else _LIGHT_INK


def texture(
    colour: Colour, pattern: str, side: int, camera: Camera, rng: np.random.Generator
) -> Image.Image:
    """Cloth as an RGB picture ``side`` x ``side``.

    Colour and pattern share no random number: each may change without the other.
    """
    seeds = rng.integers(0, 2**63, size=2)
    base = np.asarray(colour, dtype=np.float32)
    cloth = np.broadcast_to(base, (side, side, 3))
    share = _pattern(pattern, side, np.random.default_rng(seeds[0]))
    if share is not None:
        ink = np.asarray(ink_of(colour), dtype=np.float32)
        cloth = base + share[..., None] * (ink - base)
    lit = cloth * _folds(side, camera, np.random.default_rng(seeds[1]))[..., None]
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
