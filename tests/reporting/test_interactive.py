"""Plots: whole, light, escaped."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from multimodal_study.reporting.html import DataRecord, Settings, dataset_report
from multimodal_study.reporting.interactive import assets, latent_plot, leaderboard_plot, plots_of
from reporting.entries import HOSTILE, row
from reporting.pages import Page
from reporting.test_html import one_cell


def board() -> pd.DataFrame:
    rows = [
        row(HOSTILE, 0.8),
        row("tfidf", 0.5),
        row(HOSTILE, 0.7, "auroc"),
        row("tfidf", 0.6, "auroc"),
    ]
    return pd.DataFrame([*rows, row("early", 0.2, "mrr_image_to_text")])


def points(labels: list[object]) -> pd.DataFrame:
    size = len(labels)
    one = {"example_id": [f"e{k}" for k in range(size)], "label": labels, "x": 0.12345, "y": 0.0}
    return pd.concat(
        [pd.DataFrame({"paradigm": "early", "projection": p, **one}) for p in ("PCA", "t-SNE")],
        ignore_index=True,
    )


def test_the_leaderboard_has_a_metric_at_a_time_with_its_intervals() -> None:
    figure = leaderboard_plot(board(), baselines=["tfidf"], chosen=HOSTILE)
    assert [trace.visible for trace in figure.data] == [True, False]
    assert figure.data[0].x == (0.8, 0.5)
    assert figure.data[0].error_x.array == pytest.approx((0.05, 0.05))
    assert figure.data[0].marker.symbol == ("diamond", "square-open")
    labels = [button.label for button in figure.layout.updatemenus[0].buttons]
    assert labels == ["Accuracy", "AUROC"]
    assert "<script>" not in figure.to_json()
    assert "0.800 [0.750, 0.850]" in figure.data[0].hovertext[0]
    with pytest.raises(ValueError, match="no row to draw"):
        leaderboard_plot(board().head(0))


def test_the_map_has_a_view_per_paradigm_and_projection() -> None:
    figure = latent_plot(points(["a", HOSTILE, "a"]))
    assert [trace.visible for trace in figure.data] == [True, True, False, False]
    assert len(figure.layout.updatemenus[0].buttons) == 2
    assert "<script>" not in figure.to_json()
    assert sum(len(trace.x) for trace in figure.data) == 6
    assert figure.data[0].x[0] == 0.123
    assert not latent_plot(points([])).data


@pytest.mark.parametrize(
    ("labels", "groups"),
    [([float(k) for k in range(40)], 4), ([f"c{k // 2}" for k in range(40)], 8), ([1, 2] * 5, 2)],
)
def test_many_labels_become_few_groups(labels: list[object], groups: int) -> None:
    figure = latent_plot(points(labels))
    assert len({trace.name for trace in figure.data}) == groups
    assert len({trace.marker.symbol for trace in figure.data}) == groups


def test_a_page_loads_scripts_only_for_plots_and_only_its_own() -> None:
    figures = {
        "leaderboard_plot": leaderboard_plot(board()),
        "latent_plot": latent_plot(points([])),
    }
    plots = plots_of(figures)
    assert [one.name for one in plots] == ["leaderboard_plot"]
    text = dataset_report("a", one_cell(), DataRecord(), [], Settings({}), plots=plots)
    scripts = Page(text).all("script")
    assert [one.get("src") for one in scripts] == [None, "assets/plotly.min.js", "assets/site.js"]
    assert scripts[0]["type"] == "application/json"
    start = text.index('id="data-leaderboard_plot">') + len('id="data-leaderboard_plot">')
    inside = text[start : text.index("</script>", start)]
    assert "<" not in inside
    assert json.loads(inside) == json.loads(plots[0].figure)
    without = dataset_report("a", one_cell(), DataRecord(), [], Settings({}))
    assert Page(without).all("script") == []
    assert "script-src 'none'" in without
    assert set(assets()) == {"plotly.min.js", "site.js"}
