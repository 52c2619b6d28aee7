"""Tables of one dataset from what its cells answered under worse conditions."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.freshness.ahead import ONE_CORE
from multimodal_study.pipelines.perturbation.figure import draw
from multimodal_study.pipelines.perturbation.robustness import robustness
from multimodal_study.pipelines.perturbation.worth import interactions, modality_worth

KINDS = ("perturbed", "config")
PARAMETERS = ("params:perturbation", "params:evaluation", "params:seed")


def ask(dataset: str, paradigms: tuple[str, ...], *, constructed: bool = False) -> Pipeline:
    """Measure what the cells ``paradigms`` of ``dataset``, which must save weights, answered.

    Args:
        dataset: Its namespace.
        paradigms: Cells with a node ``perturb``.
        constructed: Whether the dataset has a ``construction``, which says what to expect.
    """
    cells = {f"{name}_{kind}": f"{dataset}.{name}.{kind}" for name in paradigms for kind in KINDS}
    known = {"construction": f"{dataset}.construction"} if constructed else {}

    def pick(given: dict[str, Any], kind: str) -> dict[str, Any]:
        return {name: given[f"{name}_{kind}"] for name in paradigms}

    def worth(perturbation: Any, evaluation: Any, seed: int, **given: Any) -> Any:
        best = given.get("construction", {}).get("best")
        asked = pick(given, "perturbed"), pick(given, "config")
        return modality_worth(*asked, perturbation, evaluation, seed, best)

    def together(evaluation: Any, **given: Any) -> Any:
        return interactions(pick(given, "perturbed"), pick(given, "config"), evaluation)

    def curves(features: Any, perturbation: Any, evaluation: Any, **given: Any) -> Any:
        asked = pick(given, "perturbed"), pick(given, "config")
        return robustness(features, *asked, perturbation, evaluation)

    shared = {name.removeprefix("params:"): name for name in PARAMETERS}
    read = {name: name for name in cells}
    evaluation = {"evaluation": "params:evaluation"}
    return Pipeline(
        [
            Node(
                worth,
                {**shared, **read, **{name: name for name in known}},
                "modality_worth",
                name="modality_worth",
                tags=[ONE_CORE],
            ),
            Node(
                together,
                {**evaluation, **read},
                "interactions",
                name="interactions",
                tags=[ONE_CORE],
            ),
            Node(
                curves,
                {
                    "features": "features",
                    "perturbation": "params:perturbation",
                    **evaluation,
                    **read,
                },
                ["robustness", "robustness_area"],
                name="robustness",
            ),
            Node(draw, ["robustness"], "robustness_figure", name="robustness_figure"),
        ],
        namespace=dataset,
        inputs={"features": f"{dataset}.features", **cells, **known},
        parameters=set(PARAMETERS),
        tags={dataset, "evaluation"},
    )
