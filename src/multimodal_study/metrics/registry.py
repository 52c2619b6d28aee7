"""The table of metrics: name, definition, direction, and how each is computed from sums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from multimodal_study.contract import TaskKind
from multimodal_study.metrics import classification, ranks, regression
from multimodal_study.metrics.statistics import Array, mean_of, ratio, totals
from multimodal_study.metrics.table import Rows

CLASSES: tuple[TaskKind, ...] = ("binary", "multiclass", "ordinal")
NUMBERS: tuple[TaskKind, ...] = ("ordinal", "regression")


Measured = TypeVar("Measured")
"""What a metric reads: the predictions of one seed, or how its queries were answered."""


@dataclass(frozen=True)
class Metric(Generic[Measured]):
    """One row of the table."""

    name: str
    label: str
    """What a reader sees in a heading."""
    definition: str
    """One or two sentences for the report."""
    higher_is_better: bool
    kinds: tuple[TaskKind, ...]
    """Tasks on which the metric is defined."""
    statistics: Callable[[Measured], Array]
    """Rows to float64 [n, s]: what each row adds to the sums."""
    combine: Callable[[Array], Array]
    """Sums [..., s] to the metric [...]."""
    ranked: bool = False
    """True for an area under a ROC curve, whose sums are exact for equal weights only."""
    recentre: bool = False
    """True where a resample is biased, so that its spread is read around the value."""

    def value(self, rows: Measured) -> float:
        """The metric of ``rows``; NaN where it is not defined."""
        return float(self.combine(totals(self.statistics(rows))))


def metrics_for(kind: TaskKind, ece_bins: int = classification.BINS) -> dict[str, Metric[Rows]]:
    """Metrics of a task, by name, in the order of reports.

    Args:
        kind: Kind of the task.
        ece_bins: Number of confidence bins of the calibration error.

    Raises:
        ValueError: If ``ece_bins`` is below 1.
    """
    if ece_bins < 1:
        raise ValueError(f"evaluation.ece_bins is {ece_bins}, expected at least 1; 15 is usual")
    chosen = {name: metric for name, metric in METRICS.items() if kind in metric.kinds}
    if "ece" in chosen:
        chosen["ece"] = replace(
            chosen["ece"],
            definition=_ECE.format(bins=ece_bins),
            statistics=lambda rows: classification.ece_statistics(
                rows.target, rows.probabilities, ece_bins
            ),
        )
    return chosen


_ECE = (
    "Expected calibration error: rows are put into {bins} bins of equal width by the probability"
    " of the predicted class; mean over rows of |hit rate - mean probability| of the bin, 0 to 1"
    " (Guo et al., 2017). Its interval is the spread of resamples read around the value, because"
    " resampling inflates the error itself."
)

_TABLE: tuple[Metric[Rows], ...] = (
    Metric(
        name="accuracy",
        label="Accuracy",
        definition="Share of examples whose predicted class is the true one, 0 to 1.",
        higher_is_better=True,
        kinds=CLASSES,
        statistics=lambda rows: mean_of(rows.target == rows.prediction),
        combine=ratio,
    ),
    Metric(
        name="macro_f1",
        label="Macro F1",
        definition="F1 = 2 hits / (true + predicted) of each class, then the plain mean over the"
        " classes that occur, so that a rare class counts as much as a frequent one; 0 to 1.",
        higher_is_better=True,
        kinds=CLASSES,
        statistics=lambda rows: classification.macro_f1_statistics(
            rows.target, rows.prediction, rows.probabilities.shape[1]
        ),
        combine=classification.combine_macro_f1,
    ),
    Metric(
        name="auroc",
        label="AUROC",
        definition="Area under the ROC curve: the probability that a random positive example is"
        " ranked above a random negative one, ties counting half; 0.5 is chance. With more than"
        " two classes, the plain mean over classes of each against the rest.",
        higher_is_better=True,
        kinds=CLASSES,
        statistics=lambda rows: ranks.area_statistics(rows.target, rows.probabilities),
        combine=ranks.combine_areas,
        ranked=True,
    ),
    Metric(
        name="brier",
        label="Brier score",
        definition="Mean over examples of the sum over classes of (probability - outcome)^2, 0 to"
        " 2, also for two classes (Brier, 1950): twice the one-column form of a binary task.",
        higher_is_better=False,
        kinds=CLASSES,
        statistics=lambda rows: classification.brier_statistics(rows.target, rows.probabilities),
        combine=ratio,
    ),
    Metric(
        name="nll",
        label="NLL (nats)",
        definition="Mean negative natural logarithm of the probability given to the true class,"
        " in nats; probabilities are raised to at least 2.2e-16.",
        higher_is_better=False,
        kinds=CLASSES,
        statistics=lambda rows: classification.nll_statistics(rows.target, rows.probabilities),
        combine=ratio,
    ),
    Metric(
        name="ece",
        label="ECE",
        definition=_ECE.format(bins=classification.BINS),
        higher_is_better=False,
        kinds=CLASSES,
        statistics=lambda rows: classification.ece_statistics(rows.target, rows.probabilities),
        combine=classification.combine_ece,
        recentre=True,
    ),
    Metric(
        name="mae",
        label="MAE",
        definition="Mean absolute difference between the predicted and the true value, in the"
        " unit of the target. An ordinal task predicts the probability-weighted value.",
        higher_is_better=False,
        kinds=NUMBERS,
        statistics=lambda rows: mean_of(np.abs(rows.expected - rows.value)),
        combine=ratio,
    ),
    Metric(
        name="rmse",
        label="RMSE",
        definition="Root of the mean squared difference between the predicted and the true value,"
        " in the unit of the target. An ordinal task predicts the probability-weighted value.",
        higher_is_better=False,
        kinds=NUMBERS,
        statistics=lambda rows: mean_of(np.square(rows.expected - rows.value)),
        combine=regression.combine_rmse,
    ),
    Metric(
        name="quadratic_kappa",
        label="Quadratic kappa",
        definition="Agreement of predicted and true class beyond chance, distances squared and"
        " classes equally spaced; 1 is perfect, 0 is chance (Cohen, 1968).",
        higher_is_better=True,
        kinds=("ordinal",),
        statistics=lambda rows: regression.quadratic_kappa_statistics(rows.target, rows.prediction),
        combine=regression.combine_quadratic_kappa,
    ),
)

METRICS: dict[str, Metric[Rows]] = {metric.name: metric for metric in _TABLE}
