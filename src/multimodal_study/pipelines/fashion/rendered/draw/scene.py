"""Where the picture is taken: drawn small and enlarged, so that it is slightly out of focus."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from multimodal_study.pipelines.fashion.rendered.draw.canvas import Colour, shade

_SMALL = 128
"""Side of the scene before it is enlarged."""

Pen = ImageDraw.ImageDraw
Random = np.random.Generator


def _gradient(pen: Pen, top: Colour, bottom: Colour, start: int = 0, end: int = _SMALL) -> None:
    for row in range(start, end):
        share = (row - start) / max(end - start - 1, 1)
        colour = tuple(int(a + (b - a) * share) for a, b in zip(top, bottom, strict=True))
        pen.line([(0, row), (_SMALL, row)], fill=colour)


def _studio(pen: Pen, rng: Random) -> None:
    light = int(rng.integers(206, 240))
    _gradient(pen, (light, light, light), (light - 14, light - 14, light - 12), 0, 104)
    _gradient(pen, (light - 24, light - 24, light - 22), (light, light, light), 104)


def _room(pen: Pen, rng: Random) -> None:
    wall: Colour = (222, 208, 184)
    pen.rectangle([0, 0, _SMALL, 100], fill=wall)
    left = int(rng.integers(2, 16))
    pen.rectangle([left, 8, left + 30, 62], fill=(250, 250, 246), outline=(150, 110, 76), width=2)
    pen.line([(left + 15, 8), (left + 15, 62)], fill=(150, 110, 76), width=1)
    pen.line([(left, 34), (left + 30, 34)], fill=(150, 110, 76), width=1)
    right = int(rng.integers(92, 104))
    pen.polygon(
        [(right, 34), (right + 16, 34), (right + 20, 52), (right - 4, 52)], fill=(246, 226, 160)
    )
    pen.line([(right + 8, 52), (right + 8, 104)], fill=(90, 74, 60), width=2)
    pen.rectangle([0, 96, _SMALL, 100], fill=(246, 242, 234))
    for row in range(100, _SMALL, 6):
        pen.rectangle(
            [0, row, _SMALL, row + 5], fill=shade((158, 112, 72), float(rng.uniform(0.85, 1.0)))
        )


def _bricks(pen: Pen, rng: Random) -> None:
    pen.rectangle([0, 0, _SMALL, _SMALL], fill=(196, 184, 172))
    for row, top in enumerate(range(-2, 106, 8)):
        for left in range(-16 + 8 * (row % 2), _SMALL, 16):
            tone = shade((160, 84, 66), float(rng.uniform(0.78, 1.1)))
            pen.rectangle([left, top, left + 14, top + 6], fill=tone)
    pen.rectangle([0, 106, _SMALL, _SMALL], fill=(128, 124, 120))


def _park(pen: Pen, rng: Random) -> None:
    _gradient(pen, (150, 196, 236), (214, 232, 240), 0, 72)
    for _ in range(9):
        x, y = int(rng.integers(-8, _SMALL)), int(rng.integers(22, 56))
        size = int(rng.integers(14, 26))
        green = shade((60, 122, 58), float(rng.uniform(0.75, 1.15)))
        pen.rectangle([x + size // 2 - 2, y, x + size // 2 + 2, 84], fill=(96, 70, 50))
        pen.ellipse([x, y - size // 2, x + size, y + size // 2], fill=green)
    _gradient(pen, (104, 160, 74), (76, 136, 58), 72)
    for _ in range(60):
        x, y = int(rng.integers(0, _SMALL)), int(rng.integers(80, _SMALL))
        pen.line([(x, y), (x + 1, y - 3)], fill=(58, 112, 46))


def _beach(pen: Pen, rng: Random) -> None:
    horizon = int(rng.integers(40, 52))
    _gradient(pen, (120, 186, 236), (214, 236, 246), 0, horizon)
    _gradient(pen, (26, 112, 160), (96, 190, 206), horizon, 86)
    for _ in range(14):
        x, y = int(rng.integers(0, _SMALL)), int(rng.integers(horizon + 4, 86))
        pen.line([(x, y), (x + int(rng.integers(8, 22)), y)], fill=(236, 248, 250))
    _gradient(pen, (238, 220, 170), (222, 196, 140), 86)


def _street(pen: Pen, rng: Random) -> None:
    pen.rectangle([0, 0, _SMALL, _SMALL], fill=(186, 196, 206))
    left = 0
    while left < _SMALL:
        width, top = int(rng.integers(24, 40)), int(rng.integers(0, 22))
        tone = shade((142, 138, 140), float(rng.uniform(0.7, 1.1)))
        pen.rectangle([left, top, left + width, 98], fill=tone)
        for y in range(top + 5, 88, 12):
            for x in range(left + 4, left + width - 6, 9):
                pane = (70, 84, 104) if rng.integers(3) else (250, 232, 168)
                pen.rectangle([x, y, x + 4, y + 6], fill=pane)
        left += width + 2
    pen.rectangle([0, 98, _SMALL, 106], fill=(172, 168, 164))
    pen.rectangle([0, 107, _SMALL, _SMALL], fill=(84, 84, 90))
    for x in range(int(rng.integers(-16, 0)), _SMALL, 26):
        pen.rectangle([x, 116, x + 13, 118], fill=(232, 230, 222))


_SCENES: dict[str, Callable[[Pen, Random], None]] = {
    "studio": _studio,
    "room": _room,
    "bricks": _bricks,
    "park": _park,
    "beach": _beach,
    "street": _street,
}


def scene(name: str, side: int, rng: np.random.Generator) -> Image.Image:
    """An empty scene ``side`` x ``side`` pixels, RGB."""
    small = Image.new("RGB", (_SMALL, _SMALL))
    _SCENES[name](ImageDraw.Draw(small), rng)
    return small.resize((side, side), Image.Resampling.BILINEAR)
