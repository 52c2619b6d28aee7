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
    means = own.assign(place=own["lambda"].astype(float)).pivot_table(
        index=["beta", "place"], columns="metric", values="value"
    )
    means = means.reset_index().sort_values(["beta", "place"])
    names = [
        name
        for name in means.columns
        if name in SHOWN or str(name).startswith((f"{decides}_without", "probe_", "recall"))
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
    for _, part in means.groupby("beta"):
        finite = part[part["place"] < math.inf]
        axis.plot(finite["elbo"], finite[decides], "o-", color=GREY, mfc=BLUE, mec=BLUE, ms=4, lw=1)
        for lam, x, y in zip(finite["place"], finite["elbo"], finite[decides], strict=True):
            axis.annotate(
                f"{lam:g}",
                (x, y),
                xytext=(4, 3),
                textcoords="offset points",
                fontsize=7,
                color=INK,
            )
    chosen = _chosen(means, recommended)
    axis.plot(chosen["elbo"], chosen[decides], "D", color=VERMILION, ms=6)
    axis.set_xlabel("ELBO, nats per example", fontsize=8)
    axis.set_ylabel(decides.replace("_", " "), fontsize=8)
    tidy(axis)


def _along(axis: Axes, means: pd.DataFrame, metric: str, recommended: dict[str, float]) -> None:
    lambdas = sorted(set(means["place"]))
    for _, part in means.groupby("beta"):
        places = [lambdas.index(lam) for lam in part["place"]]
        axis.plot(places, part[metric], "o-", color=BLUE, ms=3.5, lw=1)
    chosen = _chosen(means, recommended)
    axis.plot([lambdas.index(lam) for lam in chosen["place"]], chosen[metric], "D", color=VERMILION)
    axis.set_xticks(range(len(lambdas)), [f"{lam:g}" for lam in lambdas], fontsize=7)
    axis.set_xlabel("lambda", fontsize=8)
    axis.set_title(metric.replace("_", " "), fontsize=8)
    tidy(axis)


def _chosen(means: pd.DataFrame, recommended: dict[str, float]) -> pd.DataFrame:
    return means[(means["place"] == recommended["lambda"]) & (means["beta"] == recommended["beta"])]
