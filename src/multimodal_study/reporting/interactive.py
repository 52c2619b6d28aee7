"""Plots that answer to a pointer: Plotly figures, light, with every text escaped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from multimodal_study.metrics.registry import METRICS
from multimodal_study.reporting.figures import BLUE, GREY, INK, VERMILION
from multimodal_study.reporting.render import number
from multimodal_study.reporting.retrieval import of_tasks
from multimodal_study.reporting.shown import Plot

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure

COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A", "#222222",
)  # fmt: skip
SYMBOLS = ("circle", "diamond", "square", "cross", "triangle-up", "x", "star", "triangle-down")
GROUPS = len(COLOURS)
"""Labels with a colour and a symbol of their own; more are put together by quantile or as rest."""
DECIMALS = 3
LAYOUT: dict[str, Any] = {
    "template": "none",
    "autosize": True,
    "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
    "margin": {"l": 10, "r": 10, "t": 60, "b": 40},
    "hoverlabel": {"align": "left"},
    "paper_bgcolor": "#ffffff",
    "plot_bgcolor": "#ffffff",
}


def leaderboard_plot(
    leaderboard: pd.DataFrame, *, baselines: Collection[str] = (), chosen: str | None = None
) -> Figure:
    """Value and interval of every paradigm, a metric at a time, chosen from a list.

    Args:
        leaderboard: Tidy; the first split in it is drawn, in its order.
        baselines: Drawn as hollow squares.
        chosen: Drawn as a diamond in the second colour: the best on validation.

    Raises:
        ValueError: If the leaderboard is empty.
    """
    import plotly.graph_objects as go

    shown = of_tasks(leaderboard)
    if shown.empty:
        raise ValueError("leaderboard has no row to draw; was any cell evaluated?")
    shown = shown[shown["split"] == shown["split"].iloc[0]]
    metrics = list(dict.fromkeys(shown["metric"]))
    figure = go.Figure()
    for place, metric in enumerate(metrics):
        rows = shown[(shown["metric"] == metric) & shown["value"].notna()]
        figure.add_trace(_dots(rows, metric, set(baselines), chosen, visible=place == 0))
    buttons = [
        {
            "label": METRICS[metric].label,
            "method": "update",
            "args": [
                {"visible": [other == metric for other in metrics]},
                {"xaxis.title.text": _axis(metric)},
            ],
        }
        for metric in metrics
    ]
    figure.update_layout(
        **LAYOUT,
        height=120 + 30 * shown["paradigm"].nunique(),
        showlegend=False,
        updatemenus=[_menu(buttons)],
        xaxis={"title": {"text": _axis(metrics[0])}, "automargin": True, "gridcolor": "#E3E3E3"},
        yaxis={"autorange": "reversed", "automargin": True, "fixedrange": True},
    )
    return figure


def _axis(metric: str) -> str:
    direction = "higher" if METRICS[metric].higher_is_better else "lower"
    return f"{METRICS[metric].label} ({direction} is better)"


def _dots(
    rows: pd.DataFrame, metric: str, baselines: set[str], chosen: str | None, *, visible: bool
) -> Any:
    import plotly.graph_objects as go

    names = [str(name) for name in rows["paradigm"]]
    colours = [VERMILION if n == chosen else GREY if n in baselines else BLUE for n in names]
    words = [
        f"<b>{escape(str(row['paradigm']))}</b><br>{escape(METRICS[metric].label)}"
        f" {number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
        f"<br>seeds {row['seeds']}"
        for row in rows.to_dict("records")
    ]
    value = rows["value"]
    return go.Scatter(
        x=value.round(DECIMALS + 1).tolist(),
        y=[escape(name) for name in names],
        mode="markers",
        visible=visible,
        marker={
            "size": 10,
            "color": colours,
            "symbol": [
                "diamond" if n == chosen else "square-open" if n in baselines else "circle"
                for n in names
            ],
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": (rows["high"] - value).round(DECIMALS + 1).tolist(),
            "arrayminus": (value - rows["low"]).round(DECIMALS + 1).tolist(),
            "color": "#9A9A9A",
            "thickness": 1.4,
            "width": 0,
        },
        hovertext=words,
        hoverinfo="text",
    )


def latent_plot(points: pd.DataFrame) -> Figure:
    """Joint representations in two dimensions, a paradigm and a projection at a time.

    Args:
        points: ``paradigm``, ``projection``, ``example_id``, ``label``, ``x``, ``y``.

    Returns:
        A figure without traces where there is no point.
    """
    import plotly.graph_objects as go

    if points.empty:
        return go.Figure()
    points = points.assign(group=_groups(points["label"]))
    groups = sorted(points["group"].unique())
    views = list(dict.fromkeys(zip(points["paradigm"], points["projection"], strict=True)))
    figure = go.Figure()
    for place, view in enumerate(views):
        own = points[(points["paradigm"] == view[0]) & (points["projection"] == view[1])]
        for index, group in enumerate(groups):
            figure.add_trace(_cloud(own[own["group"] == group], str(group), index, place == 0))
    buttons = [
        {
            "label": escape(f"{view[0]}, {view[1]}"),
            "method": "restyle",
            "args": ["visible", [other == view for other in views for _ in groups]],
        }
        for view in views
    ]
    bare = {"showticklabels": False, "zeroline": False, "showgrid": False, "title": {"text": ""}}
    figure.update_layout(
        **LAYOUT,
        height=520,
        updatemenus=[_menu(buttons)],
        xaxis=bare,
        yaxis=bare,
        legend={"orientation": "h", "y": -0.02, "itemsizing": "constant"},
    )
    return figure


def _cloud(rows: pd.DataFrame, group: str, index: int, visible: bool) -> Any:
    import plotly.graph_objects as go

    words = [
        f"{escape(str(row['label']))}<br>{escape(str(row['example_id']))}"
        for row in rows.to_dict("records")
    ]
    marker = {"size": 7, "opacity": 0.8, "color": COLOURS[index], "symbol": SYMBOLS[index]}
    return go.Scatter(
        x=rows["x"].round(DECIMALS).tolist(),
        y=rows["y"].round(DECIMALS).tolist(),
        mode="markers",
        name=escape(group),
        visible=visible,
        marker=marker,
        hovertext=words,
        hoverinfo="text",
    )


def _groups(labels: pd.Series[Any]) -> pd.Series[Any]:
    """At most :data:`GROUPS` names: labels themselves, quarters of numbers, or a rest."""
    import pandas as pd

    if labels.nunique() <= GROUPS:
        return labels.astype(str)
    if pd.api.types.is_numeric_dtype(labels):
        names = ["lowest quarter", "second quarter", "third quarter", "highest quarter"]
        ranks = labels.rank(method="first")
        return pd.qcut(ranks, 4, labels=names).astype(str)
    kept = labels.value_counts().index[: GROUPS - 1]
    return labels.where(labels.isin(kept), "others").astype(str)


def _menu(buttons: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "buttons": buttons,
        "direction": "down",
        "x": 0,
        "xanchor": "left",
        "y": 1.02,
        "yanchor": "bottom",
        "bgcolor": "#ffffff",
    }


def plots_of(figures: Mapping[str, Any]) -> list[Plot]:
    """The plots of a dataset's page with their words; None stands for one that was not made."""
    words = {
        "leaderboard_plot": (
            "Every metric, with intervals",
            "Choose a metric; point at a dot for its numbers. The diamond is the best on"
            " validation, hollow squares are simple baselines.",
            "Interactive leaderboard: a dot with its interval for every paradigm. The table of the"
            " leaderboard has the same numbers.",
        ),
        "latent_plot": (
            "Joint representations of test examples",
            "Choose a paradigm and a projection: PCA, or t-SNE, whose distances between groups"
            " mean nothing. One seed; colour and shape are the class. How far classes lie apart is"
            " measured in the table of neighbours' purity.",
            "Interactive map of test examples in the joint representation of each paradigm,"
            " coloured by class. The table of neighbours' purity says how far classes lie apart.",
        ),
    }
    return [
        Plot(name, figures[name].to_json(), *words[name])
        for name in words
        if figures.get(name) is not None and len(figures[name].data)
    ]


def assets() -> dict[str, str]:
    """Scripts that pages with plots load, by file name: Plotly's own, and what starts it."""
    from importlib.resources import files

    from plotly.offline import get_plotlyjs

    start = files("multimodal_study.reporting").joinpath("facts", "site.js")
    return {"plotly.min.js": get_plotlyjs(), "site.js": start.read_text(encoding="utf-8")}
