"""Cells put together again from what they saved: networks with their weights, and their batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multimodal_study.contract import Features
    from multimodal_study.models.base import FusionModule
    from multimodal_study.seeds import Arrays, Cell

Seen = Callable[[Any, Any, dict[str, Any], dict[str, Any]], Any]
"""Features, table, source files and parameters to the features that a paradigm's towers read."""


@dataclass(frozen=True)
class Fitted:
    """A paradigm on a dataset, as it was saved."""

    load: Callable[[], Any]
    """Imports the network and its ``Config``."""
    weights: Arrays
    config: Mapping[str, Any]
    features: Features
    """As the paradigm reads them."""
    sequences: Arrays | None = None
    """Token states of a paradigm that reads these."""

    def cell(self) -> Cell:
        """What makes batches, and networks without weights."""
        from multimodal_study.data.ragged import ragged_factory
        from multimodal_study.seeds import cell_of
        from multimodal_study.training import TrainerConfig

        network, config_class = self.load()
        cell = cell_of(
            network,
            config_class(**self.config["parameters"]),
            TrainerConfig(**self.config["trainer"]),
            self.features.select(self.config["modalities"]),
        )
        if self.sequences is None:
            return cell
        return replace(cell, batches=ragged_factory(cell.features, self.sequences))

    def seeds(self) -> list[int]:
        """Seeds of the saved fits."""
        return sorted({int(name.split("/")[0]) for name in self.weights})

    def networks(self) -> Iterator[FusionModule]:
        """The network of every seed, without gradients of its weights."""
        from multimodal_study.seeds import rebuild_network

        cell = self.cell()
        for seed in self.seeds():
            network = rebuild_network(cell, self.weights, seed)
            yield network.requires_grad_(requires_grad=False)


def fitted_cells(  # noqa: PLR0917
    load: Mapping[str, Callable[[], Any]],
    seen: Mapping[str, Seen],
    features: Features,
    table: Any,
    source_files: dict[str, Any],
    saved: Mapping[str, tuple[Arrays, Mapping[str, Any]]],
) -> dict[str, Fitted]:
    """Paradigms by name.

    Args:
        load: What imports each network.
        seen: Paradigms that do not read the features as they are.
        features: Of the dataset.
        table: The dataset's, for ``seen``.
        source_files: The same.
        saved: Weights and configuration of each.
    """
    found = {}
    for name, (weights, config) in saved.items():
        own = features
        if name in seen:
            own = seen[name](features, table, source_files, dict(config["parameters"]))
        found[name] = Fitted(load[name], weights, config, own)
    return found
