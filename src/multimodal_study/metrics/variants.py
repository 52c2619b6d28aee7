"""One name, several meanings: the variants of a metric that others report, from one table.

They stand in the ledger, so that a number from elsewhere can be compared with the one that was
meant. None of them decides anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from multimodal_study.contract import Task, TaskKind
from multimodal_study.metrics import classification, regression
from multimodal_study.metrics.registry import CLASSES, NUMBERS, Metric
from multimodal_study.metrics.statistics import Array, divide, mean_of, mean_of_defined, ratio
from multimodal_study.metrics.table import Panel, Rows

BITS = 1.0 / np.log(2.0)


@dataclass(frozen=True)
class Context:
    """What a reading needs beside the predictions."""

    cluster: Array
    """Cluster of each example, int64 ``[n]``."""
    values: Array
    """Value of each class of an ordinal task, float64 ``[c]``; empty for others."""


@dataclass(frozen=True)
class Variant:
    """A reading of a metric's name."""

    quantity: str
    """The name that they share."""
    variant: str
    """Which reading this is."""
    definition: str
    higher_is_better: bool
    kinds: tuple[TaskKind, ...]
    statistics: Callable[[Rows, Context], Array]
    """Rows to sums float64 ``[n, s]``."""
    combine: Callable[[Array], Array]
    ours: bool = False
    """Whether the leaderboard shows this one."""
    clustered: bool = False
    """Whether it differs from others only where a cluster has several examples."""


def class_accuracy_statistics(rows: Rows) -> Array:
    """Hits and number of each class, float64 ``[n, 2 c]``."""
    classes = rows.probabilities.shape[1]
    own = np.eye(classes)[rows.target]
    return np.concatenate([own * (rows.prediction == rows.target)[:, None], own], axis=1)


def combine_class_accuracy(sums: Array) -> Array:
    """Mean over the classes that occur of hits / number: ``[..., 2 c]`` to ``[...]``."""
    half = sums.shape[-1] // 2
    return mean_of_defined(divide(sums[..., :half], sums[..., half:]))


def per_cluster(losses: Array, cluster: Array) -> Array:
    """Sums of the mean over clusters of the root of each cluster's mean loss, ``[n, 2]``.

    Exact under a bootstrap of whole clusters, since every row of a cluster carries an equal share.
    """
    count = np.bincount(cluster)
    root = np.sqrt(np.bincount(cluster, losses) / np.maximum(count, 1))
    return np.stack([root[cluster] / count[cluster], 1.0 / count[cluster]], axis=1)


def _squared(rows: Rows) -> Array:
    return np.asarray(np.square(rows.expected - rows.value))


VARIANTS: tuple[Variant, ...] = (
    Variant(
        "accuracy", "per sample", "Share of examples that are right.", True, CLASSES,
        lambda rows, _: mean_of(rows.target == rows.prediction), ratio, ours=True,
    ),
    Variant(
        "accuracy", "per class",
        "Mean over classes of the share of their examples that are right (balanced accuracy).",
        True, CLASSES, lambda rows, _: class_accuracy_statistics(rows), combine_class_accuracy,
    ),
    Variant(
        "Brier score", "sum over classes", "Mean of the sum over classes, 0 to 2.", False, CLASSES,
        lambda rows, _: classification.brier_statistics(rows.target, rows.probabilities), ratio,
        ours=True,
    ),
    Variant(
        "Brier score", "positive class alone",
        "Mean of (probability of the positive class - outcome)^2, 0 to 1, as scikit-learn has it.",
        False, ("binary",),
        lambda rows, _: classification.brier_statistics(rows.target, rows.probabilities)
        * np.array([0.5, 1.0]),
        ratio,
    ),
    Variant(
        "ECE", "15 bins", "15 bins of equal width.", False, CLASSES,
        lambda rows, _: classification.ece_statistics(rows.target, rows.probabilities, 15),
        classification.combine_ece, ours=True,
    ),
    Variant(
        "ECE", "10 bins", "10 bins of equal width.", False, CLASSES,
        lambda rows, _: classification.ece_statistics(rows.target, rows.probabilities, 10),
        classification.combine_ece,
    ),
    Variant(
        "NLL", "nats", "Natural logarithm.", False, CLASSES,
        lambda rows, _: classification.nll_statistics(rows.target, rows.probabilities), ratio,
        ours=True,
    ),
    Variant(
        "NLL", "bits", "Logarithm to base 2.", False, CLASSES,
        lambda rows, _: classification.nll_statistics(rows.target, rows.probabilities)
        * np.array([BITS, 1.0]),
        ratio,
    ),
    Variant(
        "RMSE", "pooled", "Root of the mean over all examples.", False, NUMBERS,
        lambda rows, _: mean_of(_squared(rows)), regression.combine_rmse, ours=True,
    ),
    Variant(
        "RMSE", "per cluster",
        "Mean over clusters (users or reviewers) of the root of each one's mean.",
        False, NUMBERS, lambda rows, known: per_cluster(_squared(rows), known.cluster), ratio,
        clustered=True,
    ),
    Variant(
        "RMSE", "most probable class",
        "Pooled, of the value of the most probable class in place of the expected value.",
        False, ("ordinal",),
        lambda rows, known: mean_of(np.square(known.values[rows.prediction] - rows.value)),
        regression.combine_rmse,
    ),
)  # fmt: skip


def variants_for(task: Task, panel: Panel[Rows]) -> dict[tuple[str, str], Metric[Rows]]:
    """Quantity and variant to its metric, of those that the task and its clusters tell apart."""
    several = panel.clusters < len(panel.examples)
    known = Context(panel.cluster, np.asarray(task.values, dtype=np.float64))
    return {
        (one.quantity, one.variant): Metric[Rows](
            name=f"{one.quantity}, {one.variant}",
            label=f"{one.quantity}, {one.variant}",
            definition=one.definition,
            higher_is_better=one.higher_is_better,
            kinds=one.kinds,
            statistics=lambda rows, one=one: one.statistics(rows, known),  # type: ignore[misc]
            combine=one.combine,
            recentre=one.quantity == "ECE",
        )
        for one in VARIANTS
        if task.kind in one.kinds and (several or not one.clustered)
    }
