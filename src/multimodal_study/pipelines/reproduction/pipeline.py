"""``kedro run --env reproduce --pipelines=reproduce_mvae``: Wu & Goodman 2018, Table 2."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.reproduction import nodes


def create_pipeline() -> Pipeline:
    """Fit on Fashion-MNIST's pictures and labels, and measure likelihoods on its test rows."""
    template = Pipeline(
        [
            Node(
                nodes.fit,
                ["params:mvae", "params:trainer", "params:reproduction", "params:seed"],
                ["weights", "config", "history", "fit_cost"],
                name="fit",
            ),
            Node(
                nodes.measure,
                ["weights", "config", "params:reproduction", "fit_cost"],
                "metrics",
                name="measure",
            ),
        ]
    )
    return Pipeline(
        template,
        namespace="reproduction.mvae",
        parameters={"params:mvae", "params:trainer", "params:reproduction", "params:seed"},
        tags={"reproduction"},
    )
