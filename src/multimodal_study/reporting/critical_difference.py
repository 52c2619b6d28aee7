"""The critical-difference diagram (Demsar, 2006, figure 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from multimodal_study.metrics.friedman import groups_together
from multimodal_study.reporting.figures import BLUE, INK, VERMILION

if TYPE_CHECKING:
    import pandas as pd

_STEP = 0.32
"""Height of a line of text, in inches."""


def critical_difference_figure(ranks: pd.DataFrame) -> Figure:
    """Mean ranks on a line, the best on the left; a bar joins paradigms that do not differ.

    Args:
        ranks: As ``ranks`` made it, rising; where it is empty the figure says so.
    """
    if ranks.empty:
        figure = Figure(figsize=(5, 0.8))
        figure.text(0.5, 0.5, "Too few datasets and paradigms to rank.", ha="center", color=INK)
        return figure
    places = ranks["mean_rank"].tolist()
    critical = float(ranks["critical_difference"].iloc[0])
    bars = groups_together(places, critical)
    half = (len(places) + 1) // 2
    lines = half + len(bars) + 2
    figure = Figure(figsize=(8, 0.8 + _STEP * lines), layout="constrained")
    axis = figure.subplots()
    count = len(places)
    axis.set(xlim=(0.2, count + 0.8), ylim=(-(lines - 1), 2.2))
    axis.hlines(0, 1, count, color=INK, lw=1)
    for place in range(1, count + 1):
        axis.vlines(place, 0, 0.15, color=INK, lw=1)
        axis.text(place, 0.25, str(place), ha="center", va="bottom", fontsize=8, color=INK)
    axis.hlines(1.5, 1, 1 + critical, color=VERMILION, lw=2)
    said = f"critical difference {critical:.2f}"
    axis.text(1 + critical + 0.1, 1.5, said, va="center", fontsize=8, color=INK)
    for number, (first, last) in enumerate(bars):
        height = -0.45 - 0.5 * number
        axis.hlines(height, places[first] - 0.05, places[last] + 0.05, color=BLUE, lw=3.5)
    below = -0.45 - 0.5 * len(bars)
    for number, (name, rank) in enumerate(zip(ranks["paradigm"], places, strict=True)):
        left = number < half
        height = below - (number if left else count - 1 - number) * 0.9 - 0.4
        end = 0.9 if left else count + 0.1
        axis.plot([rank, rank, end], [0, height, height], color=INK, lw=0.8)
        text = f"{str(name).replace('_', ' ')} ({rank:.2f})"
        side, beside = ("right", -0.05) if left else ("left", 0.05)
        axis.text(end + beside, height, text, ha=side, va="center", fontsize=8)
    axis.set_axis_off()
    return figure
