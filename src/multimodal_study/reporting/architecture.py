"""A paradigm as a picture, from the tensors that it saved: inputs, encoders, body, heads.

The parts are found by name: what stands below ``encoders``, ``inputs``, ``project`` and the like
and names a modality encodes it; ``decoders`` explain it; ``head`` and ``probe`` predict. All else
is the body, in which modalities meet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from multimodal_study.reporting.render import number

ENCODING = frozenset({"encoders", "inputs", "project", "projections", "scales", "views"})
DECODING = frozenset({"decoders", "likelihoods", "observer"})
PREDICTING = frozenset({"head", "heads", "probe", "prompts"})
BOOKS = frozenset({"loss_weights", "sizes"})
"""Tensors that keep account and compute nothing."""
TITLES = ("Inputs", "Encoders", "Body", "Heads", "Decoders")
SHOWN = 6
"""Parts of the body with a box of their own, the largest."""
WIDTH, HEIGHT, GAP, COLUMN, TOP = 168, 44, 14, 214, 40
TITLE, SMALL, LONGEST = 12, 10, 25
FULL = 2
"""Axes of a weight matrix."""


@dataclass
class Box:
    """A part of the network."""

    name: str
    lines: list[str] = field(default_factory=list)
    numbers: int = 0
    shapes: list[list[int]] = field(default_factory=list)


def stages(
    tensors: Mapping[str, list[int]], modalities: Mapping[str, Mapping[str, Any]]
) -> list[list[Box]]:
    """The five columns of the picture, each a list of boxes; an empty one is not drawn.

    Args:
        tensors: Name to shape.
        modalities: Name to ``width`` and ``encoder``, of those that the paradigm reads.
    """
    inputs = [_input(name, one) for name, one in modalities.items()]
    columns: list[dict[str, Box]] = [{}, {}, {}, {}]
    for name, shape in tensors.items():
        parts = name.split(".")
        if parts[0] in BOOKS:
            continue
        place, key = _place(parts, modalities)
        box = columns[place].setdefault(key, Box(key))
        box.numbers += math.prod(shape)
        if len(shape) == FULL:
            box.shapes.append(shape)
    encoders, body, heads, decoders = (list(column.values()) for column in columns)
    for box in encoders:
        width = modalities.get(box.name, {}).get("width")
        box.lines = [*_through(box, width), _count(box)]
    body = _largest(body)
    for box in [*body, *heads]:
        box.lines = [_shape(box), _count(box)]
    for box in decoders:
        box.lines = [f"explains {box.name}", _count(box)]
    return [inputs, encoders, body, heads, decoders]


def diagram(
    tensors: Mapping[str, list[int]], modalities: Mapping[str, Mapping[str, Any]], title: str
) -> Markup:
    """The picture as an SVG element whose words say what it shows; empty without tensors."""
    if not tensors:
        return Markup("")
    columns = [(TITLES[k], boxes) for k, boxes in enumerate(stages(tensors, modalities)) if boxes]
    tallest = max(len(boxes) for _, boxes in columns)
    height = TOP + tallest * (HEIGHT + GAP)
    width = COLUMN * len(columns) - (COLUMN - WIDTH) + 2
    said = "; ".join(f"{name}: {', '.join(b.name for b in boxes)}" for name, boxes in columns)
    parts = [
        Markup(
            '<svg class="diagram" role="img" aria-label="{}: {}" viewBox="0 0 {} {}" width="{}"'
            ' height="{}" xmlns="http://www.w3.org/2000/svg"><g fill="none" stroke="currentColor">'
        ).format(title, said, width, height, width, height)
    ]
    middles = [_middles(boxes, tallest) for _, boxes in columns]
    for place in range(len(columns) - 1):
        parts += [
            _line(place, first, second, middles)
            for first in range(len(middles[place]))
            for second in range(len(middles[place + 1]))
            if _joined(columns, place, first, second)
        ]
    parts.append(Markup("</g>"))
    for place, (name, boxes) in enumerate(columns):
        parts.append(_text(place * COLUMN, 16, name, TITLE, bold=True))
        for middle, box in zip(middles[place], boxes, strict=True):
            parts.append(_box(place * COLUMN + 1, middle - HEIGHT / 2, box))
    return Markup("").join([*parts, Markup("</svg>")])


def _input(name: str, modality: Mapping[str, Any]) -> Box:
    made = str(modality.get("encoder", "")).split(",")[0]
    return Box(name, [f"{number(modality['width'], 0)} numbers", made])


def _place(parts: list[str], modalities: Mapping[str, Any]) -> tuple[int, str]:
    """Column 0 encoders, 1 body, 2 heads, 3 decoders; and the key of the box."""
    named = next((part for part in parts if part in modalities), None)
    kinds = set(parts)
    if kinds & DECODING:
        return 3, named or "decoder"
    if parts[0] in PREDICTING:
        return 2, f"{parts[0]} of {named}" if named else parts[0]
    if kinds & ENCODING:
        return 0, named or parts[0]
    words = [part for part in parts[:-1] if not part.isdigit()] or parts
    return 1, ".".join(words[:2])


def _largest(boxes: list[Box]) -> list[Box]:
    if len(boxes) <= SHOWN:
        return boxes
    kept = sorted(boxes, key=lambda box: -box.numbers)[: SHOWN - 1]
    rest = [box for box in boxes if box not in kept]
    others = Box(f"{len(rest)} smaller parts", numbers=sum(box.numbers for box in rest))
    return [*(box for box in boxes if box in kept), others]


def _through(box: Box, width: int | None) -> list[str]:
    """``1,280 to 128`` where a matrix takes the modality's width."""
    for shape in box.shapes:
        if width in shape:
            other = shape[1 - shape.index(width)]
            return [f"{number(width, 0)} to {number(other, 0)}"]
    return []


