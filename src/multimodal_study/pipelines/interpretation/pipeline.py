"""What is asked of the cells of one dataset."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.interpretation.nodes import latent_structure

PARAMETERS = ("params:interpretation", "params:evaluation")


def interpret(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """Interpret the cells ``paradigms`` of ``dataset``, which must save embeddings."""
    cells = {f"{name}_embeddings": f"{dataset}.{name}.embeddings" for name in paradigms}

    def structure(
        features: Any, interpretation: dict[str, Any], evaluation: dict[str, Any], **given: Any
    ) -> Any:
        embeddings = {name: given[f"{name}_embeddings"] for name in paradigms}
        return latent_structure(features, embeddings, interpretation, evaluation)

    read = {name: name for name in ("features", *cells)}
    read |= {name.removeprefix("params:"): name for name in PARAMETERS}
    return Pipeline(
        [Node(structure, read, "latent_structure", name="latent_structure")],
        namespace=dataset,
        inputs={"features": f"{dataset}.features", **cells},
        parameters=set(PARAMETERS),
        tags={dataset, "interpretation"},
    )
