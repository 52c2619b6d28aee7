"""The regime of content towers: contents are aligned item by item, then fused example by example.

Where an item has many examples (a film is rated by hundreds), a network of pictures and texts that
ran per example would meet each of them as often. So the paradigm learns on the items alone:

1. ``align``: the tower learns to align the two origins of the pair, on the items of train, once
   each. Its epoch is chosen on items that train lacks. No label enters: what it says of an item
   cannot hold a rating of it.
2. ``read_contents``: what the frozen tower sees in every item, and its embeddings of either side.
3. ``fit``: the network and the budget of ``early``, with these contents in the place of the
   pictures and texts, so that a difference to ``early`` is one of the contents.

There is one tower, of the first seed; the seeds of the fusion differ in the fusion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

from multimodal_study.freshness.ahead import ONE_CORE
from multimodal_study.pipelines.paradigms import contents as steps
from multimodal_study.pipelines.paradigms.supervised import evaluation_node

FUSION = "early"
"""The paradigm that fuses the contents with what else is known."""


def content_tower(name: str, load: Callable[[], Any], load_fusion: Callable[[], Any]) -> list[Node]:
    """Nodes of a paradigm whose network is the content tower of the items.

    Args:
        name: Its parameters' key.
        load: Imports the tower's network and ``Config``.
        load_fusion: Imports those of :data:`FUSION`.
    """

    def align(
        features: Any,
        parameters: dict[str, Any],
        overrides: dict[str, Any],
        trainer: dict[str, Any],
        seed: int,
    ) -> Any:
        return steps.align(
            load(), features, {**parameters, **overrides.get(name, {})}, trainer, seed
        )

    def read_contents(features: Any, tower_weights: Any, tower_config: dict[str, Any]) -> Any:
        return steps.read_contents(load(), features, tower_weights, tower_config)

    def fit(  # noqa: PLR0917
        features: Any,
        contents: Any,
        tower_config: dict[str, Any],
        tower_cost: Any,
        parameters: dict[str, Any],
        overrides: dict[str, Any],
        trainer: dict[str, Any],
        seed: int,
    ) -> Any:
        chosen = {**parameters, **overrides.get(FUSION, {})}
        made = steps.Contents(name, contents, tower_config)
        *fitted, cost = steps.fit(load_fusion(), features, made, chosen, trainer, seed)
        return (*fitted, steps.with_tower_cost(cost, tower_cost))

    def predict(
        features: Any,
        contents: Any,
        tower_config: dict[str, Any],
        weights: Any,
        config: dict[str, Any],
    ) -> Any:
        made = steps.Contents(name, contents, tower_config)
        return steps.predict(load_fusion(), features, made, weights, config)

    def perturb(  # noqa: PLR0917
        features: Any,
        contents: Any,
        tower_config: dict[str, Any],
        weights: Any,
        config: dict[str, Any],
        perturbation: Any,
        seed: int,
    ) -> Any:
        from multimodal_study.pipelines.perturbation.perturb import perturb as ask

        made = steps.Contents(name, contents, tower_config)
        seen = steps.with_contents(features, made)
        return ask(load_fusion(), seen, weights, config, perturbation, seed)

    towers = ["contents", "tower_config"]
    budget = ["params:overrides", "params:trainer", "params:seed"]
    fitted = ["weights", "config"]
    return [
        Node(
            align,
            ["features", f"params:{name}", *budget],
            ["tower_weights", "tower_config", "tower_history", "tower_cost"],
            name="align",
            tags=[ONE_CORE],
        ),
        Node(
            read_contents,
            ["features", "tower_weights", "tower_config"],
            "contents",
            name="read_contents",
            tags=[ONE_CORE],
        ),
        Node(
            fit,
            ["features", *towers, "tower_cost", f"params:{FUSION}", *budget],
            [*fitted, "history", "fit_cost"],
            name="fit",
            tags=[ONE_CORE],
        ),
        Node(
            predict,
            ["features", *towers, *fitted],
            ["predictions", "embeddings", "predict_cost"],
            name="predict",
            tags=[ONE_CORE],
        ),
        evaluation_node(),
        Node(
            perturb,
            ["features", *towers, *fitted, "params:perturbation", "params:seed"],
            ["perturbed", "forward_cost"],
            name="perturb",
            tags=[ONE_CORE],
        ),
    ]
