"""Which paradigm is best over all datasets, and is alignment tied to performance?"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

logger = logging.getLogger(__name__)

RANKS = [
    "paradigm", "mean_rank", "best_rank", "worst_rank", "blocks", "datasets", "paradigms",
    "chi_squared", "p_value", "critical_difference", "level", "split",
]  # fmt: skip
PAIRS = ["first", "second", "rank_difference", "p_value", "critical_difference", "verdict"]
CORRELATIONS = [
    "measure", "over", "spearman", "p_value", "p_holm", "cells", "permutations", "verdict",
]  # fmt: skip
ALL = "all datasets, ranks inside each"
MEASURES = {
    "cka": 1, "gap": -1, "alignment": -1, "uniformity_first": -1, "uniformity_second": -1,
    "recall_at_10": 1,
}  # fmt: skip
"""Measures of alignment, and the sign that makes more of it better."""
NO_DIFFERENCE, NO_TIE = "no measurable difference", "no measurable tie"
FEWEST_CELLS = 4

Cells = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By dataset and paradigm ``task``, of which ``decides`` is read, and ``per_seed``."""


def ranks(cells: Cells, evaluation: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Friedman's test over datasets and seeds, and every two paradigms by Nemenyi's.

    A block is one dataset and seed; ranked is the deciding metric of the dataset on the first of
    ``evaluation.splits``. Compared are the paradigms that every dataset has. One that was fitted
    once (a baseline without a random part) stands with that value in all blocks of a dataset.
    Seeds of a dataset share its examples, so that blocks are not independent: the test asks
    whether an order holds over fits and datasets, not over a population of datasets.

    Returns:
        A row per paradigm, the best mean rank first, columns :data:`RANKS`; and a row per pair,
        the better first, columns :data:`PAIRS`. Both empty where fewer than three paradigms are
        in every dataset or there are fewer than two blocks; that is logged.
    """
    import numpy as np
    import pandas as pd

    from multimodal_study.metrics.friedman import friedman_nemenyi, rank_blocks

    split, level = splits_of(evaluation)[0], 1.0 - resampling_of(evaluation).confidence
    shared = _shared(cells)
    scores = np.array([row for own in cells.values() for row in _blocks(own, shared, split)])
    try:
        found = friedman_nemenyi(scores.reshape(len(scores), len(shared)), level)
    except InputError as reason:
        logger.warning("no ranking over datasets: %s", reason)
        return pd.DataFrame(columns=RANKS), pd.DataFrame(columns=PAIRS)
    placed = rank_blocks(scores)
    order = np.argsort(found.ranks, kind="stable")
    common = {
        "blocks": len(scores),
        "datasets": ", ".join(cells),
        "paradigms": len(shared),
        "chi_squared": found.statistic,
        "p_value": found.p_value,
        "critical_difference": found.critical_difference,
        "level": level,
        "split": split,
    }
    table = [
        {"paradigm": shared[k], "mean_rank": float(found.ranks[k])}
        | {"best_rank": float(placed[:, k].min()), "worst_rank": float(placed[:, k].max())}
        | common
        for k in order
    ]
    pairs = [
        {"first": shared[a], "second": shared[b]}
        | {"rank_difference": float(found.ranks[b] - found.ranks[a])}
        | {"p_value": float(found.pairs[a, b])}
        | {"critical_difference": found.critical_difference}
        | {"verdict": f"{shared[a]} is better" if found.pairs[a, b] < level else NO_DIFFERENCE}
        for place, a in enumerate(order)
        for b in order[place + 1 :]
    ]
    return pd.DataFrame(table, columns=RANKS), pd.DataFrame(pairs, columns=PAIRS)


def alignment_and_task(
    alignment_by_dataset: Mapping[str, list[dict[str, Any]]], evaluation: dict[str, Any]
) -> pd.DataFrame:
    """Is alignment of the modalities tied to performance on the task, over cells?

    Args:
        alignment_by_dataset: Rows of the table ``alignment`` of each dataset; none without a pair.
        evaluation: ``permutations``, ``confidence`` and ``seed``.

    Returns:
        A row per measure and dataset, and one over all where there are several; the columns are
        :data:`CORRELATIONS`. Positive: cells that are more aligned are better at the task. Measures
        with fewer than four cells are left out.
    """
    import pandas as pd

    from multimodal_study.metrics.permutation import holm

    resampling = resampling_of(evaluation)
    permutations = int(evaluation.get("permutations", 5000))
    parts = [_signed(pd.DataFrame(own), name) for name, own in alignment_by_dataset.items() if own]
    rows: list[dict[str, Any]] = []
    if parts:
        every = pd.concat(parts, ignore_index=True)
        whole = {ALL: every} if len(parts) > 1 else {}
        by_dataset = {str(name): own for name, own in every.groupby("dataset", sort=False)}
        for over, own in {**by_dataset, **whole}.items():
            rows += _correlated(own, over, permutations, resampling.seed)
    table = pd.DataFrame(rows, columns=CORRELATIONS)
    table["p_holm"] = holm(table["p_value"].tolist())
    measured = table["p_holm"] < 1.0 - resampling.confidence
    tied = [f"tied, {'more' if rho > 0 else 'less'} is better" for rho in table["spearman"]]
    table["verdict"] = [t if m else NO_TIE for t, m in zip(tied, measured, strict=True)]
    return table


def draw(table: pd.DataFrame) -> Any:
    """The critical-difference diagram as a matplotlib figure."""
    from multimodal_study.reporting.critical_difference import critical_difference_figure

    return critical_difference_figure(table)


def _shared(cells: Cells) -> list[str]:
    """Paradigms that every dataset has, in the order of the first."""
    first, *others = cells.values()
    return [name for name in first if all(name in own for own in others)]


def _blocks(
    own: Mapping[str, Mapping[str, Any]], shared: list[str], split: str
) -> list[list[float]]:
    """Scores of ``shared`` by seed, higher is better, of one dataset."""
    from multimodal_study.metrics.registry import METRICS
    from multimodal_study.metrics.selection import deciding

    decides = deciding(own)
    sign = 1.0 if METRICS[decides].higher_is_better else -1.0
    by_seed = {
        name: {int(s): values[decides] for s, values in own[name]["per_seed"][split].items()}
        for name in shared
    }
    once = {name: next(iter(v.values())) for name, v in by_seed.items() if len(v) == 1}
    several = [set(v) for name, v in by_seed.items() if name not in once]
    seeds = sorted(set.intersection(*several)) if several else [0]
    return [
        [sign * (once[name] if name in once else by_seed[name][s]) for name in shared]
        for s in seeds
    ]


def _signed(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Measures and task, each with more meaning better, and the dataset."""
    import pandas as pd

    from multimodal_study.metrics.registry import METRICS

    recall = table[["recall_at_10_first", "recall_at_10_second"]].astype("float64").mean(axis=1)
    own = table.assign(recall_at_10=recall)
    better = own["metric"].map(lambda name: 1.0 if METRICS[name].higher_is_better else -1.0)
    signed = {name: sign * own[name].astype("float64") for name, sign in MEASURES.items()}
    task = better * own["task"].astype("float64")
    return pd.DataFrame({**signed, "task": task, "dataset": dataset})


def _correlated(own: pd.DataFrame, over: str, permutations: int, seed: int) -> list[dict[str, Any]]:
    from multimodal_study.metrics.friedman import rank_correlation

    rows = []
    for measure in MEASURES:
        known = own[own[measure].notna() & own["task"].notna()]
        if len(known) < FEWEST_CELLS:
            continue
        rho, p = rank_correlation(
            known[measure].to_numpy(),
            known["task"].to_numpy(),
            known["dataset"].to_numpy(),
            permutations=permutations,
            seed=seed,
        )
        rows.append(
            {"measure": measure, "over": over, "spearman": rho, "p_value": p}
            | {"cells": len(known), "permutations": permutations}
        )
    return rows
