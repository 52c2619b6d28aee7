"""A simple mannequin: measures in head heights, skin, hair, legs and arms by pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from multimodal_study.pipelines.fashion.rendered.draw.canvas import Canvas, Colour, shade
from multimodal_study.pipelines.fashion.rendered.draw.geometry import (
    Points,
    both_sides,
    ellipse,
    mirrored,
    points,
    ribbon,
    spline,
)

WAIST, HIP, CROTCH, KNEE, ANKLE, FLOOR = 2.05, 2.8, 3.05, 4.15, 5.3, 5.6
"""Heights of the body below the chin, in heads."""
ARM = 2.4
"""Length of an arm from the shoulder to the wrist, in heads."""
FINGERTIPS = 1.17
"""Where the hand ends, in lengths of the arm."""

_SHOULDER = (0.76, 0.74)
_UPPER, _LOWER = 1.25, 1.15
_ANGLES: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "straight": ((9, 5), (9, 5)),
    "arms apart": ((27, 20), (27, 20)),
    "left hand on hip": ((40, -52), (9, 5)),
    "right hand on hip": ((9, 5), (40, -52)),
    "leaning": ((16, 4), (9, 12)),
}
"""Pose to the angles of upper and lower arm from the vertical, in degrees: left, right."""
LEAN = {"leaning": 0.085}


@dataclass(frozen=True)
class Looks:
    """What does not matter: skin, hair and shoes of the mannequin."""

    skin: Colour
    hair: Colour
    shoes: Colour


SKINS: tuple[Colour, ...] = ((244, 212, 188), (224, 178, 146), (186, 132, 98), (124, 82, 58))
HAIRS: tuple[Colour, ...] = ((40, 30, 28), (92, 58, 36), (168, 120, 62), (70, 66, 70))
SHOES: tuple[Colour, ...] = ((40, 38, 42), (116, 74, 46), (210, 204, 196))

_TORSO = both_sides(
    spline(
        [
            (0.25, -0.3), (0.25, 0.18), (0.34, 0.4), (0.64, 0.52), (0.84, 0.66), (0.86, 0.84),
            (0.72, 1.2), (0.7, 1.42), (0.55, WAIST), (0.72, 2.55), (0.77, 2.9), (0.72, 3.15),
        ]
    )
)  # fmt: skip
_OUTER = spline([(0.77, 2.85), (0.66, 3.5), (0.49, KNEE), (0.49, 4.55), (0.34, ANKLE)])
_INNER = spline([(0.15, ANKLE), (0.17, 4.6), (0.19, KNEE), (0.08, 3.5), (0.02, CROTCH)])
_LEG = np.concatenate([_OUTER, _INNER])


@dataclass(frozen=True)
class Arm:
    """One arm: where it is at every share of its length (1: the wrist)."""

    joints: Points

    def path(self, start: float, end: float, steps: int = 24) -> Points:
        """Line along the arm between two shares of its length; beyond 1 it goes straight on."""
        reach = np.array([-0.001, 0, _UPPER / ARM, 1.0, 2.0])
        at = np.linspace(start, end, steps)
        bent = [np.interp(at, reach, self._extended()[:, axis]) for axis in (0, 1)]
        return np.stack(bent, axis=1)

    def _extended(self) -> Points:
        shoulder, elbow, wrist = self.joints
        beyond = wrist + (wrist - elbow) * (ARM / _LOWER)
        return np.stack([shoulder, shoulder, elbow, wrist, beyond])

    def outline(self, start: float, end: float, ease: float = 0.0, flare: float = 0.0) -> Points:
        """Outline of the arm, or of a sleeve on it.

        Args:
            start: Share of the arm where it begins.
            end: Share where it ends.
            ease: Room between arm and sleeve, in heads.
            flare: More room at the end.
        """
        at = np.linspace(start, end, 24)
        width = np.interp(at, [0, 0.12, 0.5, 1.0, 1.5], [0.15, 0.21, 0.165, 0.115, 0.115])
        grown = width + ease + flare * (at - start) / max(end - start, 1e-6)
        return ribbon(self.path(start, end), grown)


def arms(pose: str) -> tuple[Arm, Arm]:
    """Left (x below 0) and right arm in a pose."""
    found = []
    for side, angles in zip((-1, 1), _ANGLES[pose], strict=True):
        upper, lower = (np.deg2rad(angle) for angle in angles)
        shoulder = np.array(_SHOULDER)
        elbow = shoulder + _UPPER * np.array([np.sin(upper), np.cos(upper)])
        wrist = elbow + _LOWER * np.array([np.sin(lower), np.cos(lower)])
        found.append(Arm(np.stack([shoulder, elbow, wrist]) * (side, 1)))
    return found[0], found[1]


def draw_body(canvas: Canvas, looks: Looks) -> None:
    """Legs, shoes, torso, neck and the lower half of a head; arms come later."""
    skin = looks.skin
    for side in (_LEG, mirrored(_LEG)):
        canvas.fill(side, paint=skin)
    for x in (-0.26, 0.26):
        shoe = spline(
            [(x - 0.16, 5.24), (x - 0.2, 5.55), (x, 5.62), (x + 0.2, 5.55), (x + 0.16, 5.24)]
        )
        canvas.fill(shoe, paint=looks.shoes)
    canvas.fill(
        both_sides(spline([(0.3, -1.5), (0.62, -0.6), (0.56, 0.02), (0.36, 0.2)])), paint=looks.hair
    )
    canvas.fill(_TORSO, paint=skin)
    canvas.fill(ellipse(0, 0.12, 0.24, 0.16), paint=shade(skin, 0.8), depth=0)
    canvas.fill(ellipse(0, -0.6, 0.45, 0.68), paint=skin)
    canvas.fill(ellipse(0, -0.2, 0.13, 0.05), paint=(178, 84, 84), depth=0)
    canvas.line(points((-0.5, 0.52), (-0.1, 0.5)), shade(skin, 0.86), 0.03)
    canvas.line(points((0.5, 0.52), (0.1, 0.5)), shade(skin, 0.86), 0.03)


def draw_arm(canvas: Canvas, arm: Arm, looks: Looks, start: float = 0.0) -> None:
    """A bare arm with its hand, from a share of its length on."""
    hand = ribbon(
        arm.path(0.97, FINGERTIPS), np.interp(np.linspace(0, 1, 24), [0, 0.4, 1], [0.1, 0.14, 0.05])
    )
    canvas.fill(arm.outline(start, 1.0), hand, paint=looks.skin, depth=0.22)
