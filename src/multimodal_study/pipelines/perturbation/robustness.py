"""How a fitted paradigm fares as its inputs get worse, severity by severity.

Curves of the deciding metric on test: an origin removed, noise of rising severity, and shares of
the rows that lose an origin by Rubin's three mechanisms, in expectation over what is lost
(:mod:`multimodal_study.metrics.missingness`). The area under a curve is its mean height; no other
paradigm enters into it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.perturbation.worth import coalition

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.contract import Features
    from multimodal_study.pipelines.perturbation.conditions import Perturbation
    from multimodal_study.pipelines.perturbation.panels import Asked
    from multimodal_study.pipelines.perturbation.scores import Components

    Array = np.ndarray[Any, Any]

logger = logging.getLogger(__name__)

CURVES = [
    "paradigm", "perturbation", "origin", "severity", "metric", "value", "low", "high",
    "seeds", "examples",
]  # fmt: skip
AREAS = [
    "paradigm", "perturbation", "origin", "metric", "clean", "clean_low", "clean_high",
    "worst", "worst_low", "worst_high", "area", "area_low", "area_high",
    "lost", "lost_low", "lost_high", "seeds", "examples",
]  # fmt: skip
REMOVED, NOISE = "removed", "noise"
COMPLETELY = "missing completely at random"
AT_RANDOM = "missing at random"
NOT_BY_VALUE = "missing not at random, by its value"
NOT_BY_LABEL = "missing not at random, by label"
EVERY = "every origin"

Row = dict[str, Any]
Key = tuple[str, str, float]
"""Perturbation, origin, severity."""


@dataclass(frozen=True)
class Curve:
    """Severities, 0 first, with what the sums of the metric are made of at each: by seed."""

    perturbation: str
    origin: str
    severities: list[float]
    statistics: list[list[Array]]


def robustness(
    features: Features,
    perturbed_by_paradigm: Mapping[str, pd.DataFrame],
    configs: Mapping[str, Mapping[str, Any]],
    perturbation: Mapping[str, Any],
    evaluation: Mapping[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves and areas of every paradigm.

    Args:
        features: The dataset's: what losses depend on is the same for every paradigm.
        perturbed_by_paradigm: What ``perturb`` made of each cell.
        configs: Configurations of the same cells.
        perturbation: The block of the parameters.
        evaluation: How intervals are made.

    Returns:
        A row per point of a curve, the columns are :data:`CURVES`; and a row per curve, the columns
        are :data:`AREAS`: ``worst`` is the value at the highest severity, ``lost`` what the area
        is worse than ``clean`` (positive: a loss). ``severity``: standard deviations of train
        (noise), or the share of the rows without the origin.

    Raises:
        ValueError: A table breaks its contract.
    """
    import pandas as pd
    from joblib import cpu_count

    from multimodal_study.metrics.table import task_of
    from multimodal_study.pipelines.perturbation.conditions import perturbation_of
    from multimodal_study.pipelines.perturbation.panels import asked_of
    from multimodal_study.pipelines.perturbation.scores import Components
    from multimodal_study.side_by_side import side_by_side

    settings = perturbation_of(perturbation)
    points: list[Row] = []
    areas: list[Row] = []
    own = {
        paradigm: asked_of(perturbed, task_of(dict(configs[paradigm]["task"])), evaluation)
        for paradigm, perturbed in perturbed_by_paradigm.items()
    }
    for name in {asked.metric.name for asked in own.values() if asked.metric.ranked}:
        logger.warning("no curves: %s is no function of sums over rows", name)
        return pd.DataFrame(columns=CURVES), pd.DataFrame(columns=AREAS)

    components = Components(features)
    cells = ((asked, list(_curves(asked, components, settings))) for asked in own.values())
    made = side_by_side(_rows, cells, max(1, min(cpu_count(), len(own))))
    for paradigm, rows in zip(own, made, strict=True):
        for all_rows, own_rows in zip((points, areas), rows, strict=True):
            all_rows += [{**row, "paradigm": paradigm} for row in own_rows]
    return pd.DataFrame(points, columns=CURVES), pd.DataFrame(areas, columns=AREAS)


def _rows(cell: tuple[Asked, list[Curve]]) -> tuple[list[Row], list[Row]]:
    """Points and areas of one paradigm."""
    asked, curves = cell
    found = _measured(asked, curves)
    whole = next(iter(asked.panels.values()))
    about = {"metric": asked.metric.name, "seeds": len(whole.seeds)}
    about |= {"examples": len(whole.examples)}
    points: list[Row] = []
    areas: list[Row] = []
    for curve in curves:
        named = {**about, "perturbation": curve.perturbation, "origin": curve.origin}
        own = [found[curve.perturbation, curve.origin, s] for s in curve.severities]
        points += [
            {**named, "severity": severity, **asked.summary(*one)}
            for severity, one in zip(curve.severities, own, strict=True)
        ]
        areas.append({**named, **_area(asked, curve.severities, own)})
    return points, areas


