"""One picture from the values of its factors: who is drawn first, and what covers what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from multimodal_study.pipelines.fashion.rendered.draw import body, cloth, collars, covers, lengths
from multimodal_study.pipelines.fashion.rendered.draw.canvas import Canvas, Colour
from multimodal_study.pipelines.fashion.rendered.draw.geometry import Camera, ellipse, points
from multimodal_study.pipelines.fashion.rendered.draw.lengths import HEMS, HIDDEN_HEM, SLEEVES, Cut
from multimodal_study.pipelines.fashion.rendered.draw.light import lit
from multimodal_study.pipelines.fashion.rendered.draw.necklines import (
    SLEEVES_BEGIN,
    draw_neckline_edge,
    draw_off_shoulder_band,
    opening,
)
from multimodal_study.pipelines.fashion.rendered.draw.scene import scene
from multimodal_study.pipelines.fashion.rendered.factors import (
    ATTRIBUTES,
    CATEGORIES,
    FACTORS,
    INVISIBLE,
)

_FRAMES = {
    "skirt": (1.5, 5.9),
    "trousers": (1.5, 5.9),
    "blouse": (-0.32, 3.85),
    "jumper": (-0.32, 3.85),
    "dress": (-0.32, 5.85),
    "coat": (-0.32, 5.85),
}
"""Category to top and bottom of the picture, in heads below the chin."""
_EASE = {"dress": 0.02, "blouse": 0.05, "jumper": 0.11, "coat": 0.13}
_HALF = 128
"""Cover from which a pixel counts as garment or figure."""
_SHIRT: Colour = (226, 226, 222)
_UNDER: Colour = (62, 62, 72)


@dataclass(frozen=True)
class Picture:
    """A finished picture and where things are in it."""

    image: Image.Image
    """RGB ``size`` x ``size``."""
    garment: np.ndarray[Any, Any]
    """Bool ``[size, size]``: pixels of the garment."""
    figure: np.ndarray[Any, Any]
    """Bool ``[size, size]``: pixels of mannequin, garment and what covers them."""
    camera: Camera
    """From body coordinates to pixels."""


@dataclass
class _Sitting:
    """What the parts of one drawing share."""

    canvas: Canvas
    values: dict[str, str]
    looks: body.Looks
    cut: Cut
    wool: Colour
    arms: tuple[body.Arm, body.Arm]
    blends: dict[str, tuple[str, float]]

    def length(self, attribute: str, table: dict[str, float], hidden: float) -> float:
        """Number of a length, between two values where the picture shows something between."""
        own = table.get(self.values[attribute], hidden)
        other, share = self.blends.get(attribute, (self.values[attribute], 0.0))
        return own + share * (table.get(other, own) - own)


def shown(values: dict[str, str], carried: set[str]) -> dict[str, str]:
    """Values that the picture shows: the factor's own, or a neutral one where text carries it."""
    category = values["category"]
    return {
        name: values[name] if name in carried else factor.neutral
        for name, factor in FACTORS.items()
        if factor.neutral or name == "category"
        if name not in ATTRIBUTES or name in CATEGORIES[category]
    }


def draw(
    values: dict[str, str],
    size: int,
    seed: list[int],
    blends: dict[str, tuple[str, float]] | None = None,
) -> Picture:
    """Draw one garment.

    Args:
        values: Of every drawn factor that the category has (see :func:`shown`).
        size: Side of the picture, in pixels.
        seed: Of everything that does not matter: framing, skin, folds, noise.
        blends: Length attribute to another value and how far to go towards it (0 to 1).
    """
    streams = np.random.default_rng(seed).spawn(4)
    camera = _camera(values, size, streams[0])
    canvas = Canvas(scene(values["background"], size, streams[1]), camera)
    _ground_shadow(canvas)
    sitting = _sitting(canvas, values, size, streams[2], blends or {})
    body.draw_body(canvas, sitting.looks)
    _GARMENTS[values["category"]](sitting)
    image = lit(canvas.image, values["light"], streams[3])
    garment, figure = (np.asarray(mask) >= _HALF for mask in (canvas.garment, canvas.figure))
    return Picture(image, garment, figure, camera)


