"""What each origin is worth to a fitted paradigm, and whether it uses them together.

The worth of a set of origins is the deciding metric on test of the network that gets these and no
others (times -1 where lower is better). An origin's Shapley value is its mean gain over all orders
in which origins may join; the values of a cell add up to the metric with all less that with none.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.perturbation.handling import handling

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.metrics.shapley import Coalition
    from multimodal_study.pipelines.perturbation.panels import Asked

    Array = np.ndarray[Any, Any]
    Drawn = tuple[float, Array]

logger = logging.getLogger(__name__)

WORTH = [
    "paradigm", "origin", "metric", "seeds", "examples",
    "shapley", "shapley_low", "shapley_high", "alone", "alone_low", "alone_high",
    "without", "without_low", "without_high", "shuffled", "shuffled_low", "shuffled_high",
    "all", "all_low", "all_high", "none", "none_low", "none_high",
    "expected_shapley", "expected_alone", "verdict", "missing",
]  # fmt: skip
INTERACTIONS = [
    "paradigm", "metric", "seeds", "items", "model", "model_low", "model_high",
    "additive", "additive_low", "additive_high", "gap", "gap_low", "gap_high", "verdict",
]  # fmt: skip
AGREES, OPEN, CONTRADICTS = "as constructed", "not resolved", "contradicts the construction"
TOGETHER, APART = "uses them together", "no measurable use of both together"
BELOW = "below its additive projection"


def modality_worth(  # noqa: PLR0917
    perturbed_by_paradigm: Mapping[str, pd.DataFrame],
    configs: Mapping[str, Mapping[str, Any]],
    perturbation: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    seed: int,
    construction: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Shapley value of every origin for every paradigm, with intervals over the test examples.

    Args:
        perturbed_by_paradigm: What ``perturb`` made of each cell.
        configs: Configurations of the same cells.
        perturbation: The block of the parameters.
        evaluation: How intervals are made.
        seed: That of ``perturb``, for the orders of many origins.
        construction: Where the data were constructed, the deciding metric that the best possible
            classifier reaches with each subset of origins, named as in ``perturbed``; else empty.

    Returns:
        A row per paradigm and origin, the most valuable first; the columns are :data:`WORTH`.
        ``alone``, ``without``, ``shuffled``: the metric with this origin only, with all others,
        with this origin from another example. ``verdict`` compares the order of the origins with
        the construction; empty where nothing is known. ``missing`` says what stands for an origin
        that is away.

    Raises:
        ValueError: A table breaks its contract.
    """
    import pandas as pd

    from multimodal_study.metrics.table import task_of
    from multimodal_study.pipelines.perturbation.conditions import perturbation_of
    from multimodal_study.pipelines.perturbation.panels import asked_of

    settings = perturbation_of(perturbation)
    rows: list[dict[str, Any]] = []
    for paradigm, perturbed in perturbed_by_paradigm.items():
        config = configs[paradigm]
        asked = asked_of(perturbed, task_of(dict(config["task"])), evaluation)
        found = _of_cell(asked, settings, seed, construction or {})
        note = handling(config)
        rows += [{"paradigm": paradigm, **row, "missing": note} for row in found]
    return pd.DataFrame(rows, columns=WORTH)


def interactions(
    perturbed_by_paradigm: Mapping[str, pd.DataFrame],
    configs: Mapping[str, Mapping[str, Any]],
    evaluation: Mapping[str, Any],
) -> pd.DataFrame:
    """Metric of each paradigm less that of its best additive stand-in (EMAP), on the same examples.

    Returns:
        A row per paradigm whose origins could be exchanged; the columns are :data:`INTERACTIONS`.
        ``gap`` is positive where the paradigm gains by reading its origins together. The interval
        covers the choice of the ``items`` examples, with the projection held fixed.
    """
    import pandas as pd

    from multimodal_study.metrics.table import task_of
    from multimodal_study.pipelines.perturbation.conditions import ADDITIVE, PAIRED
    from multimodal_study.pipelines.perturbation.panels import asked_of

    rows = []
    for paradigm, perturbed in perturbed_by_paradigm.items():
        chosen = perturbed[perturbed["perturbation"].isin([PAIRED, ADDITIVE])]
        if chosen.empty:
            logger.info("%s: its origins cannot be exchanged, no additive projection", paradigm)
            continue
        asked = asked_of(chosen, task_of(dict(configs[paradigm]["task"])), evaluation)
        (model,), (additive,) = (asked.of(name).values() for name in (PAIRED, ADDITIVE))
        own, other = asked.drawn(model), asked.drawn(additive)
        gap = asked.summary(
            asked.sign * (own[0] - other[0]), asked.sign * (own[1] - other[1]), "gap"
        )
        verdict = TOGETHER if gap["gap_low"] > 0 else BELOW if gap["gap_high"] < 0 else APART
        rows.append(
            {"paradigm": paradigm, "metric": asked.metric.name, "seeds": len(model.seeds)}
            | {"items": len(model.examples), **asked.summary(*own, "model")}
            | {**asked.summary(*other, "additive"), **gap, "verdict": verdict}
        )
    return pd.DataFrame(rows, columns=INTERACTIONS)


