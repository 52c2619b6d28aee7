"""Figures for print: vector-friendly, legible in grey, safe for colour-blind readers.

Made without pyplot, so that no state is shared between threads. Colours: Okabe and Ito (2008); a
shape always says the same as a colour.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from multimodal_study.metrics.classification import BINS, confidence_bins
from multimodal_study.metrics.registry import METRICS
from multimodal_study.metrics.statistics import Array

BLUE, VERMILION, GREY, INK = "#0072B2", "#D55E00", "#7A7A7A", "#222222"
PRINCIPAL = ("accuracy", "macro_f1", "auroc", "quadratic_kappa", "mae", "rmse", "nll", "ece")
PANELS = 4
COLUMNS = 4


def leaderboard_figure(
    leaderboard: pd.DataFrame,
    decides: str,
    *,
    baselines: Collection[str] = (),
    strongest: str | None = None,
    chosen: str | None = None,
    confidence: float = 0.95,
) -> Figure:
    """Dot and interval per paradigm, one panel per principal metric, best paradigm on top.

    Args:
        leaderboard: Tidy, as ``leaderboard`` made it; the first split in it is drawn.
        decides: Metric of the first panel and of the order.
        baselines: Paradigms drawn as hollow squares.
        strongest: Baseline whose value is the dashed line.
        chosen: Paradigm drawn in the second colour: the best on validation.
        confidence: Of the intervals, for the legend.

    Raises:
        ValueError: If the leaderboard is empty.
    """
    if leaderboard.empty:
        raise ValueError("leaderboard has no row to draw; was any cell evaluated?")
    split = leaderboard["split"].iloc[0]
    shown = leaderboard[leaderboard["split"] == split]
    present = set(shown["metric"])
    metrics = [decides, *(name for name in PRINCIPAL if name in present and name != decides)]
    metrics = metrics[:PANELS]
    paradigms = list(dict.fromkeys(shown["paradigm"]))
    figure = Figure(
        figsize=(1.3 + 2.1 * len(metrics), 1.25 + 0.3 * len(paradigms)), layout="constrained"
    )
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axis, metric in zip(axes, metrics, strict=True):
        rows = shown[shown["metric"] == metric].set_index("paradigm").reindex(paradigms)
        _dots(axis, rows, baselines, chosen)
        if strongest in paradigms:
            axis.axvline(rows.loc[strongest, "value"], color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
        direction = "higher" if METRICS[metric].higher_is_better else "lower"
        axis.set_title(METRICS[metric].label, fontsize=10, color=INK)
        axis.set_xlabel(f"{direction} is better", fontsize=8, color=INK)
    axes[0].set_yticks(range(len(paradigms)), [name.replace("_", " ") for name in paradigms])
    axes[0].invert_yaxis()
    handles = _legend(bool(set(baselines) & set(paradigms)), strongest, chosen, confidence)
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8
    )
    return figure


def _dots(axis: Axes, rows: pd.DataFrame, baselines: Collection[str], chosen: str | None) -> None:
    for place, (paradigm, row) in enumerate(rows.iterrows()):
        simple = paradigm in baselines
        colour = VERMILION if paradigm == chosen else GREY if simple else BLUE
        axis.hlines(place, row["low"], row["high"], color=colour, lw=1.8, zorder=2)
        marker = "s" if simple else "D" if paradigm == chosen else "o"
        face = "white" if simple else colour
        axis.plot(row["value"], place, marker, color=colour, mfc=face, mew=1.4, ms=5.5, zorder=3)
    tidy(axis)
    axis.xaxis.set_major_locator(MaxNLocator(4, prune="both"))
    axis.grid(axis="x", color="#E3E3E3", lw=0.6)
    axis.tick_params(axis="y", length=0, labelsize=9)


def _legend(
    baselines: bool, strongest: str | None, chosen: str | None, confidence: float
) -> list[Line2D]:
    def entry(marker: str, colour: str, face: str, label: str) -> Line2D:
        return Line2D([], [], marker=marker, color=colour, mfc=face, mew=1.4, ms=5.5, label=label)

    interval = f"{confidence:.0%} interval"
    handles = [entry("o", BLUE, BLUE, f"paradigm, mean over seeds, {interval}")]
    if chosen is not None:
        simple = "s" if chosen == strongest else "D"
        handles.append(entry(simple, VERMILION, VERMILION, "best on validation"))
    if baselines:
        handles.append(entry("s", GREY, "white", "simple baseline"))
    if strongest is not None:
        label = f"strongest baseline ({strongest.replace('_', ' ')})"
        handles.append(Line2D([], [], color=INK, lw=0.8, ls=(0, (4, 3)), label=label))
    return handles


def calibration_figure(
    predictions_by_paradigm: Mapping[str, pd.DataFrame],
    *,
    split: str = "test",
    bins: int = BINS,
    scaled: Mapping[str, pd.DataFrame] | None = None,
) -> Figure:
    """Reliability diagram per paradigm: hit rate against mean probability of the predicted class.

    The bins are those of the calibration error; the area of a dot is its share of the examples.
    Seeds are pooled.

    Args:
        predictions_by_paradigm: As they are: filled dots.
        split: Which rows.
        bins: Of equal width.
        scaled: The same after temperature scaling: rings; None: not drawn.

    Raises:
        ValueError: If there is no paradigm, or predictions without probabilities.
    """
    figure, axes = _grid(list(predictions_by_paradigm), height=2.05)
    for (paradigm, table), axis in zip(predictions_by_paradigm.items(), axes, strict=True):
        columns = [name for name in table.columns if str(name).startswith("p_")]
        if not columns:
            raise ValueError(f"{paradigm} has no probabilities, a reliability diagram needs them")
        axis.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=(0, (4, 3)))
        mean, rate, share = _reliability(table, split, columns, bins)
        axis.vlines(
            mean, np.minimum(mean, rate), np.maximum(mean, rate), color=BLUE, lw=1, alpha=0.5
        )
        axis.scatter(mean, rate, s=6 + 160 * share, color=BLUE, alpha=0.85, lw=0)
        if scaled is not None:
            mean, rate, share = _reliability(scaled[paradigm], split, columns, bins)
            ring = {"facecolors": "none", "edgecolors": VERMILION, "lw": 0.9, "zorder": 3}
            axis.scatter(mean, rate, s=6 + 160 * share, **ring)
        start = math.floor(10 / len(columns)) / 10
        axis.set(xlim=(start, 1.02), ylim=(0, 1.02))
        tidy(axis)
    figure.supxlabel("mean probability of the predicted class", fontsize=9, color=INK)
    figure.supylabel("share of hits", fontsize=9, color=INK)
    return figure


def _reliability(
    table: pd.DataFrame, split: str, columns: list[str], bins: int
) -> tuple[Array, Array, Array]:
    """Mean confidence, hit rate and share of the examples of every bin that has some."""
    rows = table[table["split"] == split]
    probabilities = rows[columns].to_numpy(dtype=np.float64)
    target = rows["target"].to_numpy(dtype=np.int64)
    confidence, hit, column = confidence_bins(target, probabilities, bins)
    count = np.bincount(column, minlength=bins)
    full = count > 0
    sums = [np.bincount(column, values, minlength=bins)[full] for values in (confidence, hit)]
    mean, rate = (total / count[full] for total in sums)
    return mean, rate, count[full] / count.sum()


def regression_figure(
    predictions_by_paradigm: Mapping[str, pd.DataFrame], *, split: str = "test", bins: int = BINS
) -> Figure:
    """Mean target against mean prediction per paradigm, in bins of equally many examples.

    What lies on the dashed line is predicted without bias at that height. Seeds are pooled.

    Raises:
        ValueError: If there is no paradigm.
    """
    figure, axes = _grid(list(predictions_by_paradigm), height=2.05)
    for table, axis in zip(predictions_by_paradigm.values(), axes, strict=True):
        rows = table[table["split"] == split].sort_values("prediction", kind="stable")
        column = np.arange(len(rows)) * bins // max(len(rows), 1)
        count = np.bincount(column, minlength=bins)
        full = count > 0
        predicted, target = (
            np.bincount(column, rows[name].to_numpy(dtype=np.float64), minlength=bins)[full]
            / count[full]
            for name in ("prediction", "target")
        )
        ends = [min(predicted.min(), target.min()), max(predicted.max(), target.max())]
        axis.plot(ends, ends, color=INK, lw=0.8, ls=(0, (4, 3)))
        axis.scatter(predicted, target, s=14, color=BLUE, alpha=0.85, lw=0)
        tidy(axis)
    figure.supxlabel("mean prediction", fontsize=9, color=INK)
    figure.supylabel("mean target", fontsize=9, color=INK)
    return figure


def history_figure(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Training and validation loss by epoch, one panel per paradigm, one line per seed.

    Raises:
        ValueError: If no paradigm has a history.
    """
    trained = {name: table for name, table in histories.items() if "train_loss" in table.columns}
    figure, axes = _grid(list(trained), height=1.9)
    for table, axis in zip(trained.values(), axes, strict=True):
        for _, run in table.groupby("seed"):
            # A single epoch makes no line.
            dot = "." if len(run) == 1 else None
            train = run["train_loss"]
            axis.plot(run["epoch"], train, color=GREY, lw=1, ls=(0, (4, 2)), marker=dot)
            if "validation_loss" in run and run["validation_loss"].notna().any():
                losses = run["validation_loss"]
                axis.plot(run["epoch"], losses, color=BLUE, lw=1.2)
                best = int(losses.to_numpy().argmin())
                axis.plot(run["epoch"].iloc[best], losses.iloc[best], "D", color=VERMILION, ms=4)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if table["epoch"].max() == 0:
            axis.set_xticks([0])
        tidy(axis)
    figure.supxlabel("epoch", fontsize=9, color=INK)
    figure.supylabel("loss", fontsize=9, color=INK)
    handles = [
        Line2D([], [], color=GREY, lw=1, ls=(0, (4, 2)), label="training"),
        Line2D([], [], color=BLUE, lw=1.2, label="validation"),
        Line2D([], [], color=VERMILION, marker="D", ms=4, lw=0, label="kept epoch"),
    ]
    columns = 3 if len(trained) > 1 else 1
    figure.legend(
        handles=handles, loc="outside upper center", ncols=columns, frameon=False, fontsize=8
    )
    return figure


def _grid(names: list[str], height: float) -> tuple[Figure, list[Any]]:
    """A figure with one titled panel per name."""
    if not names:
        raise ValueError("no paradigm has anything to draw; was any cell run?")
    wide = min(COLUMNS, len(names))
    tall = math.ceil(len(names) / wide)
    figure = Figure(figsize=(0.5 + 2.1 * wide, 0.6 + height * tall), layout="constrained")
    axes = figure.subplots(tall, wide, squeeze=False).ravel()
    for axis in axes[len(names) :]:
        axis.remove()
    for axis, name in zip(axes, names, strict=False):
        axis.set_title(name.replace("_", " "), fontsize=10, color=INK)
    return figure, list(axes[: len(names)])


def tidy(axis: Axes) -> None:
    """Two spines, small ticks."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color("#9A9A9A")
    axis.tick_params(labelsize=8, color="#9A9A9A", labelcolor=INK)
