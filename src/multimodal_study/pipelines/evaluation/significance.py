"""Every two paradigms of a dataset against each other, corrected for the number of tests."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

SIGNIFICANCE = [
    "first",
    "second",
    "metric",
    "difference",
    "p_value",
    "p_holm",
    "comparisons",
    "permutations",
    "split",
    "verdict",
]
NO_DIFFERENCE = "no measurable difference"
UNDEFINED = "not defined here"


def significance(
    predictions_by_paradigm: Mapping[str, pd.DataFrame],
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """Paired permutation tests of the deciding metric between every two paradigms.

    ``p_holm`` is corrected over all ``comparisons`` of a split; a difference is measurable where it
    is below one less ``evaluation.confidence``.

    Returns:
        One row per pair and split of ``evaluation.splits``, the better paradigm first; the columns
        are :data:`SIGNIFICANCE`. No row where an area under a ROC curve decides, since exchanging
        predictions is not exact for its sums; that is logged.

    Raises:
        InputError: If ``evaluation.permutations`` is out of its range.
        ValueError: If a split was not predicted, or the paradigms predicted different examples.
    """
    import pandas as pd

    from multimodal_study.metrics.registry import metrics_for
    from multimodal_study.metrics.selection import deciding
    from multimodal_study.metrics.table import panels, task_of

    decides = deciding(metrics_by_paradigm)
    task = task_of(next(iter(metrics_by_paradigm.values()))["task"])
    metric = metrics_for(task.kind, int(evaluation.get("ece_bins", 15)))[decides]
    if metric.ranked:
        logger.warning("no permutation test: %s is no function of sums over rows", decides)
        return pd.DataFrame(columns=SIGNIFICANCE)
    seen = {name: panels(table, task) for name, table in predictions_by_paradigm.items()}
    rows = []
    for split in splits_of(evaluation):
        if any(split not in panel for panel in seen.values()):
            raise ValueError(f"evaluation.splits has {split!r}, which was not predicted")
        rows += _of_split({name: one[split] for name, one in seen.items()}, metric, evaluation)
    return pd.DataFrame(rows, columns=SIGNIFICANCE)


def _of_split(
    panels: Mapping[str, Any], metric: Any, evaluation: dict[str, Any]
) -> list[dict[str, Any]]:
    from multimodal_study.metrics.permutation import holm, permutation_tests

    resampling = resampling_of(evaluation)
    permutations = int(evaluation.get("permutations", 5000))
    found = permutation_tests(panels, metric, resampling, permutations)
    corrected = holm([p for _, p in found.values()])
    family = sum(not math.isnan(p) for p in corrected)
    split = next(iter(panels.values())).split
    rows = []
    for (pair, (difference, p)), p_holm in zip(found.items(), corrected, strict=True):
        turned = difference < 0.0 if metric.higher_is_better else difference > 0.0
        better, worse = pair[::-1] if turned else pair
        verdict = NO_DIFFERENCE
        if math.isnan(p):
            verdict = UNDEFINED
        elif p_holm < 1.0 - resampling.confidence:
            verdict = f"{better} is better"
        rows.append(
            {"first": better, "second": worse, "metric": metric.name}
            | {"difference": -difference if turned else difference}
            | {"p_value": p, "p_holm": float(p_holm), "comparisons": family}
            | {"permutations": permutations, "split": split, "verdict": verdict}
        )
    return rows
