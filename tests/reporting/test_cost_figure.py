from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multimodal_study.reporting.cost_figure import PANELS, quality_cost_figure


def tables():
    board = pd.DataFrame(
        {
            "paradigm": ["early", "tfidf"] * 2,
            "metric": ["accuracy"] * 2 + ["nll"] * 2,
            "value": [0.8, 0.6, 0.5, 0.9],
            "low": 0.5,
            "high": 0.9,
            "split": "test",
        }
    )
    costs = pd.DataFrame(
        {
            "paradigm": ["early", "tfidf", "unranked"],
            "flops_per_example": [1e6, np.nan, 1e3],
            "fit_seconds": [2.0, 0.1, 1.0],
            "parameters": [1000, 50, 10],
        }
    )
    return board, costs


def test_what_was_measured_is_drawn_and_nothing_else():
    figure = quality_cost_figure(*tables(), "accuracy", baselines=["tfidf"])
    named = [sorted(t.get_text() for t in axis.texts) for axis in figure.axes]
    assert named == [["early"], ["early", "tfidf"], ["early", "tfidf"]]
    assert len(figure.axes) == len(PANELS)
    drawn = figure.axes[1].lines
    assert [float(line.get_ydata()[0]) for line in drawn] == [0.8, 0.6]
    assert drawn[0].get_marker() == "o" and drawn[1].get_marker() == "s"


def test_an_empty_leaderboard_is_refused():
    board, costs = tables()
    with pytest.raises(ValueError, match="no row to draw"):
        quality_cost_figure(board.iloc[:0], costs, "accuracy")
