"""Contact sheets: pictures with maps over them, a row per example."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multimodal_study.reporting.figures import INK

Array = np.ndarray[Any, Any]
CELL = 1.45
"""Inches of a side of a picture."""
_WIDE = 1.5
"""Width of the words, in pictures."""


@dataclass(frozen=True)
class Panel:
    """One picture of a row."""

    title: str
    heat: Array | None = None
    """What is laid over it, ``[h, w]``, not negative; None: nothing."""
    outline: Array | None = None
    """Region whose edge is drawn, bool ``[h, w]``."""
    note: str = ""
    """Stands in the place of the picture; empty: the picture is shown."""


@dataclass(frozen=True)
class SheetRow:
    """One example."""

    picture: Array
    """Uint8 ``[size, size, 3]``."""
    words: str
    """Said beside it, from data too: shown as it is."""
    panels: Sequence[Panel]


def contact_sheet(rows: Sequence[SheetRow]) -> Figure:
    """A sheet of ``rows``, which have equally many panels; one line of words says if there is none.

    Heat is opaque where a map is high and clear where it is zero, each map by its own maximum.
    """
    if not rows:
        figure = Figure(figsize=(4.0, 0.6))
        figure.text(0.02, 0.4, "No example was asked about.", fontsize=9, color=INK)
        return figure
    wide = len(rows[0].panels)
    size = (CELL * (wide + _WIDE), (CELL + 0.12) * len(rows) + 0.2)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), wide + 1, squeeze=False, width_ratios=[*[1.0] * wide, _WIDE])
    for line, row in zip(axes, rows, strict=True):
        for axis, panel in zip(line, row.panels, strict=False):
            _draw(axis, row.picture, panel)
        _say(line[-1], row.words)
    return figure


def _draw(axis: Axes, picture: Array, panel: Panel) -> None:
    axis.set_axis_off()
    axis.set_title(panel.title, fontsize=7, color=INK, pad=2, parse_math=False)
    axis.set(xlim=(0, 1), ylim=(1, 0), aspect="equal")
    if panel.note:
        axis.text(0.5, 0.5, panel.note, fontsize=7, color=INK, ha="center", va="center")
        return
    extent = (0.0, 1.0, 1.0, 0.0)
    axis.imshow(picture, extent=extent, interpolation="nearest")
    if panel.heat is not None:
        top = float(panel.heat.max())
        share = panel.heat / top if top > 0 else panel.heat
        grey = picture.mean(axis=2, dtype=float)
        axis.imshow(grey, extent=extent, cmap="gray", vmin=0, vmax=255, alpha=0.75)
        axis.imshow(share, extent=extent, cmap="inferno", vmin=0, vmax=1, alpha=0.8 * share)
    if panel.outline is not None and panel.outline.any() and not panel.outline.all():
        steps = [(np.arange(n) + 0.5) / n for n in panel.outline.shape]
        shape = panel.outline.astype(float)
        for colour, width in (("white", 1.8), ("black", 0.7)):
            axis.contour(steps[1], steps[0], shape, [0.5], colors=colour, linewidths=width)


def _say(axis: Axes, words: str) -> None:
    axis.set_axis_off()
    lines = [textwrap.fill(line, 36) for line in words.splitlines()]
    axis.text(
        0.0, 0.5, "\n".join(lines), fontsize=6.5, color=INK, va="center", parse_math=False,
        transform=axis.transAxes,
    )  # fmt: skip
