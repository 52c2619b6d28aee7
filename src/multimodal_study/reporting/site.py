"""The pages over all datasets, from their entries: overview, metrics, methods, limitations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from multimodal_study.reporting import findings, limits, meanings
from multimodal_study.reporting.alignment import alignment_and_task
from multimodal_study.reporting.captions import STUDY_FIGURES
from multimodal_study.reporting.known import source_facts
from multimodal_study.reporting.render import flat, page, png, records, svg
from multimodal_study.reporting.shown import Said, command_of

if TYPE_CHECKING:
    import pandas as pd

Entry = Mapping[str, Any]
Studies = Mapping[str, Mapping[str, Any]]
"""``lambda_summary`` by dataset."""


def overview(
    entries: Sequence[Entry],
    studies: Studies | None = None,
    tables: Mapping[str, Said] | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> str:
    """The first page: what every dataset says to the questions of the study.

    Args:
        entries: Of all datasets that were evaluated; one of an earlier version is listed only.
        studies: Of the weight of the task, by dataset.
        tables: Over all datasets, by name.
        pictures: PNGs over all datasets, by their name in ``captions.STUDY_FIGURES``.
    """
    told = [entry for entry in entries if entry.get("schema")]
    return page(
        "index.html.jinja",
        summaries=entries,
        old=[entry["dataset"] for entry in entries if not entry.get("schema")],
        questions=[
            {
                "title": title,
                "how": how,
                "answers": [
                    {"found": answer(entry), "command": _made_by(entry, output)} for entry in told
                ],
            }
            for title, how, output, answer in _questions(studies or {})
        ],
        tables=[(said.words, records(said.table)) for said in (tables or {}).values()],
        pictures=[
            (png(contents), STUDY_FIGURES[name])
            for name, contents in (pictures or {}).items()
            if name in STUDY_FIGURES
        ],
        over_all=command_of({}, "study"),
    )


def _questions(studies: Studies) -> list[tuple[str, str, str, Any]]:
    chosen = "Both sides were chosen on validation and are compared on test, paired by example."
    return [
        (
            "Which paradigm is best at the task?",
            "Chosen by the deciding metric on validation; the numbers are those of test.",
            "significance",
            findings.best_paradigm,
        ),
        (
            "Does fusion beat the best single modality?",
            chosen,
            "answers",
            findings.fusion,
        ),
        (
            "Does learning beat the strongest simple baseline?",
            chosen,
            "answers",
            lambda entry: findings.difference(entry, "baseline", "no simple baseline was run"),
        ),
        (
            "Does the label help z?",
            "The same multimodal VAE with and without the gradient of the task; a linear head"
            " reads z in both.",
            "answers",
            findings.label_helps_latent,
        ),
        (
            "Does z help the label?",
            "The hybrid at the weight that validation recommends, against the same encoder without"
            " a decoder.",
            "answers",
            lambda entry: findings.latent_helps_label(entry, studies.get(str(entry["dataset"]))),
        ),
        (
            "Is alignment tied to performance?",
            "Spearman's rank correlation over the paradigms of a dataset; a few paradigms make a"
            " wide interval.",
            "leaderboard",
            alignment_and_task,
        ),
        (
            "What does it cost?",
            "Seconds are those of the machine named under Methods, beside its other work.",
            "costs",
            findings.cheapest,
        ),
    ]


def metric_ledger(entries: Sequence[Entry], reproduction: Mapping[str, Any] | None = None) -> str:
    """Every metric with its exact definition, its variants, and others' numbers beside ours."""
    return page(
        "ledger.html.jinja",
        groups=meanings.definitions(entries),
        recall=meanings.recall_meanings(),
        variants=[
            {
                "dataset": entry["dataset"],
                "label": entry["label"],
                "table": meanings.variant_table(entry),
                "command": _made_by(entry, "variants"),
            }
            for entry in entries
            if entry.get("variants")
        ],
        published=meanings.published_rows(entries, reproduction),
        reproduce="kedro run --env reproduce --pipelines=reproduce_mvae",
    )


def methods(entries: Sequence[Entry]) -> str:
    """How everything was done: data, preprocessing, models, training, evaluation, machine."""
    told = [entry for entry in entries if entry.get("schema")]
    return page(
        "methods.html.jinja",
        entries=[
            {
                **entry,
                "facts": source_facts(str(entry["dataset"]), str(entry["source"])),
                "command": _made_by(entry, "feature_card"),
                "settings": flat(entry["evaluation"]),
                "budget": flat(entry["trainer"]),
            }
            for entry in told
        ],
    )


def limitations(entries: Sequence[Entry]) -> str:
    """What the numbers do not say."""
    told = [entry for entry in entries if entry.get("schema")]
    return page("limitations.html.jinja", sections=limits.sections(told))


def weight_study(studies: Studies, tables: Mapping[str, pd.DataFrame]) -> str:
    """The study of the task's weight in the hybrid, of every dataset that has one."""
    from multimodal_study.reporting.lambda_figure import lambda_figure

    shown = []
    for dataset, study in sorted(studies.items()):
        table = tables[dataset]
        figure = lambda_figure(table, study["decides"], study["recommended"])
        shown.append(
            {
                "dataset": dataset,
                "study": study,
                "rows": _along(table),
                "picture": svg(figure),
                "command": command_of(study.get("run") or {}, f"{dataset}_lambda"),
            }
        )
    return page("lambda.html.jinja", shown=shown)


def _along(table: pd.DataFrame, split: str = "test") -> list[dict[str, Any]]:
    """Means over seeds, a row per weight and beta, a column per measure."""
    own = table[(table["split"] == split) & table["beta"].notna()]
    wide = own.pivot_table(index=["lambda", "beta"], columns="metric", values="value")
    wide = wide.reset_index().assign(place=lambda frame: frame["lambda"].astype(float))
    return records(wide.sort_values(["beta", "place"]).drop(columns="place"))


def _made_by(entry: Entry, output: str) -> str:
    dataset = entry["dataset"]
    return command_of(entry["run"], f"{dataset}_all", f"{dataset}.{output}")
