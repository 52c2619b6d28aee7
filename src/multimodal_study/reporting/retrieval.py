"""The section on cross-modal retrieval, for datasets whose features have a pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from multimodal_study.metrics.registry import METRICS
from multimodal_study.metrics.retrieval import MEASURES, ONE_TO_ONE, directions, retrieval_metrics
from multimodal_study.reporting.figures import BLUE, GREY, INK, VERMILION, tidy

if TYPE_CHECKING:
    import pandas as pd

CHANCE = "chance"
SHARED = "shared"
SHORT = {
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "mrr": "MRR",
    "median_rank": "Median rank",
}
DIGITS = {"median_rank": 1}
DRAWN = ("recall_at_1", "recall_at_10")
HEADLINE = ("mrr", "recall_at_1", "recall_at_10")


def of_tasks(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``table`` about the task: all but those on retrieval."""
    return table if table.empty else table[table["metric"].isin(METRICS)]


def section(
    retrieval_by_paradigm: Mapping[str, Mapping[str, Any]],
    leaderboard: pd.DataFrame,
    contributions: pd.DataFrame,
) -> dict[str, Any] | None:
    """What the template needs; None where nothing was asked to retrieve.

    Returns:
        ``pair``, ``columns`` (direction, its measures), ``boards`` (per split: ``rows`` with
        ``paradigm``, ``space`` and ``cells``, and the sizes), ``unable`` (paradigm to reason),
        ``differences`` and ``definitions``.
    """
    if not retrieval_by_paradigm:
        return None
    able = {name: one for name, one in retrieval_by_paradigm.items() if one["rows"]}
    first, second = next(iter(retrieval_by_paradigm.values()))["pair"]
    metrics = retrieval_metrics((first, second))
    shown = leaderboard[leaderboard["metric"].isin(metrics)]
    boards = []
    for split, table in shown.groupby("split", sort=False):
        rows = [
            {
                "paradigm": paradigm,
                "space": "" if paradigm == CHANCE else space_of(able[str(paradigm)], str(split)),
                "cells": {str(row["metric"]): row for row in own.to_dict("records")},
            }
            for paradigm, own in table.groupby("paradigm", sort=False)
        ]
        sizes = next(iter(able.values()))
        numbers = {name: sizes[name][split] for name in ("queries", "left_out", "clusters")}
        boards.append({"split": split, "rows": rows, **numbers})
    wanted = [f"{measure}_{way}" for way in directions((first, second)) for measure in HEADLINE]
    empty = contributions.empty
    found = contributions if empty else contributions[contributions["metric"].isin(wanted)]
    return {
        "columns": [
            {
                "title": f"{query} to {gallery}",
                "measures": [
                    {
                        "label": SHORT[measure],
                        "name": f"{measure}_{query}_to_{gallery}",
                        "one_to_one": f"{measure}_{query}_to_{gallery}{ONE_TO_ONE}",
                        "digits": DIGITS.get(measure, 3),
                    }
                    for measure in MEASURES
                ],
            }
            for query, gallery in ((first, second), (second, first))
        ],
        "boards": boards,
        "unable": {
            name: one["space"] for name, one in retrieval_by_paradigm.items() if not one["rows"]
        },
        "differences": found.to_dict("records"),
        "definitions": list(metrics.values()),
        "labels": {name: metric.label for name, metric in metrics.items()},
    }


def space_of(retrieval: Mapping[str, Any], split: str) -> str:
    """How a paradigm's two origins were compared, in words."""
    said = [str(retrieval["space"])]
    for choice in retrieval["choices"].values():
        towards = f" towards {choice['towards']}" if "towards" in choice else ""
        text = f"{choice['map']}{towards}, {choice['regularisation']:g}"
        said += [text] if text not in said else []
    if split in retrieval["reranked"]:
        said.append(f"the best {retrieval['reranked'][split]} reranked by matching scores")
    return "; ".join(said)


def retrieval_figure(
    leaderboard: pd.DataFrame,
    retrieval_by_paradigm: Mapping[str, Mapping[str, Any]],
    *,
    confidence: float = 0.95,
) -> Figure:
    """Recall of both directions with intervals, one panel per direction and depth.

    A circle is a shared space, a hollow square a linear map; the dashed line is chance.

    Raises:
        ValueError: If nothing retrieves.
    """
    able = {name: one for name, one in retrieval_by_paradigm.items() if one["rows"]}
    if not able:
        raise ValueError("no paradigm retrieves, there is nothing to draw")
    pair = next(iter(able.values()))["pair"]
    metrics = retrieval_metrics((pair[0], pair[1]))
    shown = leaderboard[leaderboard["metric"].isin(metrics)]
    shown = shown[shown["split"] == shown["split"].iloc[0]]
    names = [name for name in dict.fromkeys(shown["paradigm"]) if name != CHANCE]
    drawn = [f"{depth}_{way}" for way in directions((pair[0], pair[1])) for depth in DRAWN]
    figure = Figure(figsize=(1.3 + 2.1 * len(drawn), 1.25 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
    for axis, metric in zip(axes, drawn, strict=True):
        rows = shown[shown["metric"] == metric].set_index("paradigm")
        for place, name in enumerate(names):
            shared = able[name]["space"] == SHARED
            colour = BLUE if shared else GREY
            value, low, high = (float(rows.loc[name, key]) for key in ("value", "low", "high"))
            axis.hlines(place, low, high, color=colour, lw=1.8)
            face = colour if shared else "white"
            marker = "o" if shared else "s"
            axis.plot(value, place, marker, color=colour, mfc=face, mew=1.4, ms=5.5)
        axis.axvline(rows.loc[CHANCE, "value"], color=VERMILION, lw=1.0, ls=(0, (4, 3)))
        axis.set_title(metrics[metric].label, fontsize=9, color=INK)
        axis.set_xlim(left=0.0)
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.grid(axis="x", color="#E3E3E3", lw=0.6)
        tidy(axis)
    axes[0].set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes[0].invert_yaxis()
    figure.legend(
        handles=_legend(confidence), loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    return figure


def _legend(confidence: float) -> list[Line2D]:
    interval = f"{confidence:.0%} interval"
    return [
        Line2D([], [], marker="o", color=BLUE, ms=5.5, label=f"shared space, {interval}"),
        Line2D([], [], marker="s", color=GREY, mfc="white", mew=1.4, ms=5.5, label="mapped"),
        Line2D([], [], color=VERMILION, lw=1.0, ls=(0, (4, 3)), label="chance"),
    ]
