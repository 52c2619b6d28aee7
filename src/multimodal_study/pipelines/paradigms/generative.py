"""The generative regime: fit the ELBO, with ``lambda`` times a task for the hybrids; predict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

from multimodal_study.freshness.ahead import ONE_CORE
from multimodal_study.pipelines.paradigms.cells import fit_cell, predict_cell
from multimodal_study.pipelines.paradigms.perturbation import perturbation_node
from multimodal_study.pipelines.paradigms.supervised import evaluation_node

VAE = "mvae"
"""Whose parameters every generative paradigm starts from."""


def generative(name: str, load: Callable[[], Any], *, weighs_task: bool = False) -> list[Node]:
    """Nodes of one generative paradigm.

    Args:
        name: Its parameters' key; they are laid over those of ``mvae``, and a dataset's overrides
            over both.
        load: Imports the network and its ``Config``.
        weighs_task: Whether it reads the study's ``model.lambda``.
    """

    def fit_vae(
        features: Any,
        parameters: dict[str, Any],
        overrides: dict[str, Any],
        trainer: dict[str, Any],
        seed: int,
    ) -> Any:
        return fit_cell(load(), features, merged([VAE], [parameters], overrides), trainer, seed)

    def fit_hybrid(  # noqa: PLR0917
        features: Any,
        shared: dict[str, Any],
        parameters: dict[str, Any],
        lam: float,
        overrides: dict[str, Any],
        trainer: dict[str, Any],
        seed: int,
    ) -> Any:
        chosen = merged([VAE, name], [shared, parameters], overrides) | {"task_weight": lam}
        return fit_cell(load(), features, chosen, trainer, seed)

    def predict(features: Any, weights: Any, config: dict[str, Any]) -> Any:
        return predict_cell(load(), features, weights, config)

    shared = ["params:overrides", "params:trainer", "params:seed"]
    own = [f"params:{VAE}", f"params:{name}", "params:model.lambda"]
    return [
        Node(
            fit_hybrid if weighs_task else fit_vae,
            ["features", *(own if weighs_task else own[:1]), *shared],
            ["weights", "config", "history", "fit_cost"],
            name="fit",
            tags=[ONE_CORE],
        ),
        Node(
            predict,
            ["features", "weights", "config"],
            ["predictions", "embeddings", "predict_cost"],
            name="predict",
            tags=[ONE_CORE],
        ),
        evaluation_node(),
        perturbation_node(load),
    ]


def merged(
    names: list[str], parameters: list[dict[str, Any]], overrides: dict[str, Any]
) -> dict[str, Any]:
    """Parameters of several keys, each with the dataset's overrides, the later over the earlier."""
    found: dict[str, Any] = {}
    for name, values in zip(names, parameters, strict=True):
        found |= {**values, **overrides.get(name, {})}
    return found