def _of_cell(
    asked: Asked, settings: Any, seed: int, construction: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Rows of one cell, without its name."""
    from multimodal_study.metrics.shapley import sampled_values, shapley_values
    from multimodal_study.pipelines.perturbation.conditions import SHUFFLED, SUBSET, sampled_orders

    subsets = {coalition(name): panel for (name, _), panel in asked.of(SUBSET).items()}
    drawn = {coalition(name): found for (name, _), found in asked.drawn_all(SUBSET).items()}
    exchanged = asked.drawn_all(SHUFFLED)
    origins = [name for name, _ in exchanged]
    everything = frozenset(origins)
    sampled = sampled_orders(origins, settings, seed)

    def values(worth: Mapping[Coalition, Any]) -> dict[str, Array]:
        return sampled_values(worth, sampled) if sampled else shapley_values(worth)

    value = values({one: asked.sign * d[0] for one, d in drawn.items()})
    spread = values({one: asked.sign * d[1] for one, d in drawn.items()})
    expected, alone = _expected(construction, origins, asked.sign)
    rows = []
    for origin in sorted(origins, key=lambda name: -float(value[name])):
        rows.append(
            {"origin": origin, "metric": asked.metric.name}
            | {"seeds": len(subsets[everything].seeds)}
            | {"examples": len(subsets[everything].examples)}
            | asked.summary(float(value[origin]), spread[origin], "shapley")
            | asked.summary(*drawn[frozenset([origin])], "alone")
            | asked.summary(*drawn[everything - {origin}], "without")
            | asked.summary(*exchanged[origin, 0.0], "shuffled")
            | asked.summary(*drawn[everything], "all")
            | asked.summary(*drawn[frozenset()], "none")
            | {"expected_shapley": expected.get(origin), "expected_alone": alone.get(origin)}
            | {"verdict": _verdict(origin, value, spread, expected, asked)}
        )
    return rows


def coalition(name: str) -> Coalition:
    """Origins of a subset's name."""
    from multimodal_study.pipelines.perturbation.conditions import AND

    return frozenset(name.split(AND)) if name else frozenset()


def _expected(
    construction: Mapping[str, float], origins: Sequence[str], sign: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Shapley value and metric alone of each origin for the best possible classifier."""
    import numpy as np

    from multimodal_study.metrics.shapley import every_subset, shapley_values

    known = {coalition(name): value for name, value in construction.items()}
    if any(one not in known for one in every_subset(origins)):
        return {}, {}
    value = shapley_values({one: np.asarray(sign * known[one]) for one in every_subset(origins)})
    return (
        {name: float(one) for name, one in value.items()},
        {name: known[frozenset([name])] for name in origins},
    )


def _verdict(
    origin: str,
    value: Mapping[str, Array],
    spread: Mapping[str, Array],
    expected: Mapping[str, float],
    asked: Asked,
) -> str:
    """Whether the origin stands to every other as the construction says; empty if it says nothing.

    A difference that construction says is there must be measured with its sign; one that it says is
    not must not be measured. A single origin must be worth something if construction says so.
    """
    if not expected:
        return ""
    pairs = [pair for pair in combinations(sorted(value), 2) if origin in pair]
    found = [_compared(value[a] - value[b], spread[a] - spread[b], expected[a] - expected[b], asked)
             for a, b in pairs]  # fmt: skip
    if not pairs:
        found = [_compared(value[origin], spread[origin], expected[origin], asked)]
    return max(found, key=[AGREES, OPEN, CONTRADICTS].index)


def _compared(value: Array, spread: Array, expected: float, asked: Asked) -> str:
    seen = asked.summary(float(value), spread)
    low, high = seen["low"], seen["high"]
    measured = 1 if low > 0 else -1 if high < 0 else 0
    told = 0 if abs(expected) < 1e-9 else 1 if expected > 0 else -1  # noqa: PLR2004
    if measured == told:
        return AGREES
    return OPEN if measured == 0 else CONTRADICTS
