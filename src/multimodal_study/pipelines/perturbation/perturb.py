"""Predictions of a fitted cell under every condition; nothing is fitted, nothing is measured."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from multimodal_study.contract import SEQUENCES, Features, Split
from multimodal_study.data.batches import Batch
from multimodal_study.data.predictions import predictions_table
from multimodal_study.hardware import cpu_threads
from multimodal_study.metrics.additive import additive_projection
from multimodal_study.models.base import FusionModule
from multimodal_study.pipelines.perturbation.conditions import (
    ADDITIVE,
    PAIRED,
    SUBSET,
    Condition,
    Exchange,
    FeatureInputs,
    Inputs,
    Perturbation,
    conditions_of,
    perturbation_of,
)
from multimodal_study.pipelines.perturbation.flops import flops_per_example
from multimodal_study.pipelines.perturbation.text_conditions import TextInputs
from multimodal_study.seeds import cell_of, rebuild_network
from multimodal_study.training import TrainerConfig, predict

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.seeds import Arrays, Cell

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
SPLIT: Split = "test"


def perturb(  # noqa: PLR0917
    paradigm: tuple[type[FusionModule], Any],
    features: Features,
    weights: Arrays,
    config: dict[str, Any],
    perturbation: dict[str, Any],
    seed: int,
    table: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the networks of a cell answer on test with origins missing, noisy or exchanged.

    Args:
        paradigm: Network and its ``Config``.
        features: What the cell was fitted on.
        weights: Of all seeds.
        config: Of the cell.
        perturbation: The block of the parameters.
        seed: Of samples and noise, the same for every paradigm.
        table: Where the network reads texts: a row per review.

    Returns:
        The columns of the predictions table, ``perturbation`` (``subset``, ``noise``,
        ``shuffled``; ``paired`` and ``additive``: the network itself and its additive projection
        on the examples that were exchanged pair by pair), ``origin`` (of a subset those that are
        there, joined by ``+``) and ``severity``. And by ``seed`` the ``flops_per_example`` of a
        prediction with all origins.

    Raises:
        InputError: A parameter is out of its range.
    """
    import pandas as pd

    settings = perturbation_of(perturbation)
    network_class, config_class = paradigm
    cell = cell_of(
        network_class,
        config_class(**config["parameters"]),
        TrainerConfig(**config["trainer"]),
        features.select(config["modalities"]),
    )
    rows = sampled(
        features.rows(SPLIT),
        settings.examples if table is None else settings.sequence_examples,
        seed,
    )
    places = sampled(np.arange(len(rows)), _items(settings, cell, texts=table is not None), seed)
    inputs = _inputs(cell, config, rows, seed, table)
    conditions = conditions_of(inputs.origins, settings, seed)
    if isinstance(inputs, TextInputs):
        inputs.prepare(conditions)
    made, costs = [], []
    for number in sorted({int(name.split("/")[0]) for name in weights}):
        network = rebuild_network(cell, weights, number)
        for condition in conditions:
            output = predict(network, inputs.batches(condition))
            table_of = predictions_table(inputs.features, np.arange(len(rows)), output, number)
            made.append(_labelled(table_of, condition))
        made += _interactions(network, inputs, places, number)
        whole = Condition(SUBSET, kept=frozenset(inputs.origins))
        batch = next(iter(inputs.batches(whole)))
        costs.append({"seed": number, "flops_per_example": flops_per_example(network, batch)})
    return pd.concat(made, ignore_index=True), pd.DataFrame(costs)


def sampled(rows: Array, size: int, seed: int) -> Array:
    """At most ``size`` of ``rows``, in their order."""
    if len(rows) <= size:
        return rows
    random = np.random.default_rng([seed, len(rows)])
    return np.sort(random.choice(rows, size, replace=False))


def _inputs(
    cell: Cell, config: Mapping[str, Any], rows: Array, seed: int, table: pd.DataFrame | None
) -> Inputs:
    if table is None:
        return FeatureInputs(cell.features, cell.network.nodes, rows, seed)
    return TextInputs(cell.features, table, config["parameters"], rows, seed)


def _items(settings: Perturbation, cell: Cell, *, texts: bool) -> int:
    """Examples that are exchanged pair by pair."""
    if texts:
        return settings.text_items
    kinds = {item.kind for item in cell.features.modalities.values()}
    return settings.sequence_items if kinds & SEQUENCES else settings.interaction_items


def _interactions(
    network: FusionModule, inputs: Inputs, places: Array, number: int
) -> list[pd.DataFrame]:
    """The network and its additive projection on the examples ``places``; none if it cannot."""
    if min(len(places), len(inputs.origins)) < 2:  # noqa: PLR2004 - nothing to exchange
        return []
    conditional = _conditional(network, inputs, places, number)
    if conditional is None:
        return []
    own = inputs.crossed(Exchange(places, dict.fromkeys(inputs.origins, places)))
    assert own is not None  # noqa: S101  # for the type checker: it was none above
    found = []
    answers = {PAIRED: _logits(network, own), ADDITIVE: additive_projection(conditional)}
    for name, logits in answers.items():
        output = _as_output(logits, inputs.features, places)
        made = predictions_table(inputs.features, places, output, number)
        found.append(_labelled(made, Condition(name)))
    return found


def _conditional(
    network: FusionModule, inputs: Inputs, places: Array, number: int
) -> list[Array] | None:
    """Per origin logits ``[n, n, c]``: that of row i with all others of draw j.

    With two origins a draw is an example, and one table serves both; with more, the others are
    drawn independently of each other, as the projection of first order needs.
    """
    items = len(places)
    i, j = (grid.ravel() for grid in np.indices((items, items)))
    two = len(inputs.origins) == 2  # noqa: PLR2004
    random = np.random.default_rng([number, items])
    found: list[Array] = []
    for origin in inputs.origins[:1] if two else inputs.origins:
        draws = {
            other: np.arange(items) if two else random.permutation(items)
            for other in inputs.origins
            if other != origin
        }
        sources = {origin: places[i]} | {o: places[draw[j]] for o, draw in draws.items()}
        batches = inputs.crossed(Exchange(places[i], sources))
        if batches is None:
            return None
        found.append(_logits(network, batches).reshape(items, items, -1))
    return [found[0], found[0].swapaxes(0, 1)] if two else found


def _logits(network: FusionModule, batches: Iterable[Batch]) -> Array:
    """What the head returns, before any class is ruled out: float32 ``[k, c]``."""
    network.eval()
    with torch.inference_mode(), cpu_threads(network):
        parts = [network(batch.to(network.device)).float().cpu() for batch in batches]
    return torch.cat(parts).numpy()


def _as_output(logits: Array, features: Features, rows: Array) -> Array:
    """Probabilities ``[n, c]`` among the candidates; a regression unchanged."""
    from scipy.special import softmax

    if features.task.kind == "regression":
        return logits
    candidates = features.candidates(rows)
    masked = logits if candidates is None else np.where(candidates, logits, -np.inf)
    return np.asarray(softmax(masked, axis=1))


def _labelled(table: pd.DataFrame, condition: Condition) -> pd.DataFrame:
    return table.assign(
        perturbation=condition.perturbation, origin=condition.name, severity=condition.severity
    )
