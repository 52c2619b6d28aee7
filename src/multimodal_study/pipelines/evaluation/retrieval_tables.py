"""Retrieval in the tables of a dataset: the leaderboard and the paired differences."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.evaluation.nodes import (
    CONTRIBUTIONS,
    LEADERBOARD,
    contribution_row,
)
from multimodal_study.pipelines.evaluation.retrieval import LINEAR_MAPS
from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.metrics.table import Panel

logger = logging.getLogger(__name__)

CHANCE = "chance"
CHOSEN_ON = "validation"


def with_retrieval(
    leaderboard: pd.DataFrame,
    retrieval_by_paradigm: Mapping[str, Mapping[str, Any]],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """The leaderboard with the retrieval metrics below, the best paradigm first, chance last.

    The order is by the mean reciprocal rank of both directions on the first of
    ``evaluation.splits``. Rows of ``chance`` have no interval and no seed.
    """
    import pandas as pd

    splits = splits_of(evaluation)
    able = {name: one for name, one in retrieval_by_paradigm.items() if one["rows"]}
    if not able:
        return leaderboard
    order = sorted(able, key=lambda name: -_score(able[name], splits[0]))
    rows = [
        {"paradigm": name, **row}
        for name in order
        for split in splits
        for row in able[name]["rows"]
        if row["split"] == split
    ]
    rows += [
        {"paradigm": CHANCE, "metric": metric, "value": value, "seeds": 0, "split": split}
        for split in splits
        for metric, value in able[order[0]]["chance"].get(split, {}).items()
    ]
    below = pd.DataFrame(rows, columns=LEADERBOARD)
    below = below.astype({"value": "float64", "low": "float64", "high": "float64"})
    return pd.concat([leaderboard, below], ignore_index=True)


def with_retrieval_differences(
    contributions: pd.DataFrame,
    ranks_by_paradigm: Mapping[str, pd.DataFrame],
    retrieval_by_paradigm: Mapping[str, Mapping[str, Any]],
    evaluation: dict[str, Any],
    comparisons: Sequence[Mapping[str, str]],
) -> pd.DataFrame:
    """The contributions with the paired differences in retrieval below.

    Compared are the pairs of ``comparisons`` that both retrieve, and every paradigm with
    the linear map of the bare features that is best on validation. Queries are paired; the gallery
    is the same.
    """
    import pandas as pd

    from multimodal_study.metrics.bootstrap import paired_difference, replicates
    from multimodal_study.metrics.retrieval import retrieval_metrics
    from multimodal_study.metrics.retrieval_table import ranks_panels

    able = {name: one for name, one in retrieval_by_paradigm.items() if one["rows"]}
    pairs = _pairs(able, comparisons)
    if not pairs:
        return contributions
    first, second = next(iter(able.values()))["pair"]
    metrics = retrieval_metrics((first, second))
    resampling = resampling_of(evaluation)
    used = dict.fromkeys(name for _, *names in pairs for name in names)
    panels: dict[str, dict[str, Panel[Any]]] = {
        name: dict(ranks_panels(ranks_by_paradigm[name], (first, second))) for name in used
    }
    rows = []
    for split in splits_of(evaluation):
        if any(split not in each for each in panels.values()):
            logger.warning("retrieval was not measured on %s: no difference there", split)
            continue
        drawn = {name: replicates(panels[name][split], metrics, resampling) for name in used}
        for title, one, other in pairs:
            both = (panels[one][split], panels[other][split])
            known = (drawn[one], drawn[other])
            found = paired_difference(*both, metrics, resampling, known)
            rows += [contribution_row(title, metrics[name], found[name], split) for name in metrics]
    below = pd.DataFrame(rows, columns=CONTRIBUTIONS)
    return pd.concat([contributions, below], ignore_index=True)


def strongest_map(retrieval_by_paradigm: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The linear map of the bare features that retrieves best on validation; None without one."""
    able = [name for name in LINEAR_MAPS if retrieval_by_paradigm.get(name, {}).get("rows")]
    return max(able, key=lambda name: _score(retrieval_by_paradigm[name], CHOSEN_ON), default=None)


def _pairs(
    able: Mapping[str, Mapping[str, Any]], comparisons: Iterable[Mapping[str, str]]
) -> list[tuple[str, str, str]]:
    pairs = []
    for wanted in comparisons:
        first, second = wanted["with"], wanted["without"]
        if first in able and second in able:
            pairs.append((f"{wanted['what']} ({first} against {second})", first, second))
    strongest = strongest_map(able)
    if strongest is not None:
        pairs += [
            (
                f"Retrieving with {name} instead of {strongest} (the strongest linear map of the"
                " bare features)",
                name,
                strongest,
            )
            for name in able
            if name not in LINEAR_MAPS
        ]
    return pairs


def _score(retrieval: Mapping[str, Any], split: str) -> float:
    """Mean reciprocal rank of both directions, duplicates counted; -1 where not measured."""
    from multimodal_study.metrics.retrieval import directions

    first, second = retrieval["pair"]
    wanted = [f"mrr_{direction}" for direction in directions((first, second))]
    found = [
        float(row["value"])
        for row in retrieval["rows"]
        if row["split"] == split and row["metric"] in wanted and row["value"] is not None
    ]
    return math.fsum(found) / len(found) if found else -1.0
