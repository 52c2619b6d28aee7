"""The ledger of metrics: definitions from the code that computes them, and others' numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from multimodal_study.metrics.registry import METRICS
from multimodal_study.metrics.retrieval import retrieval_metrics
from multimodal_study.metrics.variants import VARIANTS
from multimodal_study.reporting.known import published
from multimodal_study.reporting.prose import attribute_docs, docstring
from multimodal_study.reporting.render import interval, number

Entry = Mapping[str, Any]

RANGES = {
    "accuracy": "0 to 1",
    "macro_f1": "0 to 1",
    "auroc": "0 to 1, chance 0.5",
    "brier": "0 to 2",
    "nll": "0 up",
    "ece": "0 to 1",
    "mae": "0 up",
    "rmse": "0 up",
    "quadratic_kappa": "-1 to 1, chance 0",
}
LISTS = {
    "recall": ("Recall@K, hits / positives", "0 to 1"),
    "recall_capped": ("Recall@K, hits / min(positives, K)", "0 to 1"),
    "hit": ("Hit@K, any hit", "0 to 1"),
    "ndcg": ("NDCG@K", "0 to 1"),
    "reciprocal_rank": ("MRR@K", "0 to 1"),
    "popularity": ("Popularity", "0 to 1, neither end is better"),
    "coverage": ("Coverage", "0 to 1"),
}
COHERENCE = {
    "per_sample": "Conditional coherence, per sample",
    "per_class": "Conditional coherence, per class",
}


def definitions(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Groups of metrics: ``title``, ``about`` (prose) and ``metrics``.

    A metric has ``label``, ``name``, ``definition``, ``range``, ``better``.
    """
    pairs = [tuple(e["retrieval"]["pair"]) for e in entries if e.get("retrieval")]
    pair = pairs[0] if pairs else ("image", "text")
    task = [
        {
            "label": metric.label,
            "name": metric.name,
            "definition": metric.definition,
            "range": RANGES[metric.name],
            "better": "higher" if metric.higher_is_better else "lower",
        }
        for metric in METRICS.values()
    ]
    searched = [
        {
            "label": metric.label,
            "name": metric.name,
            "definition": metric.definition,
            "range": "0 to 1" if metric.higher_is_better else "1 to the size of the gallery",
            "better": "higher" if metric.higher_is_better else "lower",
        }
        for metric in retrieval_metrics((str(pair[0]), str(pair[1]))).values()
    ]
    return [
        {"title": "Metrics of the task", "about": docstring("metrics.statistics"), "metrics": task},
        {
            "title": "Cross-modal retrieval",
            "about": docstring("metrics.retrieval"),
            "metrics": searched,
        },
        {"title": "Lists of items", "about": docstring("metrics.ranking"), "metrics": _lists()},
        {
            "title": "Generation",
            "about": docstring("metrics.generation"),
            "metrics": _coherence(),
        },
    ]


def _lists() -> list[dict[str, Any]]:
    said = attribute_docs("metrics.ranking", "TopN")
    return [
        {
            "label": label,
            "name": name,
            "definition": said[name],
            "range": reach,
            "better": "higher" if name != "popularity" else "neither",
        }
        for name, (label, reach) in LISTS.items()
        if name in said
    ]


def _coherence() -> list[dict[str, Any]]:
    said = attribute_docs("metrics.generation", "Coherence")
    about = "Share of generated samples in which the oracle sees the class they were made from."
    return [
        {
            "label": label,
            "name": name,
            "definition": f"{about} {said.get(name, '')}".strip(),
            "range": "0 to 1, at best the oracle's own accuracy",
            "better": "higher",
        }
        for name, label in COHERENCE.items()
    ]


def recall_meanings() -> list[dict[str, str]]:
    """The meanings of Recall@K, with where each is measured."""
    said = attribute_docs("metrics.ranking", "TopN")
    return [
        {
            "name": "hits / positives",
            "definition": said["recall"],
            "where": "lists of items: recall",
        },
        {
            "name": "hits / min(positives, K)",
            "definition": said["recall_capped"],
            "where": "lists of items: recall_capped",
        },
        {
            "name": "any hit",
            "definition": "1 if a positive is among the first K, else 0; equals the first where"
            " there is one positive.",
            "where": "lists of items: hit; cross-modal retrieval, where equal pictures or texts"
            " make more than one positive, and one to one, where they do not count",
        },
    ]


def variant_table(entry: Entry) -> dict[str, Any]:
    """``columns`` (quantity, variant, definition, ours) and ``rows`` by paradigm."""
    said = {(one.quantity, one.variant): one for one in VARIANTS}
    rows = entry["variants"]
    columns = list(dict.fromkeys((row["quantity"], row["variant"]) for row in rows))
    cells = {(row["paradigm"], row["quantity"], row["variant"]): row for row in rows}
    paradigms = dict.fromkeys(row["paradigm"] for row in entry["leaderboard"])
    return {
        "columns": [
            {
                "quantity": quantity,
                "variant": variant,
                "definition": said[quantity, variant].definition,
                "ours": said[quantity, variant].ours,
            }
            for quantity, variant in columns
        ],
        "rows": [
            {"paradigm": name, "cells": [cells[name, *column] for column in columns]}
            for name in paradigms
            if all((name, *column) in cells for column in columns)
        ],
    }


def published_rows(
    entries: Sequence[Entry], reproduction: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Others' numbers with ``ours``, ``hash`` of our test split and ``difference`` where like."""
    return [{**row, **_ours(row, entries, reproduction or {})} for row in published()]


def _ours(
    row: Mapping[str, Any], entries: Sequence[Entry], reproduction: Mapping[str, Any]
) -> dict[str, Any]:
    wanted = row["ours"]
    absent = {"mine": "not measured in this study folder", "hash": "", "difference": None}
    if "reproduction" in wanted:
        value = reproduction.get("measured", {}).get(wanted["reproduction"])
        if value is None:
            return absent
        error = reproduction["standard_error"][wanted["reproduction"]]
        return {
            "mine": f"{number(value, 2)} (standard error {number(error, 2)}), seed"
            f" {reproduction['seed']}",
            "hash": f"{reproduction['test_rows']} test rows",
            "difference": value - row["published"] if row["like"] else None,
        }
    for entry in entries:
        if entry["dataset"] != wanted["dataset"] or entry["source"] != wanted["source"]:
            continue
        found = _quoted(entry, wanted)
        if found is None:
            continue
        digest = entry.get("split_record", {}).get("digests", {}).get("test", "not recorded")
        return {
            "mine": f"{number(found['value'])} {interval(found)} ({found['paradigm']})",
            "hash": f"test {digest[:16]}",
            "difference": found["value"] - row["published"] if row["like"] else None,
        }
    return absent


def _quoted(entry: Entry, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    best = (entry.get("best") or {}).get("paradigm")
    name = wanted.get("paradigm", best)
    rows = [*entry.get("leaderboard", []), *entry.get("retrieval", {}).get("rows", [])]
    for row in rows:
        if row["paradigm"] == name and row["metric"] == wanted["metric"]:
            return None if row["value"] is None else row
    return None
