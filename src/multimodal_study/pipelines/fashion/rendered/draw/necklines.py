"""Necklines: what is cut out of a dress above the bust, and the edge of the cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from multimodal_study.pipelines.fashion.rendered.draw.body import Arm
from multimodal_study.pipelines.fashion.rendered.draw.canvas import Canvas, shade
from multimodal_study.pipelines.fashion.rendered.draw.geometry import (
    Points,
    mirrored,
    points,
    ribbon,
    spline,
)
from multimodal_study.pipelines.fashion.rendered.draw.lengths import Cut

SLEEVES_BEGIN = {
    "Strapless Neck": (0.2, 0.2),
    "Off Shoulder": (0.08, 0.08),
    "One Shoulder Neckline": (0.16, 0.0),
}
"""Necklines that leave shoulders bare to the share of the arm where sleeves begin: left, right."""


@dataclass(frozen=True)
class Opening:
    """What is cut away, and the line along which it is cut."""

    hole: Points
    edge: Points


def _closed_above(edge: Points, width: float = 0.0) -> Opening:
    """The opening above an edge that runs from left to right."""
    left, right = edge[0, 0] - width, edge[-1, 0] + width
    lid = points((right, edge[-1, 1]), (right, -0.3), (left, -0.3), (left, edge[0, 1]))
    return Opening(np.concatenate([edge, lid]), edge)


def _symmetric(left: Points) -> Points:
    return np.concatenate([left, mirrored(left)])


_LOBE = spline([(-0.56, 0.82), (-0.44, 0.78), (-0.22, 0.84), (-0.06, 1.06), (0.0, 1.24)])
_CUTS: dict[str, tuple[Points, float]] = {
    "Strapless Neck": (
        spline([(-0.8, 1.1), (-0.4, 1.06), (0, 1.1), (0.4, 1.06), (0.8, 1.1)]), 1.0,
    ),
    "Off Shoulder": (
        spline([(-1.0, 0.86), (-0.5, 1.0), (0, 1.04), (0.5, 1.0), (1.0, 0.86)]), 1.0,
    ),
    "One Shoulder Neckline": (
        spline([(-1.2, 1.32), (-0.72, 1.16), (-0.1, 0.86), (0.44, 0.36)]), 0.0,
    ),
    "Deep V Neckline": (
        points((-0.42, 0.36), (-0.26, 0.95), (0, 1.86), (0.26, 0.95), (0.42, 0.36)), 0.0,
    ),
    "V Neckline": (points((-0.4, 0.36), (0, 1.16), (0.4, 0.36)), 0.0),
    "Straight Neck": (spline([(-0.74, 0.52), (-0.36, 0.55), (0.36, 0.55), (0.74, 0.52)]), 0.0),
    "Square Neckline": (points((-0.5, 0.36), (-0.46, 1.0), (0.46, 1.0), (0.5, 0.36)), 0.0),
    "Sweat Heart Neck": (_symmetric(np.concatenate([points((-0.58, 0.36)), _LOBE])), 0.0),
    "Round Neckline": (
        spline([(-0.4, 0.36), (-0.3, 0.66), (0, 0.8), (0.3, 0.66), (0.4, 0.36)]), 0.0,
    ),
}  # fmt: skip
"""Neckline to the edge of its cut, and how far beyond the edge's ends all is cut away."""


def opening(name: str) -> Opening:
    """The cut of a neckline by FashionAI's name."""
    return _closed_above(*_CUTS[name])


def draw_neckline_edge(canvas: Canvas, name: str, cut: Cut) -> None:
    """Piping along the cut."""
    canvas.line(opening(name).edge, cut.dark, 0.055)


def draw_off_shoulder_band(canvas: Canvas, arms: tuple[Arm, Arm], cut: Cut) -> None:
    """The frill of an off-shoulder neckline, across bust and upper arms."""
    left, right = (arm.path(0.06, 0.14, 2) for arm in arms)
    path = spline([tuple(left[1]), (-0.55, 1.02), (0, 1.1), (0.55, 1.02), tuple(right[1])])
    path[:, 0] *= 1.12
    frill = 0.13 + 0.03 * np.sin(np.linspace(0, 16 * np.pi, len(path)))
    band = ribbon(path, frill)
    canvas.fill(band, paint=cut.cloth, cloth=True, depth=0.4)
    canvas.border(band, cut.dark)
    for share in np.linspace(0.06, 0.94, 12):
        at = path[int(share * (len(path) - 1))]
        canvas.line(np.add(at, [(0, -0.1), (0, 0.11)]), shade(cut.colour, 0.62), 0.025)
