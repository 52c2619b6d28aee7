"""Texts whose tokens are marked by what they did for an answer, as a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from multimodal_study.reporting.figures import INK

Array = np.ndarray[Any, Any]
COLUMNS = 104
"""Letters of a line."""
_LETTER, _LINE = 0.072, 0.19
"""Inches of a letter and of a line."""
_LARGEST = 0.98
"""Quantile of the sizes of a text at which a mark is at its strongest."""
_WITHIN = "##"
"""What a piece begins with that goes on with a word (WordPiece)."""


@dataclass(frozen=True)
class MarkedText:
    """One text."""

    title: str
    pieces: Sequence[str]
    """Its tokens ``[t]``, those at either end special."""
    towards: Array
    """For or against what is explained, ``[t]``: the colour of the letters' ground."""
    read: Array
    """Not negative, ``[t]``: the bar below the letters."""


def token_sheet(texts: Sequence[MarkedText]) -> Figure:
    """A block per text: blue speaks for the answer, red against it; bars show what is read.

    Marks go by the largest of the own text. Letters of data are shown as they are.
    """
    blocks = [(text, list(_placed(text.pieces))) for text in texts]
    lines = sum(2 + max((line for _, line, _ in places), default=0) + 1 for _, places in blocks)
    size = (COLUMNS * _LETTER + 0.2, max(lines, 2) * _LINE + 0.1)
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(-1.5, COLUMNS + 1.5), ylim=(max(lines, 2) + 0.3, -0.2))
    if not texts:
        axes.text(0, 1, "No example was asked about.", fontsize=9, color=INK)
    top = 0
    for text, places in blocks:
        axes.text(0, top + 0.7, text.title, fontsize=8, weight="bold", color=INK, parse_math=False)
        _mark(axes, text, places, top + 1)
        top += 3 + max((line for _, line, _ in places), default=0)
    return figure


def _placed(pieces: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Token, line and column of all but the special ones; words are not broken."""
    line = column = 0
    inner = range(1, len(pieces) - 1)
    for at in inner:
        piece = pieces[at]
        if not piece.startswith(_WITHIN):
            word = len(piece)
            for later in pieces[at + 1 : len(pieces) - 1]:
                if not later.startswith(_WITHIN):
                    break
                word += len(later) - len(_WITHIN)
            column += 1 if column else 0
            if column and column + word > COLUMNS:
                line, column = line + 1, 0
        yield at, line, column
        column += len(piece.removeprefix(_WITHIN))


def _mark(axes: Axes, text: MarkedText, places: Sequence[tuple[int, int, int]], top: float) -> None:
    colours = mpl.colormaps["RdBu"]
    used = [at for at, _, _ in places]
    tops = [
        float(np.quantile(np.abs(values[used]), _LARGEST)) if used else 1.0
        for values in (text.towards, text.read)
    ]
    for at, line, column in places:
        piece = text.pieces[at].removeprefix(_WITHIN)
        strength = float(np.clip(text.towards[at] / max(tops[0], 1e-12), -1, 1))
        # Pale ends of the scale keep the letters readable.
        ground = colours(0.5 + 0.32 * strength)
        axes.add_patch(Rectangle((column, top + line + 0.08), len(piece), 0.74, color=ground, lw=0))
        height = 0.16 * min(float(text.read[at] / max(tops[1], 1e-12)), 1.0)
        bar = Rectangle((column, top + line + 0.98 - height), len(piece), height, color=INK, lw=0)
        axes.add_patch(bar)
        axes.text(
            column + len(piece) / 2, top + line + 0.66, piece, fontsize=8, color="black",
            ha="center", family="monospace", parse_math=False,
        )  # fmt: skip
