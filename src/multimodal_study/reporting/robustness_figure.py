"""The deciding metric against the severity of what was done to the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from multimodal_study.metrics.registry import METRICS
from multimodal_study.reporting.figures import INK, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#7A7A7A", "#222222")
"""Okabe and Ito (2008), grey and ink; a marker says the same as a colour."""
MARKERS = "osD^vPX*"
SHOWN = ("noise", "missing completely at random")
"""What is drawn; what is lost by other mechanisms, and whole origins, stand in the table."""


def robustness_figure(curves: pd.DataFrame) -> Figure:
    """A panel per origin (rows) and perturbation (columns), a line with its interval per paradigm.

    Args:
        curves: As ``robustness`` made them; may be empty.
    """
    shown = curves[curves["perturbation"].isin(SHOWN)]
    kinds = list(dict.fromkeys(shown["perturbation"]))
    origins = list(dict.fromkeys(shown["origin"]))
    wide, tall = max(len(kinds), 1), max(len(origins), 1)
    figure = Figure(figsize=(1.2 + 3.2 * wide, 1.0 + 1.9 * tall), layout="constrained")
    axes = figure.subplots(tall, wide, squeeze=False, sharey=True)
    paradigms = list(dict.fromkeys(shown["paradigm"]))
    styles = {name: _style(place) for place, name in enumerate(paradigms)}
    for row, origin in zip(axes, origins, strict=False):
        for axis, kind in zip(row, kinds, strict=False):
            own = shown[(shown["perturbation"] == kind) & (shown["origin"] == origin)]
            if own.empty:
                axis.remove()
                continue
            _panel(axis, own, styles)
            axis.set_title(f"{origin}: {kind}", fontsize=8, color=INK)
            unit = "standard deviations of noise" if kind == "noise" else "share of rows without it"
            axis.set_xlabel(unit, fontsize=7, color=INK)
    if not shown.empty:
        label = METRICS[str(shown["metric"].iloc[0])].label
        figure.supylabel(label, fontsize=9, color=INK)
        lines = [Line2D([], [], label=name.replace("_", " "), **s) for name, s in styles.items()]
        figure.legend(handles=lines, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _style(place: int) -> dict[str, Any]:
    """A colour and a marker; where both are used up, dashes."""
    dashes = "-" if place < len(COLOURS) else (0, (3, 2))
    place %= len(COLOURS)
    return {"color": COLOURS[place], "marker": MARKERS[place], "ls": dashes, "ms": 3, "lw": 1.2}


def _panel(axis: Axes, own: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> None:
    for paradigm, style in styles.items():
        line: Any = own[own["paradigm"] == paradigm].sort_values("severity")
        if line.empty:
            continue
        axis.plot(line["severity"], line["value"], **style)
        band = line["severity"], line["low"], line["high"]
        axis.fill_between(*band, color=style["color"], alpha=0.1, lw=0)
    tidy(axis)
