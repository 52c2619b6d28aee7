"""Whether paradigms that align modalities better also do the task better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import norm, permutation_test, rankdata

from multimodal_study.metrics.registry import METRICS
from multimodal_study.reporting.findings import NOISE, Finding
from multimodal_study.reporting.render import in_sentence, number, signed

FEWEST = 4
"""Paradigms below which a rank correlation has no interval."""
MEASURE = "mrr"
PERMUTATIONS = 9999


def correlation(
    first: list[float], second: list[float], confidence: float = 0.95, seed: int = 42
) -> dict[str, float]:
    """Spearman's rank correlation ``value`` with ``low``, ``high`` and a permutation ``p_value``.

    The interval is Fisher's transformation with the variance of Bonett and Wright (2000),
    ``(1 + r^2 / 2) / (n - 3)``; the test exchanges the pairings, all of them where they are few.

    Raises:
        ValueError: There are fewer than :data:`FEWEST` pairs, or the lengths differ.
    """
    n = len(first)
    if n != len(second) or n < FEWEST:
        raise ValueError(f"{n} and {len(second)} numbers, expected {FEWEST} pairs or more")
    x, y = np.asarray(first), np.asarray(second)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return dict.fromkeys(("value", "low", "high", "p_value"), math.nan)
    first_ranks, second_ranks = (rankdata(one) - (n + 1) / 2 for one in (x, y))
    size = math.sqrt(float((first_ranks**2).sum() * (second_ranks**2).sum()))
    r = float(first_ranks @ second_ranks) / size
    tested = permutation_test(
        (first_ranks,),
        lambda moved, axis: (moved * second_ranks).sum(axis=axis) / size,
        vectorized=True,
        permutation_type="pairings",
        n_resamples=PERMUTATIONS,
        rng=np.random.default_rng(seed),
    )
    centre = math.atanh(min(max(r, -1 + 1e-12), 1 - 1e-12))
    reach = float(norm.ppf((1 + confidence) / 2)) * math.sqrt((1 + r * r / 2) / (n - 3))
    ends = (math.tanh(centre - reach), math.tanh(centre + reach))
    return {"value": r, "low": ends[0], "high": ends[1], "p_value": float(tested.pvalue)}


def alignment_and_task(entry: Mapping[str, Any]) -> Finding:
    """Rank correlation, over paradigms, of mean reciprocal rank in retrieval and the task."""
    pairs = paired(entry)
    dataset = str(entry["dataset"])
    if len(pairs) < FEWEST:
        reason = "fewer than four paradigms both retrieve and predict"
        return Finding(dataset, f"not answered: {reason}.", missing=True)
    better = 1.0 if METRICS[entry["decides"]].higher_is_better else -1.0
    level = float(entry["evaluation"].get("confidence", 0.95))
    found = correlation(
        [one["alignment"] for one in pairs], [better * one["task"] for one in pairs], level
    )
    if math.isnan(found["value"]):
        return Finding(dataset, "not answered: all paradigms align alike.", missing=True)
    noise = found["p_value"] >= 1.0 - level
    direction = "better" if found["value"] > 0 else "worse"
    verdict = (
        f"{NOISE}: no tie was found"
        if noise
        else f"paradigms that align better do the task measurably {direction}"
    )
    label = in_sentence(str(entry["label"]))
    return Finding(
        dataset,
        f"over {len(pairs)} paradigms, the rank correlation of retrieval (mean reciprocal rank,"
        f" both directions) with {label}, the better the higher, is {signed(found['value'], 2)}"
        f" [{number(found['low'], 2)}, {number(found['high'], 2)}], p {number(found['p_value'])}:"
        f" {verdict}.",
        noise=noise,
    )


def paired(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``paradigm``, ``alignment`` (mean over directions) and ``task`` of all that have both."""
    rows = entry.get("retrieval", {}).get("rows", [])
    wanted = [row for row in rows if _counts(row, str(entry["split"]))]
    task = {
        row["paradigm"]: row["value"]
        for row in entry.get("leaderboard", [])
        if row["metric"] == entry["decides"] and row["split"] == entry["split"]
    }
    found = []
    for paradigm in dict.fromkeys(row["paradigm"] for row in wanted):
        values = [row["value"] for row in wanted if row["paradigm"] == paradigm]
        if task.get(paradigm) is not None and None not in values:
            mean = sum(values) / len(values)
            found.append({"paradigm": paradigm, "alignment": mean, "task": task[paradigm]})
    return found


def _counts(row: Mapping[str, Any], split: str) -> bool:
    name = str(row["metric"])
    return name.startswith(f"{MEASURE}_") and "one_to_one" not in name and row["split"] == split
