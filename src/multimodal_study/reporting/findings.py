"""Sentences that state what the study found, each computed from its test.

Nothing here knows a result: where the test does not tell two things apart, the sentence says
"within noise", and where no test was made it says that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multimodal_study.reporting.render import in_sentence, interval, number, signed

NOISE = "within noise"
LEVEL = 0.05
TOO_FEW = "The tests had too few permutations for their number to tell any two paradigms apart."
_NAMED = 3
"""Paradigms that a sentence lists before it counts the others."""

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """An answer for one dataset."""

    dataset: str
    text: str
    noise: bool = False
    """The test did not tell the two apart."""
    missing: bool = False
    """No test was made."""


def best_paradigm(entry: Entry) -> Finding:
    """Which paradigm is best on validation, and which ones test does not tell from it."""
    best = entry["best"]
    if best is None:
        return _missing(entry, "no paradigm was measured on validation")
    name, label = best["paradigm"], in_sentence(entry["label"])
    text = (
        f"{name} is best on validation; on {entry['split']} its {label} is"
        f" {number(best['value'])} {interval(best)}."
    )
    rows = _pairs(entry, name)
    if not rows:
        return Finding(entry["dataset"], f"{text} No test of it against the others was made.")
    level = 1.0 - float(entry["evaluation"].get("confidence", 0.95))
    if _powerless(rows[0], level):
        return Finding(entry["dataset"], f"{text} {TOO_FEW}", noise=True)
    lost: list[str] = []
    won: list[str] = []
    same: list[str] = []
    for row in rows:
        other = row["second"] if row["first"] == name else row["first"]
        if row["p_holm"] is None or row["p_holm"] >= level:
            same.append(other)
        else:
            (won if row["first"] == name else lost).append(other)
    text += (
        f" It is measurably better than {len(won)} of {len(rows)} others (paired permutation tests,"
        f" Holm's correction)"
    )
    text += f"; {_several(same)} cannot be told from it: {NOISE}" if same else ""
    text += f"; {_several(lost)} is measurably better on {entry['split']}" if lost else ""
    return Finding(entry["dataset"], f"{text}.", noise=bool(same) and not won)


def difference(entry: Entry, question: str, absent: str) -> Finding:
    """What the row ``question`` of the answers says; ``absent``: where there is no such row."""
    rows = [row for row in entry.get("answers", []) if row["question"] == question]
    if not rows:
        return _missing(entry, absent)
    row = rows[0]
    label = in_sentence(entry["label"])
    noise = _noise(row)
    better = row["verdict"] == "a measurable gain"
    verdict = (
        f"{NOISE}: the interval contains zero"
        if noise
        else f"a measurable {'gain' if better else 'loss'}"
    )
    text = (
        f"{row['with']} against {row['without']}: {label} {signed(row['difference'])}"
        f" {interval(row)}, {verdict}."
    )
    return Finding(entry["dataset"], text, noise=noise)


def fusion(entry: Entry) -> Finding:
    """Whether fusion beats the best single modality."""
    return difference(
        entry, "fusion", "no paradigm that fuses stands beside one that reads a single modality"
    )


def label_helps_latent(entry: Entry) -> Finding:
    """Whether a label that shapes z makes z more useful for the task."""
    return difference(entry, "label", "mvae and hybrid were not both run")


def latent_helps_label(entry: Entry, study: Mapping[str, Any] | None) -> Finding:
    """Whether a z that must explain the data serves the label better than the task alone does.

    Args:
        entry: Of the dataset.
        study: Its lambda study (``lambda_summary``), if one was made.
    """
    found = (study or {}).get("answer", {}).get("against_task_alone")
    if study is None or found is None:
        command = f"`kedro run --pipelines={entry['dataset']}_lambda`"
        return _missing(entry, f"the study of the task's weight was not run; {command} runs it")
    lam = study["recommended"]["lambda"]
    noise = _noise(found)
    verdict = f"{NOISE}: the interval contains zero" if noise else str(found["verdict"])
    text = (
        f"hybrid with weight {lam:g} against the same encoder that learns the task alone:"
        f" {str(study['decides']).replace('_', ' ')} {signed(found['difference'])}"
        f" {interval(found)}, {verdict}."
    )
    return Finding(entry["dataset"], text, noise=noise)


def cheapest(entry: Entry) -> Finding:
    """The quickest paradigm that test does not tell from the best one."""
    best, costs = entry["best"], {row["paradigm"]: row for row in entry.get("costs", [])}
    if best is None or best["paradigm"] not in costs or not entry.get("significance"):
        return _missing(entry, "costs or tests were not recorded")
    level = 1.0 - float(entry["evaluation"].get("confidence", 0.95))
    name = best["paradigm"]
    rows = _pairs(entry, name)
    if rows and _powerless(rows[0], level):
        return _missing(entry, "the tests had too few permutations to tell paradigms apart")
    near = [name]
    for row in rows:
        if row["p_holm"] is None or row["p_holm"] >= level:
            near.append(row["second"] if row["first"] == name else row["first"])
    known = [one for one in near if one in costs and costs[one]["fit_seconds"] is not None]
    quick = min(known, key=lambda one: costs[one]["fit_seconds"])
    own = _cost(costs[name])
    if quick == name:
        others = f"no {'cheaper one' if len(near) > 1 else 'other'} is within noise of it"
        return Finding(entry["dataset"], f"{name}, the best, takes {own}; {others}.")
    return Finding(
        entry["dataset"],
        f"{quick} is within noise of {name}, the best, and takes {_cost(costs[quick])} instead of"
        f" {own}.",
        noise=True,
    )


def _cost(row: Mapping[str, Any]) -> str:
    return f"{number(row['fit_seconds'], 1)} s a fit with {number(row['parameters'], 0)} parameters"


def _pairs(entry: Entry, name: str) -> list[Mapping[str, Any]]:
    return [
        row
        for row in entry.get("significance", [])
        if row["split"] == entry["split"] and name in {row["first"], row["second"]}
    ]


def _powerless(row: Mapping[str, Any], level: float) -> bool:
    """Whether the smallest p-value that the permutations allow is above the level after Holm."""
    return bool(row["comparisons"] / (row["permutations"] + 1) >= level)


def _noise(row: Mapping[str, Any]) -> bool:
    low, high = row["low"], row["high"]
    return low is None or high is None or low <= 0.0 <= high


def _missing(entry: Entry, reason: str) -> Finding:
    return Finding(entry["dataset"], f"not answered: {reason}.", missing=True)


def _several(names: Sequence[str]) -> str:
    shown = [*names[:_NAMED]]
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
