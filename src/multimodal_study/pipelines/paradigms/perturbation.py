"""The node that asks a fitted cell under worse conditions, one for each way to read inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node

from multimodal_study.freshness.ahead import ONE_CORE

Load = Callable[[], Any]
PARAMETERS = ["params:perturbation", "params:seed"]
OUTPUTS = ["perturbed", "forward_cost"]


def perturbation_node(load: Load) -> Node:
    """For a network that reads the dataset's features."""

    def perturb(
        features: Any, weights: Any, config: dict[str, Any], perturbation: Any, seed: int
    ) -> Any:
        from multimodal_study.pipelines.perturbation.perturb import perturb as ask

        return ask(load(), features, weights, config, perturbation, seed)

    read = ["features", "weights", "config", *PARAMETERS]
    return Node(perturb, read, OUTPUTS, name="perturb", tags=[ONE_CORE])


def perturbation_node_of_texts(load: Load) -> Node:
    """For a network that reads the dataset's texts, with metadata written in front of them."""

    def perturb(  # noqa: PLR0917
        features: Any,
        table: Any,
        weights: Any,
        config: dict[str, Any],
        perturbation: Any,
        seed: int,
    ) -> Any:
        from multimodal_study.pipelines.perturbation.perturb import perturb as ask

        return ask(load(), features, weights, config, perturbation, seed, table)

    read = ["features", "table", "weights", "config", *PARAMETERS]
    return Node(perturb, read, OUTPUTS, name="perturb")


def perturbation_node_of_views(load: Load, see: Callable[..., Any]) -> Node:
    """For a network that reads pictures and texts as ``see`` makes features of them.

    Args:
        load: Imports the network and its ``Config``.
        see: Features, table, source files and the cell's parameters to what the network reads.
    """

    def perturb(  # noqa: PLR0917
        features: Any,
        table: Any,
        source_files: dict[str, Any],
        weights: Any,
        config: dict[str, Any],
        perturbation: Any,
        seed: int,
    ) -> Any:
        from multimodal_study.pipelines.perturbation.perturb import perturb as ask

        seen = see(features, table, source_files, config["parameters"])
        return ask(load(), seen, weights, config, perturbation, seed)

    read = ["features", "table", "source_files", "weights", "config", *PARAMETERS]
    return Node(perturb, read, OUTPUTS, name="perturb")