def _shape(box: Box) -> str:
    if not box.shapes:
        return ""
    out, into = max(box.shapes, key=math.prod)
    count = f", {len(box.shapes)} matrices" if len(box.shapes) > 1 else ""
    return f"{number(into, 0)} to {number(out, 0)}{count}"


def _count(box: Box) -> str:
    return f"{number(box.numbers, 0)} saved numbers"


def _middles(boxes: list[Box], tallest: int) -> list[float]:
    offset = (tallest - len(boxes)) * (HEIGHT + GAP) / 2
    return [TOP + offset + k * (HEIGHT + GAP) + HEIGHT / 2 for k in range(len(boxes))]


def _joined(columns: list[tuple[str, list[Box]]], place: int, first: int, second: int) -> bool:
    """Inputs go to their own encoder, everything else to all of the next column."""
    (name, boxes), (_, following) = columns[place], columns[place + 1]
    own = {box.name for box in boxes} & {box.name for box in following}
    if name != TITLES[0] or not own:
        return True
    return boxes[first].name == following[second].name or boxes[first].name not in own


def _line(place: int, first: int, second: int, middles: list[list[float]]) -> Markup:
    start, end = place * COLUMN + 1 + WIDTH, (place + 1) * COLUMN + 1
    return Markup('<path d="M{} {} C{} {} {} {} {} {}" opacity=".45"/>').format(
        start, middles[place][first], start + 22, middles[place][first],
        end - 22, middles[place + 1][second], end, middles[place + 1][second],
    )  # fmt: skip


def _box(left: float, top: float, box: Box) -> Markup:
    frame = Markup(
        '<rect x="{}" y="{}" width="{}" height="{}" rx="5" fill="var(--tint)"'
        ' stroke="currentColor" stroke-opacity=".6"/>'
    ).format(left, top, WIDTH, HEIGHT)
    lines = [line for line in box.lines if line]
    parts = [frame, _text(left + 8, top + 15, box.name, TITLE, bold=True)]
    parts += [_text(left + 8, top + 27 + 12 * k, one, SMALL) for k, one in enumerate(lines[:2])]
    return Markup("").join(parts)


def _text(left: float, top: float, words: str, size: int, *, bold: bool = False) -> Markup:
    short = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}\u2026"
    weight = 600 if bold else 400
    return Markup(
        '<text x="{}" y="{}" font-size="{}" font-weight="{}" fill="currentColor">{}</text>'
    ).format(left, top, size, weight, short)
