"""The figure of robustness, free of Kedro."""

from __future__ import annotations

from typing import Any


def draw(robustness: Any) -> Any:
    """Curves of every paradigm as a matplotlib figure."""
    from multimodal_study.reporting.robustness_figure import robustness_figure

    return robustness_figure(robustness)
