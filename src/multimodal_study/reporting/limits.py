"""What the numbers do not say, computed where it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from multimodal_study.reporting.render import in_sentence, number

Entry = Mapping[str, Any]

GENERAL = (
    "Intervals and tests cover the choice of test examples, given the fitted seeds. They do not"
    " cover the choice of training seeds, of training examples or of settings.",
    "Encoders of text and pictures are frozen for most paradigms, so that a paradigm is judged by"
    " what it makes of given features. One that learns its encoder may rank otherwise.",
    "Budgets are equal by rule (epochs, patience), not by seconds; some paradigms have a budget of"
    " their own, which their configuration on the dataset's page shows.",
    "A p-value of the contributions is not corrected for the number of comparisons; those of the"
    " pairs of paradigms are (Holm).",
    "What is within noise was not shown to be equal: the test was not able to tell.",
)


def sections(entries: Sequence[Entry]) -> list[tuple[str, list[str]]]:
    """Headings with their statements."""
    found = [("In general", list(GENERAL))]
    found += [(str(entry["dataset"]), of_dataset(entry)) for entry in entries]
    return found


def of_dataset(entry: Entry) -> list[str]:
    """What limits the numbers of one dataset, from its entry."""
    said = [str(note) for note in entry.get("notes", [])]
    card = entry["card"]
    split = entry["split"]
    examples, clusters = card["examples"].get(split), card["clusters"].get(split)
    if examples:
        said.append(
            f"{number(examples, 0)} examples of {split} in {number(clusters, 0)} clusters: the"
            f" interval of {in_sentence(entry['label'])} is {_width(entry)} wide in the median over"
            " paradigms, so that smaller differences are hard to see."
        )
    seeds = {row["paradigm"]: row["seeds"] for row in entry["leaderboard"]}
    trained = {name for name, cell in entry["cells"].items() if cell["tensors"]}
    single = sorted(name for name in trained if seeds.get(name) == 1)
    if single:
        said.append(
            f"Fitted with a single seed, so that nothing is known of its spread:"
            f" {', '.join(single)}."
        )
    lacking = {
        name: one["missing"] for name, one in card["modalities"].items() if one["missing"] > 0
    }
    if lacking:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in lacking.items())
        said.append(f"Share of the examples that lack a modality: {shares}.")
    lost = sum(file["quarantined"] for file in entry["rows"].values())
    if lost:
        said.append(f"{number(lost, 0)} rows were refused and stand in quarantine.")
    capped = _stopped_by_budget(entry)
    if capped:
        said.append(
            "The best epoch is the last that the budget allows, in every seed, so that a longer fit"
            f" may do better: {', '.join(capped)}."
        )
    return said


def _width(entry: Entry) -> str:
    widths = sorted(
        row["high"] - row["low"]
        for row in entry["leaderboard"]
        if row["metric"] == entry["decides"] and None not in {row["low"], row["high"]}
    )
    return number(widths[len(widths) // 2]) if widths else "of unknown width"


def _stopped_by_budget(entry: Entry) -> list[str]:
    """Paradigms whose lowest validation loss stands in the last allowed epoch of every seed."""
    found = []
    for name, curve in entry["histories"].items():
        allowed = (entry["cells"].get(name, {}).get("trainer") or {}).get("max_epochs")
        best: dict[Any, tuple[float, int]] = {}
        for row in curve:
            loss = row.get("validation_loss")
            if loss is not None and (row["seed"] not in best or loss < best[row["seed"]][0]):
                best[row["seed"]] = (loss, int(row["epoch"]))
        if allowed and best and all(epoch >= allowed - 1 for _, epoch in best.values()):
            found.append(name)
    return sorted(found)
