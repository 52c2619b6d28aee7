"""Curves and the camera. Body coordinates are in head heights: x from the body's axis, y down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Points: TypeAlias = np.ndarray[Any, Any]
"""Corners of an outline or of a line: float ``[n, 2]``."""
Pairs: TypeAlias = Sequence[tuple[float, float]]


def points(*pairs: tuple[float, float]) -> Points:
    """Points as an array."""
    return np.asarray(pairs, dtype=float)


def spline(through: Pairs | Points, steps: int = 8) -> Points:
    """Smooth line through points: Catmull-Rom, written as cubic Bezier pieces."""
    knots = np.asarray(through, dtype=float)
    ends = np.concatenate([knots[:1], knots, knots[-1:]])
    before, start, end, after = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    first = (start + (end - before) / 6)[:, None]
    second = (end - (after - start) / 6)[:, None]
    rest = 1 - t
    curve = (
        rest**3 * start[:, None]
        + 3 * rest**2 * t * first
        + 3 * rest * t**2 * second
        + t**3 * end[:, None]
    )
    return np.concatenate([curve.reshape(-1, 2), knots[-1:]])


def mirrored(line: Points) -> Points:
    """The same line on the other side of the body's axis, in reverse order."""
    return line[::-1] * (-1.0, 1.0)


def both_sides(right: Points) -> Points:
    """Closed symmetric outline from its right side, top to bottom."""
    return np.concatenate([right, mirrored(right)])


def ribbon(path: Points, widths: Sequence[float] | Points) -> Points:
    """Outline of a band along ``path`` with half width ``widths`` at each of its points."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = along[:, ::-1] * (-1.0, 1.0) * np.asarray(widths, dtype=float)[:, None]
    return np.concatenate([path + across, (path - across)[::-1]])


def ellipse(x: float, y: float, rx: float, ry: float, steps: int = 28) -> Points:
    """Outline of an ellipse."""
    angle = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    return np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], axis=1)


@dataclass(frozen=True)
class Camera:
    """From body coordinates to pixels of the picture."""

    scale: float
    """Pixels of a head height."""
    x: float
    """Pixel column of the body's axis at the floor."""
    y: float
    """Pixel row of the chin."""
    lean: float = 0.0
    """Sideways shift per head height above the floor."""
    floor: float = 5.6

    def pixels(self, outline: Points) -> Points:
        """Pixel positions of body coordinates: float ``[n, 2]``."""
        aside = self.lean * (self.floor - outline[:, 1])
        return np.stack([outline[:, 0] + aside, outline[:, 1]], axis=1) * self.scale + (
            self.x,
            self.y,
        )