def _camera(values: dict[str, str], side: int, rng: np.random.Generator) -> Camera:
    top, bottom = _FRAMES[values["category"]]
    scale = side / (bottom - top) * rng.uniform(0.965, 1.0)
    x = side / 2 + rng.uniform(-0.04, 0.04) * side
    y = -top * scale + rng.uniform(0, 0.015) * side
    lean = body.LEAN.get(values["pose"], 0.0)
    middle = body.FLOOR - (top + bottom) / 2
    return Camera(scale, x - lean * middle * scale, y, lean)


def _sitting(
    canvas: Canvas,
    values: dict[str, str],
    side: int,
    rng: np.random.Generator,
    blends: dict[str, tuple[str, float]],
) -> _Sitting:
    pick = rng.integers(0, 1000, size=4)
    looks = body.Looks(
        body.SKINS[pick[0] % len(body.SKINS)],
        body.HAIRS[pick[1] % len(body.HAIRS)],
        body.SHOES[pick[2] % len(body.SHOES)],
    )
    wool = covers.WOOLS[pick[3] % len(covers.WOOLS)]
    flare = float(rng.random())
    colour = cloth.COLOURS[values["colour"]]
    fabric = cloth.texture(colour, values["pattern"], side, canvas.camera, rng)
    cut = Cut(fabric, colour, flare)
    return _Sitting(canvas, values, looks, cut, wool, body.arms(values["pose"]), blends)


