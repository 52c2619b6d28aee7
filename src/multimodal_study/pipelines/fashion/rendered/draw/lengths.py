"""Garments below the neck: outlines by length of hem, trousers' legs, sleeves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from multimodal_study.pipelines.fashion.rendered.draw.body import (
    CROTCH,
    HIP,
    WAIST,
    Arm,
    Looks,
    draw_arm,
)
from multimodal_study.pipelines.fashion.rendered.draw.canvas import Canvas, Colour, shade
from multimodal_study.pipelines.fashion.rendered.draw.geometry import (
    Points,
    both_sides,
    mirrored,
    points,
    spline,
)

HEMS: dict[str, dict[str, float]] = {
    "skirt_length": {
        "Short Length": 3.5,
        "Knee Length": 4.12,
        "Midi Length": 4.72,
        "Ankle Length": 5.2,
        "Floor Length": 5.66,
    },
    "coat_length": {
        "High Waist Length": 2.02,
        "Regular Length": 2.68,
        "Long Length": 3.15,
        "Micro Length": 3.65,
        "Knee Length": 4.15,
        "Midi Length": 4.75,
        "Ankle&Floor Length": 5.36,
    },
    "pant_length": {
        "Short Pant": 3.55,
        "Mid Length": 4.12,
        "3/4 Length": 4.62,
        "Cropped Pant": 5.0,
        "Full Length": 5.46,
    },
}
"""Height of the hem below the chin, in heads."""
SLEEVES: dict[str, float] = {
    "Sleeveless": 0.0,
    "Cup Sleeves": 0.17,
    "Short Sleeves": 0.3,
    "Elbow Sleeves": 0.51,
    "3/4 Sleeves": 0.73,
    "Wrist Length": 0.9,
    "Long Sleeves": 1.06,
    "Extra Long Sleeves": 1.42,
}
"""Where the sleeve ends, in lengths of the arm (1: the wrist)."""
HIDDEN_HEM = {"skirt_length": 4.12, "coat_length": 3.65, "pant_length": 5.46}
"""Hem behind a box, where nobody sees it."""

_SHORT = 0.45
"""Sleeves shorter than this have no cuff and stand off the arm."""


@dataclass(frozen=True)
class Cut:
    """How one garment is made: cloth and what may vary about it."""

    cloth: Image.Image
    colour: Colour
    flare: float
    """0 to 1: from straight to wide."""

    @property
    def dark(self) -> Colour:
        """Colour of seams."""
        return shade(self.colour, 0.48)


def _side(profile: list[tuple[float, float]], hem: float, sag: float) -> Points:
    """Right side of a garment: its profile down to ``hem``, then the hem as far as the middle."""
    side = spline(profile)
    above = side[side[:, 1] < hem]
    width = float(np.interp(hem, side[:, 1], side[:, 0]))
    bottom = [(width, hem), (0.6 * width, hem + 0.7 * sag), (0.0, hem + sag)]
    return np.concatenate([above, np.asarray(bottom)])


def skirt_outline(hem: float, flare: float, top: float = WAIST) -> Points:
    """A skirt from the waist to ``hem``."""
    wide = 0.92 + 0.5 * flare
    profile = [
        (0.57, top),
        (0.74, 2.45),
        (0.86, HIP),
        (0.86 + 0.3 * (wide - 0.86), 3.6),
        (wide, 5.75),
    ]
    return both_sides(_side(profile, hem, 0.09))


def bodice_outline(hem: float, ease: float, waist: float = 0.0) -> Points:
    """A top from the neck to ``hem``; ``ease`` is the room about the body, in heads."""
    hip = 0.8 + ease
    profile = [
        (0.34, 0.36), (0.62, 0.47), (0.86 + 0.3 * ease, 0.64), (0.9 + 0.3 * ease, 0.84),
        (0.74 + ease, 1.22), (0.72 + ease, 1.45), (0.57 + ease + waist, WAIST), (hip, HIP),
        (hip + 0.3 * ease, 3.6), (hip + 0.9 * ease, 5.75),
    ]  # fmt: skip
    return both_sides(_side(profile, hem, 0.06))


def draw_skirt(canvas: Canvas, cut: Cut, hem: float) -> None:
    """A skirt with its waistband."""
    outline = skirt_outline(hem, cut.flare)
    canvas.fill(outline, paint=cut.cloth, cloth=True)
    half = len(outline) // 2
    canvas.line(outline[half - 3 : half + 3], cut.dark, 0.05)
    band = both_sides(points((0.57, WAIST - 0.08), (0.6, WAIST + 0.12)))
    canvas.fill(band, paint=shade(cut.colour, 0.7), cloth=True)


def draw_trousers(canvas: Canvas, cut: Cut, hem: float) -> None:
    """Trousers: hips, two legs, fly, pockets and waistband."""
    wide = 0.22 + 0.12 * cut.flare
    for mirror in (False, True):
        outer = spline([(0.57, WAIST), (0.74, 2.45), (0.83, HIP), (0.72, 3.6), (0.34 + wide, 5.75)])
        inner = spline([(0.0, CROTCH - 0.02), (0.07, 3.6), (0.33 - 0.8 * wide, 5.75)])
        above = outer[outer[:, 1] < hem]
        right = (float(np.interp(hem, outer[:, 1], outer[:, 0])), hem)
        left = (float(np.interp(hem, inner[:, 1], inner[:, 0])), hem)
        back = inner[inner[:, 1] < hem][::-1]
        leg = np.concatenate([above, [right, left], back, [(0.0, WAIST)]])
        edge = points((right[0], hem - 0.07), (left[0], hem - 0.07))
        crease = points((0.42, 3.1), ((right[0] + left[0]) / 2, hem))
        leg, edge, crease = (mirrored(part) if mirror else part for part in (leg, edge, crease))
        canvas.fill(leg, paint=cut.cloth, cloth=True)
        canvas.line(edge, cut.dark, 0.045)
        canvas.line(crease, shade(cut.colour, 0.72), 0.03)
    canvas.line(points((0, WAIST), (0.0, 2.62), (0.0, CROTCH + 0.05)), cut.dark, 0.035)
    for side in (-1, 1):
        canvas.line(points((side * 0.38, 2.2), (side * 0.72, 2.62)), cut.dark, 0.035)
    band = both_sides(points((0.57, WAIST - 0.08), (0.61, WAIST + 0.12)))
    canvas.fill(band, paint=shade(cut.colour, 0.7), cloth=True)


def draw_sleeve(
    canvas: Canvas, arm: Arm, looks: Looks, cut: Cut, end: float, *, ease: float, start: float
) -> None:
    """One arm with its sleeve.

    Args:
        canvas: The drawing.
        arm: The arm that is dressed.
        looks: Of the mannequin.
        cut: Of the garment.
        end: Share of the arm's length where the sleeve ends; 0: none.
        ease: Room between arm and sleeve, in heads.
        start: Share where it begins, above 0 where the shoulder is bare; short sleeves then end
            lower too, or nothing would be left of them.
    """
    draw_arm(canvas, arm, looks)
    if end <= 0:
        return
    short = end < _SHORT
    flare = 0.1 if short else 0.03
    if short:
        end += 0.7 * start
    canvas.fill(arm.outline(start, end, ease, flare), paint=cut.cloth, cloth=True)
    if not short:
        band = arm.outline(end - 0.06, end, ease + flare + 0.012)
        canvas.fill(band, paint=shade(cut.colour, 0.68), cloth=True, depth=0.1)
    canvas.border(arm.outline(end - 0.012, end, ease + flare), cut.dark)
    if start:
        canvas.border(arm.outline(start, start + 0.012, ease), cut.dark)
