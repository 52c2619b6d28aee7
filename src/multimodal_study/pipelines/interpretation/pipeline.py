"""What is asked of the cells of one dataset."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.interpretation.explain import explain_pictures
from multimodal_study.pipelines.interpretation.latent_map import latent_map
from multimodal_study.pipelines.interpretation.networks import fitted_cells
from multimodal_study.pipelines.interpretation.nodes import latent_structure
from multimodal_study.pipelines.paradigms import NETWORKS
from multimodal_study.pipelines.paradigms.contrastive import seen_by_towers

SEEN = {"clip": seen_by_towers}
"""Paradigms that do not read the features as they are, and how they do."""
SAVED = ("weights", "config")
PARAMETERS = ("params:interpretation", "params:evaluation", "params:seed")


def explain(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """Explain what the cells ``paradigms`` of ``dataset`` see in pictures with known evidence.

    The dataset must have a table of ``evidence``, and each of the paradigms a row in ``NETWORKS``.
    """
    cells = {f"{name}_{kind}": f"{dataset}.{name}.{kind}" for name in paradigms for kind in SAVED}
    load = {name: NETWORKS[name] for name in paradigms}
    seen = {name: SEEN[name] for name in paradigms if name in SEEN}

    def explain(
        features: Any, table: Any, source_files: dict[str, Any], evidence: Any, **given: Any
    ) -> Any:
        saved = {name: (given[f"{name}_weights"], given[f"{name}_config"]) for name in paradigms}
        found = fitted_cells(load, seen, features, table, source_files, saved)
        chosen = (given["encoder"], given["explain"], given["evaluation"])
        return explain_pictures(features, table, source_files, evidence, found, *chosen)

    data = ("features", "table", "source_files", "evidence")
    read = {name: name for name in (*data, *cells)}
    read |= {
        "encoder": "params:encoders.image",
        "explain": "params:interpretation.explain",
        "evaluation": "params:evaluation",
    }
    return Pipeline(
        [Node(explain, read, ["localisation", "explanation_tests"], name="explain")],
        namespace=dataset,
        inputs={**{name: f"{dataset}.{name}" for name in data}, **cells},
        parameters={name for name in read.values() if name.startswith("params:")},
        tags={dataset, "interpretation"},
    )


def interpret(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """Interpret the cells ``paradigms`` of ``dataset``, which must save embeddings."""
    cells = {f"{name}_embeddings": f"{dataset}.{name}.embeddings" for name in paradigms}

    def structure(
        features: Any, interpretation: dict[str, Any], evaluation: dict[str, Any], **given: Any
    ) -> Any:
        embeddings = {name: given[f"{name}_embeddings"] for name in paradigms}
        return latent_structure(features, embeddings, interpretation, evaluation)

    def mapped(features: Any, interpretation: dict[str, Any], seed: int, **given: Any) -> Any:
        embeddings = {name: given[f"{name}_embeddings"] for name in paradigms}
        return latent_map(features, embeddings, interpretation, seed)

    def read(*parameters: str) -> dict[str, str]:
        named = {name.removeprefix("params:"): name for name in parameters}
        return {name: name for name in ("features", *cells)} | named

    measured = read("params:interpretation", "params:evaluation")
    drawn = read("params:interpretation", "params:seed")
    return Pipeline(
        [
            Node(structure, measured, "latent_structure", name="latent_structure"),
            Node(mapped, drawn, "latent_map", name="latent_map"),
        ],
        namespace=dataset,
        inputs={"features": f"{dataset}.features", **cells},
        parameters=set(PARAMETERS),
        tags={dataset, "interpretation"},
    )
