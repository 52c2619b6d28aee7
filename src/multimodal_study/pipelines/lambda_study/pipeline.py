"""``<dataset>_lambda``: the data, and hybrids from no task to nothing but the task."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.lambda_study import nodes
from multimodal_study.pipelines.paradigms.generative import merged


def create_pipeline(dataset: str) -> Pipeline:
    """The grid on one dataset, a recommendation and a picture."""

    def study(  # noqa: PLR0917
        features: Any,
        mvae: dict[str, Any],
        hybrid: dict[str, Any],
        overrides: dict[str, Any],
        trainer: dict[str, Any],
        grid: dict[str, Any],
        evaluation: dict[str, Any],
        seed: int,
    ) -> Any:
        parameters = merged(["mvae", "hybrid"], [mvae, hybrid], overrides)
        return nodes.study(features, parameters, trainer, grid, evaluation, seed)

    def recommend(
        features: Any,
        table: Any,
        comparisons: Any,
        grid: dict[str, Any],
        run_record: dict[str, Any],
    ) -> Any:
        found = nodes.recommend(table, comparisons, grid, features.task.decides)
        # The page says how to make it again.
        return found | {"run": {key: run_record.get(key) for key in ("environment", "parameters")}}

    template = Pipeline(
        [
            Node(
                study,
                [
                    "features",
                    "params:mvae",
                    "params:hybrid",
                    "params:overrides",
                    "params:trainer",
                    "params:lambda_study",
                    "params:evaluation",
                    "params:seed",
                ],
                ["lambda_table", "lambda_comparisons"],
                name="lambda_study",
            ),
            Node(
                recommend,
                [
                    *["features", "lambda_table", "lambda_comparisons"],
                    *["params:lambda_study", "run_record"],
                ],
                "lambda_summary",
                name="lambda_recommend",
            ),
            Node(
                nodes.draw,
                ["lambda_table", "lambda_summary", "params:evaluation"],
                "lambda_figure",
                name="lambda_figure",
            ),
        ]
    )
    shared = {name: name for name in template.inputs() if name.startswith("params:")}
    return Pipeline(
        template,
        namespace=dataset,
        inputs={"features": f"{dataset}.features", "run_record": "run_record"},
        parameters={**shared, "params:overrides": f"params:{dataset}.overrides"},
        tags={dataset, "lambda"},
    )
