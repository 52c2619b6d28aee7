"""Figures beside the leaderboard, free of Kedro."""

from __future__ import annotations

from typing import Any


def draw_quality_cost(leaderboard: Any, costs: Any, evaluation: dict[str, Any]) -> Any:
    """The deciding metric against what it costs, as a matplotlib figure."""
    from multimodal_study.reporting.cost_figure import quality_cost_figure

    # The leaderboard has the deciding metric first.
    decides = str(leaderboard["metric"].iloc[0])
    baselines = evaluation.get("baselines", [])
    return quality_cost_figure(leaderboard, costs, decides, baselines=baselines)
