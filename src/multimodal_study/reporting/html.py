"""The page of one dataset, and what the other pages say about it; every text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from multimodal_study.metrics.registry import METRICS, metrics_for
from multimodal_study.metrics.selection import best, deciding, mean
from multimodal_study.reporting import retrieval
from multimodal_study.reporting.captions import pipeline_of
from multimodal_study.reporting.render import (
    cell,
    flat,
    in_sentence,
    interval,
    number,
    page,
    records,
    signed,
    svg,
    versions,
)
from multimodal_study.reporting.shown import Drawn, Plot, Said, command_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["cell", "in_sentence", "interval", "number", "signed", "versions"]

EXAMPLES = 20
"""Quarantined rows that a page quotes."""


@dataclass(frozen=True)
class Results:
    """What the evaluation of a dataset made."""

    metrics_by_paradigm: Mapping[str, Mapping[str, Any]]
    leaderboard: pd.DataFrame
    contributions: pd.DataFrame
    costs: pd.DataFrame
    retrieval_by_paradigm: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Empty where the features have no pair."""
    significance: pd.DataFrame | None = None
    """Every two paradigms against each other; None or empty where they were not tested."""


@dataclass(frozen=True)
class DataRecord:
    """What is known about the rows; what is None was not recorded, and the page says so."""

    ingest: Mapping[str, Any] | None = None
    """``source``, ``files`` with ``path``, ``role``, ``rows_read``, ``kept``, ``duplicates``,
    ``quarantined``, ``sha256``; and ``reasons``."""
    split: Mapping[str, Any] | None = None
    """``strategy``, and ``rows``, ``clusters``, ``digests`` by split."""
    quarantine: pd.DataFrame | None = None
    """Refused rows; the first are quoted."""
    tables: Mapping[str, Said] = field(default_factory=dict)
    """Tables that were handed over, by their name in the catalogue; an empty one is not shown."""


@dataclass(frozen=True)
class Picture:
    """A figure with what it shows, in words."""

    figure: Figure
    alt: str
    caption: str


@dataclass(frozen=True)
class Settings:
    """How the study was run."""

    evaluation: Mapping[str, Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Shown flat, ``trainer.seeds`` and so on."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """The run that made the page, as ``reporting.provenance`` records it."""


def dataset_report(  # noqa: PLR0917
    dataset: str,
    results: Results,
    data: DataRecord,
    pictures: list[Picture],
    settings: Settings,
    drawn: Sequence[Drawn] = (),
    plots: Sequence[Plot] = (),
) -> str:
    """The page of one dataset, as HTML.

    Args:
        dataset: Its name.
        results: What the evaluation made.
        data: What is known about the rows.
        pictures: Figures that stand in the page itself.
        settings: How the study was run.
        drawn: Pictures in files beside the page.
        plots: Interactive figures, drawn by ``assets/site.js``.
    """
    task = dict(next(iter(results.metrics_by_paradigm.values()))["task"])
    metrics = metrics_for(task["kind"], int(settings.evaluation.get("ece_bins", 15)))
    return page(
        "dataset.html.jinja",
        summary=dataset_summary(
            dataset, results.metrics_by_paradigm, settings.evaluation, data.ingest
        ),
        task=task,
        metrics=metrics,
        boards=_boards(results, task["decides"]),
        contributions=records(retrieval.of_tasks(results.contributions)),
        significance=[] if results.significance is None else records(results.significance),
        retrieval=_retrieval(results, settings),
        headline=[task["decides"], "accuracy"],
        costs=records(results.costs),
        files=_files(data.ingest),
        ingest=data.ingest,
        split=data.split,
        quarantine=None if data.quarantine is None else records(data.quarantine.head(EXAMPLES)),
        tables=[
            (name, one.words, records(one.table))
            for name, one in data.tables.items()
            if len(one.table)
        ],
        pictures=[(svg(one.figure), one.alt, one.caption) for one in pictures],
        drawn=drawn,
        plots=plots,
        evaluation=settings.evaluation,
        parameters=flat(settings.parameters),
        run=settings.run,
        made_by=lambda table: command_of(
            settings.run, pipeline_of(dataset, table), f"{dataset}.{table}"
        ),
    )


def dataset_summary(
    dataset: str,
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]],
    evaluation: Mapping[str, Any],
    ingest: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What the front page says about a dataset, as plain JSON values.

    The best paradigm and the strongest baseline are chosen on validation; the numbers quoted are
    of the first of ``evaluation.splits``.
    """
    decides = deciding(metrics_by_paradigm)
    split = next(iter(evaluation.get("splits", ["test"])))
    task = next(iter(metrics_by_paradigm.values()))["task"]

    def said(paradigm: str | None) -> dict[str, Any] | None:
        if paradigm is None:
            return None
        rows = metrics_by_paradigm[paradigm]["rows"]
        row = next(r for r in rows if r["metric"] == decides and r["split"] == split)
        on_validation = mean(metrics_by_paradigm[paradigm], decides, "validation")
        return {"paradigm": paradigm, "validation": on_validation, **row}

    return {
        "dataset": dataset,
        "source": (ingest or {}).get("source", ""),
        "notes": list((ingest or {}).get("notes", [])),
        "task": task["name"],
        "kind": task["kind"],
        "decides": decides,
        "label": METRICS[decides].label,
        "split": split,
        "paradigms": len(metrics_by_paradigm),
        "best": said(best(metrics_by_paradigm)),
        "strongest_baseline": said(best(metrics_by_paradigm, evaluation.get("baselines", []))),
    }


def _boards(results: Results, decides: str) -> list[dict[str, Any]]:
    """Per split, the metrics and per paradigm the row of each metric and the range of its seeds."""
    boards = []
    for split, table in retrieval.of_tasks(results.leaderboard).groupby("split", sort=False):
        rows: list[dict[str, Any]] = []
        for paradigm, own in table.groupby("paradigm", sort=False):
            cells = {str(row["metric"]): row for row in records(own)}
            by_seed = results.metrics_by_paradigm[str(paradigm)]["per_seed"][split].values()
            seeds = [values[decides] for values in by_seed if decides in values]
            rows.append({"paradigm": paradigm, "cells": cells, "seeds": seeds})
        boards.append(
            {"split": split, "metrics": list(dict.fromkeys(table["metric"])), "rows": rows}
        )
    return boards


def _retrieval(results: Results, settings: Settings) -> dict[str, Any] | None:
    """The section on retrieval with its figure; None where there is none."""
    given = results.retrieval_by_paradigm
    found = retrieval.section(given, results.leaderboard, results.contributions)
    if found is None or not found["boards"]:
        return None if found is None else {**found, "picture": None}
    confidence = float(settings.evaluation.get("confidence", 0.95))
    figure = retrieval.retrieval_figure(results.leaderboard, given, confidence=confidence)
    alt = "Recall with its interval for every paradigm. The table above has the same numbers."
    caption = "Recall at 1 and 10, duplicates counted as positives; the dashed line is chance."
    return {**found, "picture": (svg(figure), alt, caption)}


def _files(ingest: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    counts = ("kept", "duplicates", "quarantined")
    return [
        {**file, "adds_up": file["rows_read"] == sum(file[name] for name in counts)}
        for file in (ingest or {}).get("files", [])
    ]
