"""What the pages over all datasets know of one: plain JSON values, so that runs can be joined.

A run of one dataset writes its entry, and the overview, the pages of paradigms, the ledger and the
chapters are made from the entries that lie there, whichever run made them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from multimodal_study.reporting.html import DataRecord, Results, Settings, dataset_summary
from multimodal_study.reporting.render import json_rows
from multimodal_study.reporting.retrieval import of_tasks
from multimodal_study.reporting.shown import Drawn

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
"""Of an entry; an older one is listed on the overview, and what it lacks is said to be missing."""
CURVES = ("seed", "epoch", "train_loss", "validation_loss")
Entry = Mapping[str, Any]


def study_entry(  # noqa: PLR0917
    dataset: str,
    results: Results,
    data: DataRecord,
    cells: Mapping[str, Mapping[str, Any]],
    histories: Mapping[str, pd.DataFrame],
    made: Mapping[str, Any],
    settings: Settings,
    drawn: Sequence[Drawn] = (),
) -> dict[str, Any]:
    """The entry of one dataset.

    Args:
        dataset: Its name.
        results: What the evaluation made.
        data: What is known about its rows.
        cells: The record of each paradigm (``pipelines.report.record.describe``).
        histories: Training curves by paradigm.
        made: The tables ``answers`` and ``variants``, and the ``feature_card``.
        settings: How the study was run.
        drawn: Pictures in files beside the pages.
    """
    split = dict(data.split or {})
    return {
        **dataset_summary(dataset, results.metrics_by_paradigm, settings.evaluation, data.ingest),
        "schema": SCHEMA,
        "leaderboard": json_rows(of_tasks(results.leaderboard)),
        "retrieval": _retrieval(results),
        "contributions": json_rows(of_tasks(results.contributions)),
        "significance": [] if results.significance is None else json_rows(results.significance),
        "costs": json_rows(results.costs),
        "answers": json_rows(made["answers"]),
        "variants": json_rows(made["variants"]),
        "card": dict(made["feature_card"]),
        "cells": dict(cells),
        "histories": {name: _curve(table) for name, table in histories.items() if _has(table)},
        "split_record": {
            key: split[key] for key in ("strategy", "rows", "digests") if key in split
        },
        "rows": {
            str(file["path"]): {
                key: file[key] for key in ("rows_read", "kept", "duplicates", "quarantined")
            }
            for file in (data.ingest or {}).get("files", [])
        },
        "evaluation": dict(settings.evaluation),
        "trainer": dict(settings.parameters.get("trainer", {})),
        "pictures": [asdict(one) for one in drawn],
        "run": dict(settings.run),
    }


def _retrieval(results: Results) -> dict[str, Any]:
    """``pair``, the space of each paradigm that retrieves, and their rows of the leaderboard."""
    able = {name: one for name, one in results.retrieval_by_paradigm.items() if one["rows"]}
    if not able:
        return {}
    board = results.leaderboard
    rows = board[~board.index.isin(of_tasks(board).index)]
    return {
        "pair": list(next(iter(able.values()))["pair"]),
        "spaces": {name: str(one["space"]) for name, one in able.items()},
        "rows": json_rows(rows),
    }


def _has(table: pd.DataFrame) -> bool:
    return "train_loss" in table.columns


def _curve(table: pd.DataFrame) -> list[dict[str, Any]]:
    return json_rows(table[[name for name in CURVES if name in table.columns]])
