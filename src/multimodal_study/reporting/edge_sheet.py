"""Predicted ratings with the ratings that decide them, as bars."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.figure import Figure

from multimodal_study.reporting.figures import BLUE, INK, VERMILION

BARS = 8
"""Edges of an example."""
_COLUMNS = 2


@dataclass(frozen=True)
class Edge:
    """A rating of train."""

    label: str
    attribution: float
    """In the unit of the rating."""


@dataclass(frozen=True)
class ExplainedRating:
    """One example."""

    title: str
    edges: Sequence[Edge]
    """The strongest first."""


def edge_sheet(shown: Sequence[ExplainedRating]) -> Figure:
    """A panel per example; bars to the right raise the rating. Letters of data are shown as is."""
    if not shown:
        figure = Figure(figsize=(4.0, 0.6))
        figure.text(0.02, 0.4, "No example was asked about.", fontsize=9, color=INK)
        return figure
    lines = ceil(len(shown) / _COLUMNS)
    figure = Figure(figsize=(5.2 * _COLUMNS, 2.2 * lines), layout="constrained")
    axes = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for axis, one in zip(axes, shown, strict=False):
        values = [edge.attribution for edge in one.edges]
        colours = [BLUE if value >= 0 else VERMILION for value in values]
        axis.barh(range(len(values)), values, color=colours, height=0.7)
        axis.axvline(0.0, color=INK, lw=0.6)
        labels = [textwrap.shorten(edge.label, 44, placeholder=" ...") for edge in one.edges]
        axis.set_yticks(range(len(values)), labels, fontsize=7, color=INK, parse_math=False)
        axis.invert_yaxis()
        axis.tick_params(axis="x", labelsize=7)
        axis.set_title(one.title, fontsize=8, color=INK, loc="left", parse_math=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("part of the predicted rating", fontsize=8, color=INK)
    return figure