def _measured(asked: Asked, curves: list[Curve]) -> dict[Key, tuple[float, Array]]:
    """Every point of every curve, mean over seeds, with its resamples: in one pass."""
    statistics = {
        (curve.perturbation, curve.origin, severity): own
        for curve in curves
        for severity, own in zip(curve.severities, curve.statistics, strict=True)
    }
    return asked.drawn_together(statistics)


def _area(
    asked: Asked, severities: list[float], own: list[tuple[float, Array]]
) -> dict[str, float]:
    import numpy as np

    from multimodal_study.metrics.missingness import area

    places = np.asarray(severities)
    value = float(area(places, np.array([one[0] for one in own])))
    drawn = area(places, np.stack([one[1] for one in own], axis=-1))
    clean = own[0]
    lost = asked.sign * (clean[0] - value), asked.sign * (clean[1] - drawn)
    return {
        **asked.summary(*clean, "clean"),
        **asked.summary(*own[-1], "worst"),
        **asked.summary(value, drawn, "area"),
        **asked.summary(*lost, "lost"),
    }


def _curves(asked: Asked, components: Components, settings: Perturbation) -> Iterator[Curve]:
    from multimodal_study.metrics.missingness import loss_probabilities
    from multimodal_study.pipelines.perturbation.conditions import NOISE as NOISY
    from multimodal_study.pipelines.perturbation.conditions import SHUFFLED, SUBSET

    def seen(panel: Any) -> list[Array]:
        return [asked.metric.statistics(rows) for rows in panel.rows]

    subsets = {coalition(name): seen(panel) for (name, _), panel in asked.of(SUBSET).items()}
    origins = [name for name, _ in asked.of(SHUFFLED)]
    whole = frozenset(origins)
    noisy = asked.of(NOISY)
    for origin in origins:
        gone = subsets[whole - {origin}]
        yield Curve(REMOVED, origin, [0.0, 1.0], [subsets[whole], gone])
        levels = sorted(severity for name, severity in noisy if name == origin)
        worse = [seen(noisy[origin, severity]) for severity in levels]
        yield Curve(NOISE, origin, [0.0, *levels], [subsets[whole], *worse])
    scores = _scores(components, next(iter(asked.panels.values())).examples, origins)
    rates = [0.0, *settings.missing, 1.0]
    for (mechanism, origin), score in scores.items():
        slope = 0.0 if mechanism == COMPLETELY else settings.dependence
        losses = [{origin: loss_probabilities(score, rate, slope)} for rate in rates]
        mixed = [_mixed(subsets, whole, loss) for loss in losses]
        yield Curve(mechanism, origin, rates, mixed)
    if len(origins) > 1 and len(subsets) == 2 ** len(origins):
        even = next(iter(scores.values()))
        every = [dict.fromkeys(origins, loss_probabilities(even, rate, 0.0)) for rate in rates]
        yield Curve(COMPLETELY, EVERY, rates, [_mixed(subsets, whole, loss) for loss in every])


def _mixed(
    subsets: Mapping[frozenset[str], list[Array]],
    whole: frozenset[str],
    losses: Mapping[str, Array],
) -> list[Array]:
    """Expected statistics by seed where ``losses`` happen and all other origins stay."""
    from multimodal_study.metrics.missingness import expected_statistics, subset_probabilities

    stays = whole - set(losses)
    chance = {left | stays: p for left, p in subset_probabilities(losses).items()}
    seeds = range(len(subsets[whole]))
    return [expected_statistics({s: subsets[s][seed] for s in chance}, chance) for seed in seeds]


def _scores(
    components: Components, examples: Array, origins: list[str]
) -> dict[tuple[str, str], Array]:
    """Mechanism and origin to what its loss depends on, ``[n]``, in the order of ``examples``.

    At random: the first principal component of the other origins. Not at random: that of the
    origin itself, or the label (a class by how rare it is in train, rarer ones losing more; a
    number, or a class with a value, by that).
    """
    import pandas as pd

    from multimodal_study.pipelines.perturbation.scores import label_score

    features = components.features
    place = pd.Index(features.examples["example_id"]).get_indexer(examples)
    known = list(dict.fromkeys(item.origin for item in features.modalities.values()))
    label = label_score(features, place)
    found: dict[tuple[str, str], Array] = {}
    for origin in origins:
        found[COMPLETELY, origin] = label
        # An origin that no feature has is the cell's own, made of the pair.
        parts = [origin] if origin in known else list(features.pair or ())
        others = [other for other in known if other not in parts]
        if others:
            found[AT_RANDOM, origin] = components.first(others, place)
        found[NOT_BY_VALUE, origin] = components.first(parts, place)
        found[NOT_BY_LABEL, origin] = label
    return found
