"""What single latents do: a sheet of traversals, and how they part known factors."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.latents import factors
from multimodal_study.pipelines.latents.traversals import traversals
from multimodal_study.pipelines.paradigms.generative import merged

READ = ("features", "table", "items", "source_files", "rendered")
ASKED = ("mvae", "interpretation.traversals", "trainer", "evaluation", "seed")
SCORED = ("interpretation.disentanglement", "evaluation")


def create_pipeline(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """Look at the latents of ``dataset``, whose items have pictures.

    Args:
        dataset: Its namespace.
        paradigms: Cells with a z, whose embeddings are scored.
    """
    parameters = {f"params:{name}" for name in (*ASKED, *SCORED)}
    cells = {f"{name}_embeddings": f"{dataset}.{name}.embeddings" for name in paradigms}
    return Pipeline(
        [_look(), _score(paradigms)],
        namespace=dataset,
        inputs={**{name: f"{dataset}.{name}" for name in READ}, **cells},
        parameters=parameters,
        tags={dataset, "interpretation"},
    )


def _look() -> Node:

    def look(  # noqa: PLR0917
        features: Any,
        table: Any,
        items: Any,
        source_files: dict[str, Any],
        rendered: dict[str, Any],
        mvae: dict[str, Any],
        options: dict[str, Any],
        trainer: dict[str, Any],
        evaluation: dict[str, Any],
        seed: int,
    ) -> Any:
        own = dict(options)
        parameters = merged(["mvae", "own"], [mvae, own.pop("mvae")], {})
        budget = {**trainer, **parameters.pop("trainer", {})}
        resampling = resampling_of(evaluation)
        sources = (source_files, rendered)
        return traversals(
            features, table, items, sources, parameters, own, budget, resampling, seed
        )

    return Node(
        look,
        [*READ, *(f"params:{name}" for name in ASKED)],
        ["traversal_sheet", "latent_factors"],
        name="traversals",
    )


def _score(paradigms: tuple[str, ...]) -> Node:
    def score(
        features: Any,
        items: Any,
        rendered: dict[str, Any],
        options: dict[str, Any],
        evaluation: dict[str, Any],
        **given: Any,
    ) -> Any:
        embeddings = {name: given[f"{name}_embeddings"] for name in paradigms}
        carriers = rendered.get("carriers") or {}
        resampling = resampling_of(evaluation)
        return factors.disentanglement(features, items, carriers, embeddings, options, resampling)

    read = {name: name for name in ("features", "items", "rendered")}
    read |= {f"{name}_embeddings": f"{name}_embeddings" for name in paradigms}
    read |= {"options": "params:interpretation.disentanglement", "evaluation": "params:evaluation"}
    return Node(score, read, "disentanglement", name="disentanglement")
