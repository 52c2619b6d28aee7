"""The chapters on methodology and results, from the same entries as the site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from multimodal_study.reporting.alignment import alignment_and_task
from multimodal_study.reporting.findings import (
    best_paradigm,
    cheapest,
    difference,
    fusion,
    label_helps_latent,
    latent_helps_label,
)
from multimodal_study.reporting.known import paradigm_facts, source_facts
from multimodal_study.reporting.limits import GENERAL, of_dataset
from multimodal_study.reporting.render import cell, in_sentence, interval, number, records
from multimodal_study.reporting.shown import Said, command_of
from multimodal_study.reporting.thesis.document import (
    Block,
    Heading,
    Illustration,
    Items,
    Paragraph,
    Table,
)

Entry = Mapping[str, Any]
SHOWN = 3
"""Metrics of a results table, the deciding one first."""
UNKNOWN = "not recorded"


def methodology(entries: Sequence[Entry]) -> list[Block]:
    """Data, preprocessing, paradigms, training, evaluation, provenance."""
    blocks: list[Block] = [
        Heading("Methodology", 0),
        Paragraph(
            "Every paradigm gets the same splits, the same features, a budget by the same rule and"
            " the same seeds. Every choice is made on validation; test is read once. What is learnt"
            " in preprocessing is learnt on train."
        ),
        Heading("Data"),
    ]
    for entry in entries:
        facts = source_facts(str(entry["dataset"]), str(entry["source"]))
        blocks += [
            Paragraph(
                f"{entry['dataset']}: {facts['title']} (source `{entry['source']}`;"
                f" {facts['cite']}). Licence: {facts['licence']} Task: {entry['task']}"
                f" ({entry['kind']}), decided by {in_sentence(entry['label'])}."
            ),
            _splits(entry),
        ]
    blocks.append(Heading("Preprocessing"))
    blocks += [_views(entry) for entry in entries]
    blocks += [Heading("Paradigms"), _paradigms(entries), Heading("Training")]
    blocks.append(
        Paragraph(
            "AdamW with a cosine to zero; early stopping by the validation loss, whose best epoch"
            " is kept. Budgets of a paradigm's own stand in its configuration."
        )
    )
    blocks += [_settings(entry, "trainer", "budget") for entry in entries]
    blocks.append(Heading("Evaluation"))
    blocks.append(
        Paragraph(
            "Values are means over seeds. Intervals are percentile bootstraps of whole clusters,"
            " the same resamples for every paradigm; differences are paired by example. Pairs of"
            " paradigms are tested by exchanging predictions of random halves of the clusters and"
            " corrected by Holm."
        )
    )
    blocks += [_settings(entry, "evaluation", "evaluation") for entry in entries]
    blocks += [Heading("Limitations"), Items(GENERAL)]
    for entry in entries:
        blocks += [Heading(str(entry["dataset"]), 2), Items(of_dataset(entry))]
    return [*blocks, *provenance(entries)]


def results(
    entries: Sequence[Entry],
    studies: Mapping[str, Mapping[str, Any]],
    figures: Mapping[str, str],
    over_all: Mapping[str, Said],
) -> list[Block]:
    """What was found, dataset by dataset, then over all.

    Args:
        entries: Of all datasets.
        studies: ``lambda_summary`` by dataset.
        figures: Files with their captions.
        over_all: Tables over all datasets, by name; an empty one is left out.
    """
    blocks: list[Block] = [Heading("Results", 0)]
    for entry in entries:
        dataset = str(entry["dataset"])
        blocks += [Heading(dataset), _leaderboard(entry)]
        blocks += [
            Illustration(file, words, file.rpartition("/")[2].removesuffix(".pdf"))
            for file, words in figures.items()
            if file.startswith(f"figures/{dataset}-")
        ]
        found = (
            best_paradigm(entry),
            fusion(entry),
            difference(entry, "baseline", "no simple baseline was run"),
            label_helps_latent(entry),
            latent_helps_label(entry, studies.get(dataset)),
            alignment_and_task(entry),
            cheapest(entry),
        )
        names = ("Task", "Fusion", "Learning", "Label and z", "z and label", "Alignment", "Cost")
        blocks.append(
            Items([f"{name}: {one.text}" for name, one in zip(names, found, strict=True)])
        )
    shown = {name: one for name, one in over_all.items() if len(one.table)}
    blocks += [Heading("Over all datasets")] if shown else []
    blocks += [_over_all(name, one) for name, one in shown.items()]
    return [*blocks, *provenance(entries)]


def _over_all(name: str, said: Said) -> Table:
    columns = [str(column).replace("_", " ") for column in said.table.columns]
    rows = [[cell(value) for value in row.values()] for row in records(said.table)]
    command = command_of({}, "study")
    return Table(said.words, f"over-all-{name}", columns, rows, command=command)


def provenance(entries: Sequence[Entry]) -> list[Block]:
    """Run, commit, seeds and split digests that every number of the chapter comes from."""
    blocks: list[Block] = [Heading("Provenance")]
    for entry in entries:
        run, digests = entry["run"], entry["split_record"].get("digests", {})
        said = "; ".join(f"{split} `{digest}`" for split, digest in digests.items())
        blocks.append(
            Paragraph(
                f"{entry['dataset']}: run {run.get('run_id', UNKNOWN)} (MLflow"
                f" {run.get('mlflow_run', UNKNOWN)}), `{run.get('command', UNKNOWN)}`, commit"
                f" {run.get('commit', UNKNOWN)}. Split digests: {said or UNKNOWN}."
            )
        )
        rows = [
            [
                name,
                ", ".join(str(seed) for seed in one["seeds"]) or str(one["seed"] or "none"),
                str(one["run"].get("run_id") or UNKNOWN),
                _short(str(one["run"].get("commit") or UNKNOWN)),
            ]
            for name, one in entry["cells"].items()
        ]
        blocks.append(
            Table(
                f"{entry['dataset']}: the run that recorded each cell.",
                f"provenance-{entry['dataset']}",
                ["Paradigm", "Seeds", "Run", "Commit"],
                rows,
            )
        )
    return blocks


def _short(commit: str) -> str:
    """The first letters of a commit's name; a plus sign where files had been changed since."""
    name, _, rest = commit.partition(" with ")
    return commit if " " in name else f"{name[:12]}{'+' if rest else ''}"


