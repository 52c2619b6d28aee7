"""Self-contained pages: no script, no address outside the page, every text escaped."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from multimodal_study.metrics.registry import METRICS, metrics_for
from multimodal_study.metrics.selection import best, deciding, mean
from multimodal_study.reporting import retrieval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PACKAGES = (
    "multimodal-study", "kedro", "mlflow", "torch", "pytorch-lightning", "transformers",
    "onnxruntime", "scikit-learn", "numpy", "pandas", "polars", "duckdb",
)  # fmt: skip
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
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Tables of the dataset's own, by what they say; an empty one is not shown."""


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


def dataset_report(
    dataset: str,
    results: Results,
    data: DataRecord,
    pictures: list[Picture],
    settings: Settings,
) -> str:
    """The page of one dataset, as HTML."""
    task = dict(next(iter(results.metrics_by_paradigm.values()))["task"])
    metrics = metrics_for(task["kind"], int(settings.evaluation.get("ece_bins", 15)))
    return (
        _environment()
        .get_template("dataset.html.jinja")
        .render(
            summary=dataset_summary(
                dataset, results.metrics_by_paradigm, settings.evaluation, data.ingest
            ),
            task=task,
            metrics=metrics,
            boards=_boards(results, task["decides"]),
            contributions=_records(retrieval.of_tasks(results.contributions)),
            significance=[] if results.significance is None else _records(results.significance),
            retrieval=_retrieval(results, settings),
            headline=[task["decides"], "accuracy"],
            costs=_records(results.costs),
            files=_files(data.ingest),
            ingest=data.ingest,
            split=data.split,
            quarantine=None
            if data.quarantine is None
            else _records(data.quarantine.head(EXAMPLES)),
            tables=[(said, _records(own)) for said, own in data.tables.items() if len(own)],
            pictures=[(_svg(one.figure), one.alt, one.caption) for one in pictures],
            evaluation=settings.evaluation,
            parameters=flat(settings.parameters),
            versions=versions(),
        )
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


def index_report(summaries: list[Mapping[str, Any]]) -> str:
    """The front page: one entry per :func:`dataset_summary`, linking to ``<dataset>.html``."""
    return (
        _environment()
        .get_template("index.html.jinja")
        .render(summaries=summaries, versions=versions())
    )


def versions() -> dict[str, str]:
    """Installed versions of the packages that can change a number."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{name}.")
        else:
            result[name] = value
    return result


def number(value: Any, digits: int = 3) -> str:
    """A number with ``digits`` decimals, or a dash where there is none."""
    if value is None or math.isnan(value):
        return "\u2013"
    return f"{value:,.{digits}f}"


def cell(value: Any) -> str:
    """A cell of a table of any kind: whole numbers whole, others with three decimals."""
    if isinstance(value, float):
        return number(value, 0 if value.is_integer() else 3)
    return str(value)


def interval(row: Mapping[str, Any], digits: int = 3) -> str:
    """``[low, high]`` of a row, empty where there is none."""
    if row["low"] is None or math.isnan(row["low"]):
        return ""
    return f"[{number(row['low'], digits)}, {number(row['high'], digits)}]"


def in_sentence(label: str) -> str:
    """A label inside a sentence: ``Macro F1`` as ``macro F1``, ``AUROC`` unchanged."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign."""
    return f"{value:+.{digits}f}" if math.isfinite(value) else number(value)


def _boards(results: Results, decides: str) -> list[dict[str, Any]]:
    """Per split, the metrics and per paradigm the row of each metric and the range of its seeds."""
    boards = []
    for split, table in retrieval.of_tasks(results.leaderboard).groupby("split", sort=False):
        rows: list[dict[str, Any]] = []
        for paradigm, own in table.groupby("paradigm", sort=False):
            cells = {str(row["metric"]): row for row in _records(own)}
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
    return {**found, "picture": (_svg(figure), alt, caption)}


def _files(ingest: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    counts = ("kept", "duplicates", "quarantined")
    return [
        {**file, "adds_up": file["rows_read"] == sum(file[name] for name in counts)}
        for file in (ingest or {}).get("files", [])
    ]


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    return rows


def _svg(figure: Figure) -> str:
    """The figure as a data address of an SVG, the same bytes for figures made alike."""
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "multimodal-study"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("multimodal_study.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "cell": cell,
        "interval": interval,
        "in_sentence": in_sentence,
        "signed": signed,
    }
    environment.globals["labels"] = {name: metric.label for name, metric in METRICS.items()}
    return environment
