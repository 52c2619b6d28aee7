"""The drawing in progress: shapes are cut out at three times the size and averaged down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from math import ceil, floor

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from multimodal_study.pipelines.fashion.rendered.draw.geometry import Camera, Points

ENLARGED = 3
"""Outlines are filled at this many times the saved size: smooth edges."""

Colour = tuple[int, int, int]

_EDGE = 0.12
"""How far the darker edge of a fill reaches, in heads."""


@lru_cache(maxsize=16)
def _curve(depth: float) -> list[int]:
    """Blurred stencil (half at its edge) to brightness: ``1 - depth`` to 1, times 255."""
    inside = np.clip(np.arange(256) / 127.5 - 1, 0, 1)
    return [int(value) for value in 255 * (1 - depth + depth * inside)]


def shade(colour: Colour, factor: float) -> Colour:
    """Darker (below 1) or lighter (above 1: towards white) version of a colour."""
    if factor <= 1:
        red, green, blue = (int(part * factor) for part in colour)
    else:
        red, green, blue = (int(255 - (255 - part) * (2 - factor)) for part in colour)
    return red, green, blue


@dataclass(frozen=True)
class Stencil:
    """A shape in pixels of the picture."""

    cover: Image.Image
    """Mode ``L``: how much of each pixel the shape covers."""
    box: tuple[int, int, int, int]
    """Where ``cover`` lies: left, top, right, bottom."""


@dataclass
class Canvas:
    """A picture and, beside it, which of its pixels are garment and which are figure."""

    image: Image.Image
    camera: Camera
    garment: Image.Image = field(init=False)
    figure: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        self.garment = Image.new("L", self.image.size)
        self.figure = Image.new("L", self.image.size)

    def stencil(
        self, *outlines: Points, holes: tuple[Points, ...] = (), margin: float = 0.0
    ) -> Stencil | None:
        """What is inside any of the outlines and outside all holes; None outside the picture.

        Args:
            outlines: In body coordinates.
            holes: Cut out of them.
            margin: Room about the shape, in heads, for a blur.
        """

        def draw(pen: ImageDraw.ImageDraw, origin: Points) -> None:
            for number, outline in enumerate((*outlines, *holes)):
                corners = self.camera.pixels(outline) * ENLARGED - origin
                pen.polygon(corners.ravel().tolist(), fill=255 if number < len(outlines) else 0)

        return self._cut(np.concatenate(outlines), draw, margin)

    def _cut(
        self, extent: Points, draw: Callable[[ImageDraw.ImageDraw, Points], None], margin: float
    ) -> Stencil | None:
        pixels = self.camera.pixels(extent)
        room = margin * self.camera.scale + 1
        width, height = self.image.size
        left, top = (max(0, floor(low - room)) for low in pixels.min(axis=0).tolist())
        high = pixels.max(axis=0).tolist()
        right, bottom = min(width, ceil(high[0] + room)), min(height, ceil(high[1] + room))
        if left >= right or top >= bottom:
            return None
        large = Image.new("L", ((right - left) * ENLARGED, (bottom - top) * ENLARGED))
        draw(ImageDraw.Draw(large), np.array([left, top]) * ENLARGED)
        return Stencil(large.reduce(ENLARGED), (left, top, right, bottom))

    def paint(
        self,
        stencil: Stencil | None,
        paint: Image.Image | Colour,
        *,
        cloth: bool = False,
        depth: float = 0.3,
    ) -> None:
        """Fill a stencil with a texture or a colour, darker towards its edge by up to ``depth``.

        Args:
            stencil: What is filled.
            paint: Texture as large as the picture, or one colour.
            cloth: The pixels belong to the garment; otherwise they cover it.
            depth: 0 leaves the fill flat.
        """
        if stencil is None:
            return
        cover, box = stencil.cover, stencil.box
        self.figure.paste(255, box, cover)
        self.garment.paste(255 if cloth else 0, box, cover)
        if isinstance(paint, Image.Image):
            fill = paint.crop(box)
        else:
            fill = Image.new("RGB", cover.size, paint)
        if depth:
            dark = cover.filter(ImageFilter.GaussianBlur(self.camera.scale * _EDGE))
            dark = dark.point(_curve(depth))
            fill = ImageChops.multiply(fill, Image.merge("RGB", (dark, dark, dark)))
        self.image.paste(fill, box, cover)

    def fill(
        self,
        *outlines: Points,
        paint: Image.Image | Colour,
        cloth: bool = False,
        depth: float = 0.3,
    ) -> None:
        """:meth:`paint` inside outlines."""
        self.paint(self.stencil(*outlines), paint, cloth=cloth, depth=depth)

    def line(self, path: Points, colour: Colour, width: float) -> None:
        """Draw a line; ``width`` in head heights."""
        thick = max(1, round(width * self.camera.scale * ENLARGED))

        def draw(pen: ImageDraw.ImageDraw, origin: Points) -> None:
            corners = self.camera.pixels(path) * ENLARGED - origin
            pen.line(corners.ravel().tolist(), fill=255, width=thick, joint="curve")

        stencil = self._cut(path, draw, width)
        if stencil is not None:
            self.image.paste(colour, stencil.box, stencil.cover)

    def border(self, outline: Points, colour: Colour, width: float = 0.035) -> None:
        """Draw a closed line."""
        self.line(np.concatenate([outline, outline[:1]]), colour, width)