def _splits(entry: Entry) -> Table:
    card = entry["card"]
    digests = entry["split_record"].get("digests", {})
    return Table(
        f"{entry['dataset']}: examples and clusters by split, strategy"
        f" {entry['split_record'].get('strategy', UNKNOWN)}.",
        f"splits-{entry['dataset']}",
        ["Split", "Digest", "Examples", "Clusters"],
        [
            [
                split,
                digests.get(split, UNKNOWN)[:16],
                number(n, 0),
                number(card["clusters"][split], 0),
            ]
            for split, n in card["examples"].items()
        ],
        numbers=2,
        command=_command(entry, "feature_card"),
    )


def _views(entry: Entry) -> Table:
    return Table(
        f"{entry['dataset']}: views of the raw signals; missing is the share of the examples.",
        f"views-{entry['dataset']}",
        ["Modality", "Made from", "Encoder", "Width", "Missing"],
        [
            [
                name,
                one["origin"],
                str(one["encoder"]).split(",", maxsplit=1)[0],
                number(one["width"], 0),
                f"{one['missing']:.1%}",
            ]
            for name, one in entry["card"]["modalities"].items()
        ],
        numbers=2,
        command=_command(entry, "feature_card"),
    )


def _paradigms(entries: Sequence[Entry]) -> Table:
    names = dict.fromkeys(row["paradigm"] for entry in entries for row in entry["leaderboard"])
    return Table(
        "Paradigms, and the datasets on which each was run.",
        "paradigms",
        ["Name", "What it is", "Source", "Datasets"],
        [
            [
                name,
                f"{paradigm_facts(name)['title']} ({paradigm_facts(name)['kind']})",
                paradigm_facts(name)["source"],
                ", ".join(str(e["dataset"]) for e in entries if name in e["cells"]),
            ]
            for name in sorted(names)
        ],
    )


def _settings(entry: Entry, key: str, words: str) -> Table:
    return Table(
        f"{entry['dataset']}: parameters of the {words}.",
        f"{key}-{entry['dataset']}",
        ["Parameter", "Value"],
        [[f"{key}.{name}", cell(value)] for name, value in entry[key].items()],
    )


def _leaderboard(entry: Entry) -> Table:
    rows = [row for row in entry["leaderboard"] if row["split"] == entry["split"]]
    metrics = list(dict.fromkeys(row["metric"] for row in rows))[:SHOWN]
    paradigms = dict.fromkeys(row["paradigm"] for row in rows)
    cells = {(row["paradigm"], row["metric"]): row for row in rows}
    confidence = float(entry["evaluation"].get("confidence", 0.95))
    body = []
    for name in paradigms:
        own = [cells[name, metric] for metric in metrics]
        values = [f"{number(one['value'])} {interval(one)}".strip() for one in own]
        body.append([name, *values, str(own[0]["seeds"])])
    return Table(
        f"{entry['dataset']} ({entry['source']}), {entry['split']}: mean over seeds and"
        f" {confidence:.0%} interval. The order is by the first metric on this split; choices were"
        " made on validation.",
        f"results-{entry['dataset']}",
        ["Paradigm", *(metric.replace("_", " ") for metric in metrics), "Seeds"],
        body,
        numbers=len(metrics) + 1,
        command=_command(entry, "leaderboard"),
    )


def _command(entry: Entry, output: str) -> str:
    dataset = entry["dataset"]
    return command_of(entry["run"], f"{dataset}_all", f"{dataset}.{output}")
