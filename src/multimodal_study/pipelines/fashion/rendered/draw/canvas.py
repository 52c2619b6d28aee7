"""The drawing in progress, at three times the size that is saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from multimodal_study.pipelines.fashion.rendered.draw.geometry import Camera, Points

ENLARGED = 3
"""Drawn at this many times the saved size, then averaged down: smooth edges."""

Colour = tuple[int, int, int]

_EDGE = 0.12
"""How far the darker edge of a fill reaches, in heads."""


@lru_cache(maxsize=16)
def _curve(depth: float) -> list[int]:
    """Share of a blurred mask (half at its edge) to brightness: ``1 - depth`` to 1, times 255."""
    inside = np.clip(np.arange(256) / 127.5 - 1, 0, 1)
    return [int(value) for value in 255 * (1 - depth + depth * inside)]



def shade(colour: Colour, factor: float) -> Colour:
    """Darker (below 1) or lighter (above 1: towards white) version of a colour."""
    if factor <= 1:
        red, green, blue = (int(part * factor) for part in colour)
    else:
        red, green, blue = (int(255 - (255 - part) * (2 - factor)) for part in colour)
    return red, green, blue


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

    def mask(self, *outlines: Points, holes: tuple[Points, ...] = ()) -> Image.Image:
        """Mode ``L``: 255 inside any of the outlines and outside all holes."""
        mask = Image.new("L", self.image.size)
        pen = ImageDraw.Draw(mask)
        for outline in outlines:
            pen.polygon(self.camera.pixels(outline), fill=255)
        for hole in holes:
            pen.polygon(self.camera.pixels(hole), fill=0)
        return mask

    def paint(
        self,
        mask: Image.Image,
        paint: Image.Image | Colour,
        *,
        cloth: bool = False,
        depth: float = 0.3,
    ) -> None:
        """Fill ``mask`` with a texture or a colour, darker towards its edge by up to ``depth``.

        Args:
            mask: Mode ``L``, as large as the picture.
            paint: Texture as large as the picture, or one colour.
            cloth: The pixels belong to the garment; otherwise they cover it.
            depth: 0 leaves the fill flat.
        """
        box = mask.getbbox()
        if box is None:
            return
        part = mask.crop(box)
        self.figure.paste(255, box, part)
        self.garment.paste(255 if cloth else 0, box, part)
        size = part.size
        fill = paint.crop(box) if isinstance(paint, Image.Image) else Image.new("RGB", size, paint)
        if depth:
            small = part.reduce(ENLARGED)
            blurred = small.filter(ImageFilter.GaussianBlur(self.camera.scale * _EDGE / ENLARGED))
            dark = blurred.point(_curve(depth)).resize(size, Image.Resampling.NEAREST)
            fill = ImageChops.multiply(fill, Image.merge("RGB", (dark, dark, dark)))
        self.image.paste(fill, box, part)

    def fill(
        self, *outlines: Points, paint: Image.Image | Colour, cloth: bool = False, depth: float = 0.3
    ) -> None:
        """:meth:`paint` inside outlines."""
        self.paint(self.mask(*outlines), paint, cloth=cloth, depth=depth)

    def line(self, path: Points, colour: Colour, width: float) -> None:
        """Draw a line; ``width`` in head heights."""
        pen = ImageDraw.Draw(self.image)
        thick = max(1, round(width * self.camera.scale))
        pen.line(self.camera.pixels(path), fill=colour, width=thick, joint="curve")

    def border(self, outline: Points, colour: Colour, width: float = 0.035) -> None:
        """Draw a closed line."""
        self.line(np.concatenate([outline, outline[:1]]), colour, width)
