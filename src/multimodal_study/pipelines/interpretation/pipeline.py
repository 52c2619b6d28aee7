"""What is asked of the cells of one dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.freshness.ahead import ONE_CORE
from multimodal_study.pipelines.interpretation.attributions import attributions
from multimodal_study.pipelines.interpretation.coattention import coattention
from multimodal_study.pipelines.interpretation.edges import graph_attributions
from multimodal_study.pipelines.interpretation.errors import errors
from multimodal_study.pipelines.interpretation.explain import explain_pictures
from multimodal_study.pipelines.interpretation.latent_map import latent_map
from multimodal_study.pipelines.interpretation.networks import Fitted, fitted_cells
from multimodal_study.pipelines.interpretation.nodes import latent_structure
from multimodal_study.pipelines.interpretation.posters import explain_posters
from multimodal_study.pipelines.interpretation.tokens import token_relevance
from multimodal_study.pipelines.paradigms import NETWORKS
from multimodal_study.pipelines.paradigms.contrastive import seen_by_towers

SEEN = {"clip": seen_by_towers}
"""Paradigms that do not read the features as they are, and how they do."""
SAVED = ("weights", "config")
EVALUATION = {"evaluation": "params:evaluation"}
OWN = ("params:featurise",)
"""Parameters that are the dataset's own."""


