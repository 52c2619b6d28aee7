"""Tables and figures of one dataset beside its leaderboard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.diagnostics.alignment import alignment
from multimodal_study.pipelines.diagnostics.calibration import calibration
from multimodal_study.pipelines.diagnostics.drawing import draw_quality_cost
from multimodal_study.pipelines.diagnostics.scores import scores

EVALUATION = {"evaluation": "params:evaluation"}
PREDICTED = ("predictions", "metrics")
EMBEDDED = ("embeddings", "config", "retrieval", "metrics")
OF_DATASET = ("features", "leaderboard", "costs")


def diagnose(
    dataset: str,
    paradigms: tuple[str, ...],
    unfitted: tuple[str, ...],
    *,
    paired: bool = False,
) -> Pipeline:
    """Diagnose all cells of ``dataset``.

    Args:
        dataset: Its namespace.
        paradigms: Those that have a cell on it.
        unfitted: Paradigms that predict as they fit, and embed nothing.
        paired: Whether its features have a pair, whose alignment is then measured.
    """
    embedded = tuple(name for name in paradigms if name not in unfitted)
    made = [_calibration(paradigms), _quality_cost(), _scores(paradigms, paired=paired)]
    made += [_alignment(embedded)] if paired else []
    template = Pipeline(made)
    named = {f"{p}_{k}": f"{dataset}.{p}.{k}" for p in paradigms for k in (*PREDICTED, *EMBEDDED)}
    named |= {name: f"{dataset}.{name}" for name in OF_DATASET}
    return Pipeline(
        template,
        namespace=dataset,
        inputs={name: named[name] for name in template.inputs() if name in named},
        # The study belongs to no dataset, and a name with a dot would say that it did.
        outputs={"scores": f"{dataset}_scores"},
        parameters={"params:evaluation"},
        tags={dataset, "evaluation"},
    )


def _calibration(paradigms: tuple[str, ...]) -> Node:
    def believed(evaluation: dict[str, Any], **given: Any) -> Any:
        predictions, metrics = (_pick(given, paradigms, kind) for kind in PREDICTED)
        return calibration(predictions, metrics, evaluation)

    read = {**EVALUATION, **_names(paradigms, PREDICTED)}
    return Node(believed, read, "calibration", name="calibration")


def _alignment(paradigms: tuple[str, ...]) -> Node:
    def aligned(features: Any, evaluation: dict[str, Any], **given: Any) -> Any:
        embeddings, configs, retrieval, metrics = (
            _pick(given, paradigms, kind) for kind in EMBEDDED
        )
        return alignment(features, embeddings, configs, retrieval, metrics, evaluation)

    read = {**EVALUATION, "features": "features", **_names(paradigms, EMBEDDED)}
    return Node(aligned, read, "alignment", name="alignment")


def _scores(paradigms: tuple[str, ...], *, paired: bool) -> Node:
    def summed_up(alignment: Any = None, **given: Any) -> Any:
        return scores(_pick(given, paradigms, "metrics"), alignment)

    read = _names(paradigms, ["metrics"]) | ({"alignment": "alignment"} if paired else {})
    return Node(summed_up, read, "scores", name="scores")


def _quality_cost() -> Node:
    read = {**EVALUATION, "leaderboard": "leaderboard", "costs": "costs"}
    return Node(draw_quality_cost, read, "quality_cost", name="quality_cost")


def _names(paradigms: tuple[str, ...], kinds: Iterable[str]) -> dict[str, str]:
    return {f"{p}_{k}": f"{p}_{k}" for k in kinds for p in paradigms}


def _pick(given: dict[str, Any], paradigms: tuple[str, ...], kind: str) -> dict[str, Any]:
    return {name: given[f"{name}_{kind}"] for name in paradigms}
