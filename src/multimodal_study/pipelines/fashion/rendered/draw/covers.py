"""What hides an attribute whose value is Invisible: a scarf, a shawl over the arms, a box."""

from __future__ import annotations

import numpy as np

from multimodal_study.pipelines.fashion.rendered.draw.body import Arm
from multimodal_study.pipelines.fashion.rendered.draw.canvas import Canvas, Colour, shade
from multimodal_study.pipelines.fashion.rendered.draw.geometry import (
    Points,
    ellipse,
    points,
    ribbon,
    spline,
)

WOOLS: tuple[Colour, ...] = ((178, 168, 156), (132, 128, 132), (214, 206, 194))


def draw_scarf(canvas: Canvas, wool: Colour) -> None:
    """A thick scarf about the neck that hides collar, neck, neckline or lapel."""
    dark = shade(wool, 0.55)
    end = points((0.1, 0.7), (0.62, 0.8), (0.58, 2.2), (0.12, 2.2))
    canvas.fill(end, paint=wool)
    canvas.border(end, dark)
    for x in np.linspace(0.14, 0.56, 7):
        canvas.line(points((x, 2.2), (x, 2.36)), dark, 0.03)
    for y in (1.75, 2.0):
        canvas.line(points((0.12, y), (0.58, y)), dark, 0.06)
    loop = ellipse(0, 0.58, 0.86, 0.56)
    canvas.fill(loop, paint=wool, depth=0.4)
    canvas.border(loop, dark)
    for drop in (0.08, 0.28, 0.46):
        fold = spline([(-0.7, 0.34 + 0.4 * drop), (0, 0.4 + 1.2 * drop), (0.7, 0.34 + 0.4 * drop)])
        canvas.line(fold, dark, 0.04)


def shawl_outline(arm: Arm) -> Points:
    """A shawl over one arm, beyond the fingers."""
    path = arm.path(0.0, 1.3)
    return ribbon(path, np.interp(np.linspace(0, 1, len(path)), [0, 0.15, 1], [0.12, 0.36, 0.46]))


def draw_shawl(canvas: Canvas, arm: Arm, wool: Colour) -> None:
    """A fringed shawl that hides one sleeve whole."""
    outline = shawl_outline(arm)
    dark = shade(wool, 0.55)
    canvas.fill(outline, paint=wool, depth=0.4)
    canvas.border(outline, dark)
    half = len(outline) // 2
    left, right = outline[:half], outline[half:][::-1]
    for share in (0.3, 0.5, 0.7):
        canvas.line((left + share * (right - left))[4:], dark, 0.03)
    for share in np.linspace(0, 1, 8):
        tip = left[-1] + share * (right[-1] - left[-1])
        along = left[-1] - left[-3]
        canvas.line(np.stack([tip, tip + along * 0.5]), dark, 0.03)


def draw_box(canvas: Canvas) -> None:
    """A wooden box in front of the legs that hides every hem; it stands upright in any pose."""
    wood: Colour = (186, 146, 98)
    dark = shade(wood, 0.5)

    def upright(*corners: tuple[float, float]) -> Points:
        outline = points(*corners)
        outline[:, 0] += canvas.camera.lean * (outline[:, 1] - 4.5)
        return outline

    front = upright((-1.45, 3.3), (1.45, 3.3), (1.45, 5.74), (-1.45, 5.74))
    canvas.fill(front, paint=wood, depth=0.2)
    for y in (3.78, 4.27, 4.76, 5.25):
        canvas.line(upright((-1.45, y), (1.45, y)), dark, 0.04)
    for x in (-1.3, 1.3):
        canvas.line(upright((x, 3.3), (x, 5.74)), shade(wood, 0.75), 0.12)
    canvas.border(front, dark, 0.05)
