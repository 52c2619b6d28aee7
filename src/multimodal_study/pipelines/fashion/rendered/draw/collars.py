"""Collars of blouses, necks of jumpers, lapels of coats."""

from __future__ import annotations

import numpy as np

from multimodal_study.pipelines.fashion.rendered.draw.canvas import Canvas, Colour, shade
from multimodal_study.pipelines.fashion.rendered.draw.geometry import (
    Pairs,
    Points,
    both_sides,
    mirrored,
    points,
    ribbon,
    spline,
)
from multimodal_study.pipelines.fashion.rendered.draw.lengths import Cut

V_OPENING = points((-0.36, 0.34), (-0.3, -0.3), (0.3, -0.3), (0.36, 0.34), (0, 0.66))
"""Open top of a blouse or a coat, in which the neck shows."""

_COLLARS: dict[str, tuple[Points, ...]] = {
    "Shirt Collar": (
        points((0.0, 0.64), (0.2, 0.34), (0.3, 0.08), (0.42, 0.28), (0.58, 0.94), (0.3, 0.86)),
    ),
    "Peter Pan": (
        spline(
            [
                (0.02, 0.6), (0.24, 0.42), (0.34, 0.26), (0.5, 0.4), (0.56, 0.66), (0.42, 0.86),
                (0.16, 0.84), (0.02, 0.6),
            ]
        ),
    ),
    "Puritan Collar": (
        spline(
            [
                (0.02, 0.6), (0.24, 0.42), (0.34, 0.26), (0.62, 0.38), (0.94, 0.6), (0.98, 0.98),
                (0.76, 1.26), (0.3, 1.36), (0.06, 1.3), (0.02, 0.6),
            ]
        ),
    ),
}  # fmt: skip
_LAPELS: dict[str, Pairs] = {
    "Shawl Collar": [
        (0.2, 0.2), (0.36, 0.2), (0.5, 0.5), (0.58, 0.9), (0.46, 1.3), (0.02, 1.9), (0.0, 1.86),
        (0.14, 1.2), (0.3, 0.7), (0.2, 0.2),
    ],
    "Plus Size Shawl": [
        (0.2, 0.1), (0.4, 0.12), (0.74, 0.44), (0.9, 0.86), (0.88, 1.3), (0.5, 1.9), (0.02, 2.36),
        (0.0, 2.3), (0.1, 1.3), (0.3, 0.7), (0.2, 0.1),
    ],
}  # fmt: skip


def _pair(canvas: Canvas, half: Points, paint: Colour, edge: Colour) -> None:
    for side in (half, mirrored(half)):
        canvas.fill(side, paint=paint, cloth=True, depth=0.18)
        canvas.border(side, edge, 0.04)


def _rows(canvas: Canvas, top: Points, bottom: Points, count: int, colour: Colour) -> None:
    """Ribs: short lines from one edge to the other."""
    for share in np.linspace(0.03, 0.97, count):
        ends = [line[round(share * (len(line) - 1))] for line in (top, bottom)]
        canvas.line(np.stack(ends), colour, 0.028)


def draw_collar(canvas: Canvas, name: str, cut: Cut) -> None:
    """A blouse's collar with the button line below it."""
    light = shade(cut.colour, 1.55)
    canvas.line(points((0, 0.64), (0, 2.86)), cut.dark, 0.03)
    for y in np.arange(0.98, 2.8, 0.42):
        canvas.fill(
            points((-0.04, y), (0, y - 0.045), (0.04, y), (0, y + 0.045)),
            paint=cut.dark,
            cloth=True,
            depth=0,
        )
    if name != "Rib Collar":
        for half in _COLLARS[name]:
            _pair(canvas, half, light, cut.dark)
        return
    inner = spline([(-0.33, 0.2), (-0.26, 0.46), (0, 0.56), (0.26, 0.46), (0.33, 0.2)])
    outer = spline([(-0.5, 0.28), (-0.4, 0.66), (0, 0.84), (0.4, 0.66), (0.5, 0.28)])
    band = np.concatenate([inner, outer[::-1]])
    canvas.fill(band, paint=shade(cut.colour, 0.8), cloth=True, depth=0.1)
    _rows(canvas, inner, outer, 19, shade(cut.colour, 0.42))
    canvas.border(band, cut.dark)


