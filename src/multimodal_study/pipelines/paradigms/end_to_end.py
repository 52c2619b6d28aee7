"""The end-to-end regime: the encoder itself learns, on states cached below the layers that do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

from multimodal_study.pipelines.paradigms.cells import fit_sequences, predict_sequences
from multimodal_study.pipelines.paradigms.perturbation import perturbation_node_of_texts
from multimodal_study.pipelines.paradigms.supervised import evaluation_node


def end_to_end(name: str, load: Callable[[], Any]) -> list[Node]:
    """Nodes of one paradigm that reads token states.

    Args:
        name: Its parameters' key.
        load: Imports the network and its ``Config``.
    """

    def encode(table: Any, parameters: dict[str, Any], overrides: dict[str, Any]) -> Any:
        from multimodal_study.encoders.token_states import encode_states

        return encode_states(table, {**parameters, **overrides.get(name, {})})

    def fit(  # noqa: PLR0917
        features: Any,
        token_states: Any,
        parameters: dict[str, Any],
        overrides: dict[str, Any],
        trainer: dict[str, Any],
        seed: int,
    ) -> Any:
        chosen = {**parameters, **overrides.get(name, {})}
        return fit_sequences(load(), features, token_states, chosen, trainer, seed)

    def predict(features: Any, token_states: Any, weights: Any, config: dict[str, Any]) -> Any:
        return predict_sequences(load(), features, token_states, weights, config)

    return [
        Node(
            encode,
            ["table", f"params:{name}", "params:overrides"],
            "token_states",
            name="encode",
        ),
        Node(
            fit,
            [
                "features",
                "token_states",
                f"params:{name}",
                "params:overrides",
                "params:trainer",
                "params:seed",
            ],
            ["weights", "config", "history", "fit_cost"],
            name="fit",
        ),
        Node(
            predict,
            ["features", "token_states", "weights", "config"],
            ["predictions", "embeddings", "predict_cost"],
            name="predict",
        ),
        evaluation_node(),
        perturbation_node_of_texts(load),
    ]
