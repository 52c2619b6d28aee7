"""Quality against cost."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from multimodal_study.metrics.registry import METRICS
from multimodal_study.reporting.figures import BLUE, GREY, INK, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PANELS = {
    "flops_per_example": "operations per predicted example",
    "fit_seconds": "seconds per fit",
    "parameters": "parameters that learn",
}


def quality_cost_figure(
    leaderboard: pd.DataFrame,
    costs: pd.DataFrame,
    decides: str,
    *,
    baselines: Collection[str] = (),
) -> Figure:
    """The deciding metric with its interval against operations, seconds and parameters.

    Args:
        leaderboard: Tidy; the first split in it is drawn.
        costs: As ``costs`` made them; what nobody measured is not drawn.
        decides: The deciding metric.
        baselines: Paradigms drawn as hollow squares.

    Raises:
        ValueError: The leaderboard is empty.
    """
    if leaderboard.empty:
        raise ValueError("leaderboard has no row to draw; was any cell evaluated?")
    shown = leaderboard[leaderboard["split"] == leaderboard["split"].iloc[0]]
    quality = shown[shown["metric"] == decides].set_index("paradigm")
    both = costs.set_index("paradigm").join(quality[["value", "low", "high"]], how="inner")
    figure = Figure(figsize=(3.4 * len(PANELS), 3.4), layout="constrained")
    axes = figure.subplots(1, len(PANELS), sharey=True)
    for axis, (column, label) in zip(axes, PANELS.items(), strict=True):
        known = both[both[column].notna() & (both[column] > 0) & both["value"].notna()]
        _panel(axis, known, column, baselines)
        axis.set_xlabel(label, fontsize=8, color=INK)
    direction = "higher" if METRICS[decides].higher_is_better else "lower"
    axes[0].set_ylabel(f"{METRICS[decides].label} ({direction} is better)", fontsize=8, color=INK)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, column: str, baselines: Collection[str]) -> None:
    for paradigm, row in rows.iterrows():
        simple = paradigm in baselines
        colour = GREY if simple else BLUE
        axis.vlines(row[column], row["low"], row["high"], color=colour, lw=1.4)
        face = "white" if simple else colour
        axis.plot(row[column], row["value"], "s" if simple else "o", color=colour, mfc=face, ms=5)
        axis.annotate(
            str(paradigm).replace("_", " "),
            (row[column], row["value"]),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )
    if len(rows):
        axis.set_xscale("log")
    axis.margins(x=0.2)
    tidy(axis)
