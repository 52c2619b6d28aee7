"""The picture of the lambda study."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multimodal_study.reporting.figures import BLUE, GREY, INK, VERMILION, tidy

SHOWN = ("nll", "ece", "rmse", "mae")


def lambda_figure(
    table: pd.DataFrame, decides: str, recommended: dict[str, float], *, split: str = "test"
) -> Figure:
    """Task metric against ELBO (the Pareto front), then each other measure along lambda.

    Args:
        table: ``lambda``, ``beta``, ``seed``, ``split``, ``metric``, ``value``.
        decides: The deciding metric.
        recommended: ``lambda`` and ``beta`` of the diamond.
        split: The split that is drawn.

    Raises:
        ValueError: The split was not measured.
    """
    own = table[(table["split"] == split) & table["beta"].notna()]
    if own.empty:
        raise ValueError(f"nothing was measured on {split!r}, there is no picture to draw")
    means = own.pivot_table(index=["beta", "lambda"], columns="metric", values="value")
    names = [
        name
        for name in means.columns
        if name in SHOWN or name.startswith((f"{decides}_without", "probe_", "recall"))
    ]
    panels = [decides, "elbo", *(n for n in names if n != decides)]
    rows = math.ceil((1 + len(panels)) / 3)
    figure = Figure(figsize=(9.0, 2.4 * rows), layout="constrained")
    axes: list[Axes] = list(figure.subplots(rows, 3, squeeze=False).flat)
    _front(axes[0], means, decides, recommended)
    for axis, metric in zip(axes[1:], panels, strict=False):
        _along(axis, means, metric, recommended)
    for axis in axes[1 + len(panels) :]:
        axis.set_visible(False)
    return figure


def _front(axis: Axes, means: pd.DataFrame, decides: str, recommended: dict[str, float]) -> None:
    for beta, part in means.groupby(level="beta"):
        finite = part[[not math.isinf(float(lam)) for _, lam in part.index]]
        finite = finite.iloc[_order(finite)]
        axis.plot(finite["elbo"], finite[decides], color=GREY, lw=1)
        for (_, lam), row in finite.iterrows():
            axis.plot(row["elbo"], row[decides], "o", color=BLUE, ms=4)
            axis.annotate(
                f"{float(lam):g}",
                (row["elbo"], row[decides]),
                textcoords="offset points",
                xytext=(4, 3),
                fontsize=7,
                color=INK,
            )
            if float(lam) == recommended["lambda"] and float(beta) == recommended["beta"]:
                axis.plot(row["elbo"], row[decides], "D", color=VERMILION, ms=6)
    axis.set_xlabel("ELBO, nats per example", fontsize=8)
    axis.set_ylabel(decides.replace("_", " "), fontsize=8)
    tidy(axis)


def _along(axis: Axes, means: pd.DataFrame, metric: str, recommended: dict[str, float]) -> None:
    for beta, unordered in means.groupby(level="beta"):
        part = unordered.iloc[_order(unordered)]
        labels = [float(lam) for _, lam in part.index]
        places = range(len(labels))
        axis.plot(places, part[metric], "o-", color=BLUE, ms=3.5, lw=1)
        if float(beta) == recommended["beta"] and recommended["lambda"] in labels:
            place = labels.index(recommended["lambda"])
            axis.plot(place, part[metric].iloc[place], "D", color=VERMILION, ms=6)
        axis.set_xticks(list(places), [f"{lam:g}" for lam in labels], fontsize=7)
    axis.set_xlabel("lambda", fontsize=8)
    axis.set_title(metric.replace("_", " "), fontsize=8)
    tidy(axis)


def _order(part: pd.DataFrame) -> list[int]:
    lambdas = [float(lam) for _, lam in part.index]
    return sorted(range(len(lambdas)), key=lambdas.__getitem__)