def _ground_shadow(canvas: Canvas) -> None:
    shadow = canvas.stencil(ellipse(0.0, 5.6, 1.2, 0.16), margin=0.4)
    if shadow is not None:
        soft = shadow.cover.filter(ImageFilter.GaussianBlur(canvas.camera.scale * 0.12))
        canvas.image.paste((52, 48, 48), shadow.box, soft.point([i // 2 for i in range(256)]))


def _top(sitting: _Sitting, hem: float, ease: float, hole: Any, waist: float = 0.0) -> None:
    shape = sitting.canvas.stencil(lengths.bodice_outline(hem, ease, waist), holes=(hole,))
    sitting.canvas.paint(shape, sitting.cut.cloth, cloth=True)


def _sleeves(sitting: _Sitting, ease: float, begin: tuple[float, float] = (0.0, 0.0)) -> None:
    hidden = sitting.values["sleeve_length"] == INVISIBLE
    end = sitting.length("sleeve_length", SLEEVES, SLEEVES["Elbow Sleeves"])
    for arm, start in zip(sitting.arms, begin, strict=True):
        lengths.draw_sleeve(
            sitting.canvas, arm, sitting.looks, sitting.cut, end, ease=ease, start=start
        )
        if hidden:
            covers.draw_shawl(sitting.canvas, arm, sitting.wool)


def _hem(sitting: _Sitting, attribute: str) -> float:
    return sitting.length(attribute, HEMS[attribute], HIDDEN_HEM[attribute])


def _box(sitting: _Sitting, attribute: str) -> None:
    if sitting.values[attribute] == INVISIBLE:
        covers.draw_box(sitting.canvas)


def _plain_top(sitting: _Sitting) -> None:
    """A grey shirt above a skirt or trousers, and bare lower arms."""
    canvas = sitting.canvas
    canvas.fill(lengths.bodice_outline(2.15, 0.0), paint=_SHIRT)
    for arm in sitting.arms:
        body.draw_arm(canvas, arm, sitting.looks)
        canvas.fill(arm.outline(0.0, 0.34, 0.05), paint=_SHIRT)


def _dark_trousers(sitting: _Sitting) -> None:
    """What is worn below a top: not the garment that the picture is about."""
    canvas = sitting.canvas
    under = Cut(Image.new("RGB", canvas.image.size, _UNDER), _UNDER, 0.0)
    lengths.draw_trousers(canvas, under, HEMS["pant_length"]["Full Length"])
    canvas.garment.paste(0, (0, 0, *canvas.garment.size))


def _skirt(sitting: _Sitting) -> None:
    _plain_top(sitting)
    lengths.draw_skirt(sitting.canvas, sitting.cut, _hem(sitting, "skirt_length"))
    _box(sitting, "skirt_length")
    _hands(sitting)


def _trousers(sitting: _Sitting) -> None:
    _plain_top(sitting)
    lengths.draw_trousers(sitting.canvas, sitting.cut, _hem(sitting, "pant_length"))
    _box(sitting, "pant_length")
    _hands(sitting)


def _hands(sitting: _Sitting) -> None:
    for arm in sitting.arms:
        body.draw_arm(sitting.canvas, arm, sitting.looks, start=0.4)


def _dress(sitting: _Sitting) -> None:
    canvas, cut = sitting.canvas, sitting.cut
    neckline = sitting.values["neckline_design"]
    drawn = neckline if neckline != INVISIBLE else FACTORS["neckline_design"].neutral
    canvas.fill(
        lengths.skirt_outline(_hem(sitting, "skirt_length"), cut.flare), paint=cut.cloth, cloth=True
    )
    _top(sitting, body.WAIST + 0.06, _EASE["dress"], opening(drawn).hole)
    draw_neckline_edge(canvas, drawn, cut)
    canvas.line(
        points((-0.6, body.WAIST + 0.04), (0, body.WAIST + 0.08), (0.6, body.WAIST + 0.04)),
        cut.dark,
        0.09,
    )
    _box(sitting, "skirt_length")
    _sleeves(sitting, 0.05, SLEEVES_BEGIN.get(drawn, (0.0, 0.0)))
    if drawn == "Off Shoulder":
        draw_off_shoulder_band(canvas, sitting.arms, cut)
    if neckline == INVISIBLE:
        covers.draw_scarf(canvas, sitting.wool)


def _blouse(sitting: _Sitting) -> None:
    _dark_trousers(sitting)
    collar = sitting.values["collar_design"]
    _top(sitting, 2.92, _EASE["blouse"], collars.V_OPENING, 0.06)
    _sleeves(sitting, 0.07)
    collars.draw_collar(
        sitting.canvas, collar if collar != INVISIBLE else "Shirt Collar", sitting.cut
    )
    if collar == INVISIBLE:
        covers.draw_scarf(sitting.canvas, sitting.wool)


def _jumper(sitting: _Sitting) -> None:
    _dark_trousers(sitting)
    canvas, cut = sitting.canvas, sitting.cut
    neck = sitting.values["neck_design"]
    _top(sitting, 2.92, _EASE["jumper"], collars.V_OPENING * (1.1, 0.9), 0.12)
    band = ((-0.92, 2.78), (-0.3, 2.84), (0.3, 2.84), (0.92, 2.78))
    canvas.line(points(*band), cut.dark, 0.05)
    for x in np.linspace(-0.8, 0.8, 15):
        canvas.line(points((x, 2.82), (x, 2.96)), cut.dark, 0.025)
    _sleeves(sitting, 0.1)
    collars.draw_neck(canvas, neck if neck != INVISIBLE else "Low Turtle Neck", cut)
    if neck == INVISIBLE:
        covers.draw_scarf(canvas, sitting.wool)


def _coat(sitting: _Sitting) -> None:
    canvas, cut = sitting.canvas, sitting.cut
    lapel, hem = sitting.values["lapel_design"], _hem(sitting, "coat_length")
    _dark_trousers(sitting)
    canvas.fill(lengths.bodice_outline(2.2, 0.0), paint=_SHIRT)
    _top(sitting, hem, _EASE["coat"], collars.V_OPENING)
    canvas.line(points((0, 0.66), (0, hem + 0.04)), cut.dark, 0.05)
    for y in np.arange(2.0, min(hem, 3.0), 0.36):
        canvas.fill(ellipse(0.1, y, 0.06, 0.06, 12), paint=cut.dark, cloth=True, depth=0)
    _box(sitting, "coat_length")
    _sleeves(sitting, 0.1)
    collars.draw_lapel(canvas, lapel if lapel != INVISIBLE else "Collarless", cut)
    if lapel == INVISIBLE:
        covers.draw_scarf(canvas, sitting.wool)


_GARMENTS = {
    "skirt": _skirt,
    "trousers": _trousers,
    "dress": _dress,
    "blouse": _blouse,
    "jumper": _jumper,
    "coat": _coat,
}