def draw_neck(canvas: Canvas, name: str, cut: Cut) -> None:
    """A jumper's neck."""
    if name == "Draped Collar":
        _draw_cowl(canvas, cut)
    elif name == "Ruffle Semi-High Collar":
        _draw_ruffle(canvas, cut)
    else:
        _draw_turtle(canvas, cut, top=-0.04 if name == "Turtle Neck" else 0.3)


def _draw_turtle(canvas: Canvas, cut: Cut, top: float) -> None:
    high = top < 0.1  # noqa: PLR2004 - above it the neck is folded over
    right = (
        [(0.31, top), (0.34, 0.3), (0.42, 0.5)]
        if not high
        else [(0.34, top), (0.38, 0.2), (0.4, 0.46)]
    )
    band = both_sides(np.concatenate([spline(right), points((0.2, 0.58), (0.0, 0.6))]))
    canvas.fill(band, paint=shade(cut.colour, 0.86), cloth=True)
    for x in np.linspace(-0.28, 0.28, 7):
        canvas.line(points((x, top + 0.03), (1.15 * x, 0.5)), shade(cut.colour, 0.62), 0.022)
    canvas.border(band, cut.dark, 0.04)
    if high:
        fold = spline([(-0.42, 0.22), (0, 0.36), (0.42, 0.22)])
        canvas.line(fold, cut.dark, 0.055)


def _draw_ruffle(canvas: Canvas, cut: Cut) -> None:
    for height, spread, dark in ((0.46, 0.66, 0.78), (0.2, 0.52, 0.95)):
        path = spline(
            [
                (-spread, height - 0.1),
                (-0.4 * spread, height + 0.12),
                (0.4 * spread, height + 0.12),
                (spread, height - 0.1),
            ],
            16,
        )
        wave = 0.13 + 0.065 * np.sin(np.linspace(0, 15 * np.pi, len(path)))
        frill = ribbon(path, wave)
        canvas.fill(frill, paint=shade(cut.colour, dark), cloth=True, depth=0.15)
        canvas.border(frill, cut.dark, 0.03)
        _rows(canvas, np.add(path, (0, -0.12)), np.add(path, (0, 0.12)), 14, shade(cut.colour, 0.6))


def _draw_cowl(canvas: Canvas, cut: Cut) -> None:
    opening = spline([(-0.5, 0.4), (-0.3, 0.7), (0, 0.82), (0.3, 0.7), (0.5, 0.4)])
    drape = spline([(-0.66, 0.44), (-0.56, 1.0), (0, 1.46), (0.56, 1.0), (0.66, 0.44)])
    canvas.fill(
        np.concatenate([opening, drape[::-1]]), paint=shade(cut.colour, 0.92), cloth=True, depth=0.2
    )
    for share in (0.0, 0.28, 0.55, 0.8, 1.0):
        fold = opening + share * (drape - opening)
        canvas.line(fold, shade(cut.colour, 0.5 if share in {0.0, 1.0} else 0.66), 0.045)
        canvas.line(np.add(fold, (0, 0.05)), shade(cut.colour, 1.25), 0.03)


def draw_lapel(canvas: Canvas, name: str, cut: Cut) -> None:
    """A coat's front edge, buttons and lapels."""
    facing = shade(cut.colour, 0.72)
    if name == "Collarless":
        edge = points((-0.36, 0.34), (0, 0.66), (0.36, 0.34))
        canvas.line(edge, cut.dark, 0.06)
        return
    if name == "Notched":
        lapel = points((0.0, 1.9), (0.16, 0.72), (0.4, 0.86), (0.74, 0.78), (0.6, 1.2))
        collar = points((0.16, 0.72), (0.22, 0.14), (0.36, 0.16), (0.7, 0.56), (0.4, 0.86))
        _pair(canvas, lapel, facing, cut.dark)
        _pair(canvas, collar, facing, cut.dark)
        return
    half = spline(_LAPELS[name])
    _pair(canvas, half, facing, cut.dark)
