"""What a fitted network is asked under: which origins it gets, and how good they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from multimodal_study.contract import Features
from multimodal_study.data import degradation
from multimodal_study.data.batches import Batch, FeatureBatches
from multimodal_study.data.graph_batches import graph_factory
from multimodal_study.errors import InputError
from multimodal_study.metrics.shapley import EXACT, Coalition, every_subset, orders, subsets_of

Array = np.ndarray[Any, Any]

SUBSET, NOISE, SHUFFLED = "subset", "noise", "shuffled"
ADDITIVE, PAIRED = "additive", "paired"
"""Of the rows of predictions: what stands in the column ``perturbation``."""
AND = "+"
"""Between the names of the origins that a subset has."""
ROWS_TOGETHER = 256


@dataclass(frozen=True)
class Perturbation:
    """The block ``perturbation`` of the parameters; see conf/base/parameters_perturbation.yml."""

    examples: int
    sequence_examples: int
    noise: tuple[float, ...]
    words_dropped: tuple[float, ...]
    missing: tuple[float, ...]
    dependence: float
    interaction_items: int
    sequence_items: int
    text_items: int
    orders: int

    def __post_init__(self) -> None:
        for name, fewest in (
            ("examples", 10),
            ("sequence_examples", 10),
            ("interaction_items", 0),
            ("sequence_items", 0),
            ("text_items", 0),
            ("orders", 2),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < fewest:
                raise InputError(f"perturbation.{name} is {value!r}, expected at least {fewest}")
        if len(self.noise) != len(self.words_dropped) or not self.noise:
            raise InputError(
                f"perturbation.noise has {len(self.noise)} steps and words_dropped"
                f" {len(self.words_dropped)}; expected as many, at least one"
            )
        for name, lowest, highest in (
            ("noise", 0.0, 1e3),
            ("words_dropped", 0.0, 1.0),
            ("missing", 0.0, 1.0),
        ):
            values = getattr(self, name)
            rising = all(a < b for a, b in pairwise(values))
            if not rising or not all(lowest < value < highest for value in values):
                raise InputError(
                    f"perturbation.{name} is {list(values)}, expected rising numbers between"
                    f" {lowest:g} and {highest:g}"
                )


def perturbation_of(block: Mapping[str, Any]) -> Perturbation:
    """The checked block.

    Raises:
        InputError: A value is out of its range, or a key is unknown.
    """
    lists = {name: tuple(map(float, block[name])) for name in ("noise", "words_dropped", "missing")}
    try:
        return Perturbation(**{**block, **lists})
    except TypeError as problem:
        raise InputError(f"perturbation: {problem}") from None


@dataclass(frozen=True)
class Condition:
    """One way to ask; ``kept`` or ``origin``, whichever its ``perturbation`` is about."""

    perturbation: str
    kept: Coalition = frozenset()
    """Origins that a subset has."""
    origin: str = ""
    """What gets noise or is exchanged."""
    step: int = 0
    """Of the noise, from 1."""
    severity: float = 0.0
    dropped: float = 0.0

    @property
    def name(self) -> str:
        """What stands in the column ``origin``."""
        return AND.join(sorted(self.kept)) if self.perturbation == SUBSET else self.origin


def sampled_orders(
    origins: Sequence[str], settings: Perturbation, seed: int
) -> list[tuple[str, ...]]:
    """Orders of joining for more origins than subsets can be listed for; none for fewer."""
    return orders(origins, settings.orders, seed) if len(origins) > EXACT else []


def conditions_of(origins: Sequence[str], settings: Perturbation, seed: int) -> list[Condition]:
    """Every condition but the crossed ones: subsets, each origin noisy, each origin exchanged."""
    sampled = sampled_orders(origins, settings, seed)
    alone = [frozenset([o]) for o in origins] + [frozenset(origins) - {o} for o in origins]
    joined = subsets_of(sampled) if sampled else every_subset(origins)
    subsets = list(dict.fromkeys([*joined, *alone]))
    steps = list(zip(settings.noise, settings.words_dropped, strict=True))
    noise = [
        Condition(NOISE, origin=origin, step=step, severity=severity, dropped=dropped)
        for origin in origins
        for step, (severity, dropped) in enumerate(steps, start=1)
    ]
    return [
        *(Condition(SUBSET, kept=one) for one in subsets),
        *noise,
        *(Condition(SHUFFLED, origin=origin) for origin in origins),
    ]


@dataclass(frozen=True)
class Exchange:
    """Examples put together from the origins of different ones, ``k`` rows."""

    base: Array
    """Positions that give target and question."""
    sources: Mapping[str, Array]
    """Origin to the positions that give it."""


class Inputs(Protocol):
    """Batches of the sampled examples under a condition."""

    features: Features
    """The sampled examples."""
    origins: list[str]

    def batches(self, condition: Condition) -> Iterable[Batch]:
        """The examples in order."""

    def crossed(self, exchange: Exchange) -> Iterable[Batch] | None:
        """Its rows in order; None where a network cannot be asked so."""


class FeatureInputs:
    """Inputs of a network that reads features.

    Args:
        features: All that the network was fitted on.
        nodes: Entities of a graph that the network reads as a whole; empty: none.
        rows: Positions of the sampled examples.
        seed: Of all draws; two paradigms that read the same arrays meet the same ones.
    """

    def __init__(self, features: Features, nodes: tuple[str, ...], rows: Array, seed: int) -> None:
        self._nodes, self._rows, self._seed = nodes, rows, seed
        self._deviations = degradation.spread(features, seed)
        self.origins = degradation.origins_of(features.modalities)
        self.features = degradation.restricted(features, rows)
        # A graph is read with all its nodes, whichever examples are asked about.
        self._source = features if nodes else self.features

    def batches(self, condition: Condition) -> Iterable[Batch]:
        """See :class:`Inputs`."""
        place = self.origins.index(condition.origin) if condition.origin else 0
        random = np.random.default_rng([self._seed, place, condition.step])
        if condition.perturbation == SUBSET:
            gone = [origin for origin in self.origins if origin not in condition.kept]
            made = degradation.without(self._source, gone)
        elif condition.perturbation == NOISE:
            made = degradation.noisy(
                self._source,
                condition.origin,
                self._deviations,
                condition.severity,
                condition.dropped,
                random,
            )
        else:
            made = degradation.shuffled(self._source, condition.origin, random)
        return self._batches(made)

    def crossed(self, exchange: Exchange) -> Iterable[Batch] | None:
        """See :class:`Inputs`; a graph's nodes cannot be taken apart."""
        if self._nodes:
            return None
        made = degradation.crossed(self.features, exchange.base, exchange.sources)
        rows = np.arange(len(exchange.base))
        return FeatureBatches(made, rows, ROWS_TOGETHER, sparse_words=True)

    def _batches(self, made: Features) -> Iterable[Batch]:
        if self._nodes:
            return graph_factory(made, self._nodes)(self._rows, ROWS_TOGETHER, None)
        rows = np.arange(len(made.examples))
        return FeatureBatches(made, rows, ROWS_TOGETHER, sparse_words=True)