def explain(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """Explain what the cells ``paradigms`` of ``dataset`` see in pictures with known evidence.

    The dataset must have a table of ``evidence``, and each of the paradigms a row in ``NETWORKS``.
    """
    rebuild = _rebuild(paradigms)

    def explain(evidence: Any, **given: Any) -> Any:
        data = (given["features"], given["table"], given["source_files"])
        chosen = (given["encoder"], given["explain"], given["evaluation"])
        return explain_pictures(*data, evidence, rebuild(given), *chosen)

    read = {name: name for name in ("features", "table", "source_files", "evidence")}
    chosen = {"encoder": "params:encoders.image", "explain": "params:interpretation.explain"}
    made = ["localisation", "explanation_tests", "grad_cam_sheet"]
    return _placed(dataset, paradigms, explain, {**read, **chosen}, made)


def look_at_posters(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """Where on the pictures of ``dataset`` the numbers that the cells predict come from."""
    rebuild = _rebuild(paradigms)

    def look_at_posters(features: Any, **given: Any) -> Any:
        cells = rebuild({**given, "features": features})
        chosen = given["encoder"], given["explain"], given["evaluation"]
        return explain_posters(features, given["table"], cells, *chosen)

    read = {"features": "features", "table": "table"}
    read |= {"encoder": "params:encoders.image", "explain": "params:interpretation.explain"}
    return _placed(dataset, paradigms, look_at_posters, read, ["poster_tests", "poster_sheet"])


def attribute(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """What each modality of ``dataset`` does for the answers of the cells ``paradigms``."""
    rebuild = _rebuild(paradigms)

    def attribute(features: Any, **given: Any) -> Any:
        cells = rebuild({**given, "features": features})
        return attributions(features, cells, given["attributions"], given["evaluation"])

    read = {"features": "features", "attributions": "params:interpretation.attributions"}
    made = ["attributions", "top_terms"]
    return _placed(dataset, paradigms, attribute, read, made, one_core=True)


def coattend(dataset: str) -> Pipeline:
    """What the streams of ViLBERT read of each other on ``dataset``."""
    rebuild = _rebuild(("vilbert",))

    def coattend(featurise: dict[str, Any], **given: Any) -> Any:
        data = (given["features"], given["table"], given["source_files"])
        fitted, tokens = rebuild(given)["vilbert"], featurise.get("tokens")
        return coattention(*data, fitted, given["coattention"], tokens, given["evaluation"])

    read = {name: name for name in ("features", "table", "source_files")}
    read |= {"coattention": "params:interpretation.coattention", "featurise": "params:featurise"}
    made = ["coattention", "coattention_words", "coattention_sheet"]
    return _placed(dataset, ("vilbert",), coattend, read, made, one_core=True)


def follow_edges(dataset: str) -> Pipeline:
    """Which ratings ``gnn`` answers by on ``dataset``."""
    rebuild = _rebuild(("gnn",))

    def follow_edges(features: Any, **given: Any) -> Any:
        fitted = rebuild({**given, "features": features})["gnn"]
        chosen = given["edges"], given["evaluation"]
        return graph_attributions(features, given["table"], fitted, *chosen)

    read = {"features": "features", "table": "table", "edges": "params:interpretation.edges"}
    made = ["graph_attributions", "edge_tests", "edge_sheet"]
    return _placed(dataset, ("gnn",), follow_edges, read, made, one_core=True)


def relate_tokens(dataset: str) -> Pipeline:
    """Which words of its texts ``transformer`` answers by on ``dataset``."""
    load = NETWORKS["transformer"]

    def relate_tokens(features: Any, token_states: Any, **given: Any) -> Any:
        weights, config = (given[f"transformer_{kind}"] for kind in SAVED)
        fitted = Fitted(load, weights, config, features, token_states)
        return token_relevance(
            features, given["table"], fitted, given["tokens"], given["evaluation"]
        )

    read = {"features": "features", "table": "table", "token_states": "token_states"}
    read |= {"tokens": "params:interpretation.tokens"}
    made = ["token_relevance", "token_sheet"]
    own = {"token_states": f"{dataset}.transformer.token_states"}
    return _placed(dataset, ("transformer",), relate_tokens, read, made, own)


def analyse(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """Where the best of ``paradigms`` of ``dataset`` is wrong, and what the others know."""
    kinds = ("predictions", "metrics")
    cells = {f"{name}_{kind}": f"{dataset}.{name}.{kind}" for name in paradigms for kind in kinds}

    def analyse(
        features: Any, chosen: dict[str, Any], evaluation: dict[str, Any], **given: Any
    ) -> Any:
        predicted, measured = (
            {name: given[f"{name}_{kind}"] for name in paradigms} for kind in kinds
        )
        return errors(features, predicted, measured, chosen, evaluation)

    read = {name: name for name in ("features", *cells)}
    read |= {"chosen": "params:interpretation.errors", **EVALUATION}
    made = ["slices", "disagreements", "confusions", "worst_errors"]
    return Pipeline(
        [Node(analyse, read, made, name="analyse")],
        namespace=dataset,
        inputs={"features": f"{dataset}.features", **cells},
        parameters={"params:interpretation.errors", "params:evaluation"},
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
            Node(mapped, drawn, "latent_map", name="latent_map", tags=[ONE_CORE]),
        ],
        namespace=dataset,
        inputs={"features": f"{dataset}.features", **cells},
        parameters={"params:interpretation", "params:evaluation", "params:seed"},
        tags={dataset, "interpretation"},
    )


def _rebuild(paradigms: tuple[str, ...]) -> Callable[[dict[str, Any]], dict[str, Fitted]]:
    """From the inputs of a node to its cells."""
    load = {name: NETWORKS[name] for name in paradigms}
    seen = {name: SEEN[name] for name in paradigms if name in SEEN}

    def rebuild(given: dict[str, Any]) -> dict[str, Fitted]:
        saved = {name: (given[f"{name}_weights"], given[f"{name}_config"]) for name in paradigms}
        data = (given["features"], given.get("table"), given.get("source_files", {}))
        return fitted_cells(load, seen, *data, saved)

    return rebuild


def _placed(  # noqa: PLR0917
    dataset: str,
    paradigms: tuple[str, ...],
    function: Callable[..., Any],
    read: dict[str, str],
    made: list[str],
    own: dict[str, str] | None = None,
    *,
    one_core: bool = False,
) -> Pipeline:
    """A node that reads what cells saved, as a part of the namespace ``dataset``.

    ``own`` are inputs that are not the dataset's, by the name in ``read``; ``one_core``: it gains
    next to nothing by a second thread.
    """
    saved = [(name, kind) for name in paradigms for kind in SAVED]
    cells = {f"{name}_{kind}": f"{dataset}.{name}.{kind}" for name, kind in saved}
    read = {**read, **{name: name for name in cells}, **EVALUATION}
    parameters = {name for name in read.values() if name.startswith("params:")}
    free = {
        name: f"{dataset}.{name}" for name in read.values() if name not in {*cells, *parameters}
    }
    return Pipeline(
        [Node(function, read, made, name=function.__name__, tags=[ONE_CORE] * one_core)],
        namespace=dataset,
        inputs={**free, **cells, **(own or {})},
        parameters=parameters - set(OWN),
        tags={dataset, "interpretation"},
    )
