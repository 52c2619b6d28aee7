"""The pages of one dataset, and those over all datasets that were evaluated so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.evaluation.pipeline import (
    EVALUATION,
    MADE,
    RECORD,
    Compared,
)
from multimodal_study.pipelines.report import nodes, record
from multimodal_study.reporting.shown import Shown

PAGES = ("index", "ledger", "methods", "limitations", "lambda", "paradigms", "assets")
PLOTS = ("leaderboard_plot", "latent_plot")
RUN = "run_record"
STUDY = "study"
"""Namespace of what is made over all datasets."""
FOUND = (
    "evaluated_datasets",
    "lambda_studies",
    "lambda_points",
    "reproductions",
    "study_tables",
    "study_pictures",
)
"""What may lie there, whichever run made it."""
CELL_KINDS = ("metrics", "predictions", "history", "retrieval")


def describe(dataset: str, paradigm: str, *, fitted: bool) -> Pipeline:
    """The record of one cell; ``fitted`` says whether it saves weights."""

    def describe_fit(config: dict[str, Any], weights: Any, run: dict[str, Any]) -> dict[str, Any]:
        return record.describe(config, weights, run)

    def describe_baseline(config: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
        return record.describe(config, None, run)

    read = ["config", "weights", RUN] if fitted else ["config", RUN]
    node = Node(describe_fit if fitted else describe_baseline, read, "record", name="describe")
    return Pipeline(
        [node],
        namespace=f"{dataset}.{paradigm}",
        inputs={name: name if name == RUN else f"{dataset}.{paradigm}.{name}" for name in read},
        tags={dataset, paradigm, "report"},
    )


def write(
    compared: Compared,
    *,
    figures: Mapping[str, Shown] | None = None,
) -> Pipeline:
    """The pages of one dataset, and its entry for those over all.

    Args:
        compared: What stands side by side on it.
        figures: Catalogue names of figures of the dataset, with their words.
    """
    dataset, shown = compared.dataset, dict(figures or {})
    records = {f"{name}_record": f"{dataset}.{name}.record" for name in compared.paradigms}
    outside = {name: f"{dataset}.{name}" for name in (*RECORD, *MADE, *compared.tables, *shown)}
    outside |= {name: f"{dataset}.{name}" for name in ("features", "latent_map")}
    outside |= {RUN: RUN, **compared.cells(), **records}
    template = Pipeline(
        [
            *_tables(compared),
            *_plots(compared),
            *_gallery(shown),
            *_pages(compared, records, bool(shown)),
        ]
    )
    return Pipeline(
        template,
        namespace=dataset,
        inputs={name: outside[name] for name in template.inputs() if name in outside},
        # The front page belongs to no dataset, and a name with a dot would say that it did.
        outputs={"summary": f"{dataset}_summary"},
        parameters={"params:evaluation", "params:trainer"},
        tags={dataset, "report"},
    )


def _tables(compared: Compared) -> list[Node]:
    pick = compared.pick

    def answers(evaluation: dict[str, Any], **given: Any) -> Any:
        return record.answers(pick(given, "metrics"), pick(given, "predictions"), evaluation)

    def variants(evaluation: dict[str, Any], **given: Any) -> Any:
        return record.variants(pick(given, "metrics"), pick(given, "predictions"), evaluation)

    read = {**EVALUATION, **compared.of("metrics", "predictions")}
    return [
        Node(record.feature_card, "features", "feature_card", name="feature_card"),
        Node(answers, read, "answers", name="answers"),
        Node(variants, read, "variants", name="variants"),
    ]


def _plots(compared: Compared) -> list[Node]:
    pick = compared.pick

    def leaderboard_plot(leaderboard: Any, evaluation: dict[str, Any], **given: Any) -> Any:
        return nodes.plot_leaderboard(leaderboard, pick(given, "metrics"), evaluation)

    read = {**EVALUATION, "leaderboard": "leaderboard", **compared.of("metrics")}
    return [
        Node(leaderboard_plot, read, "leaderboard_plot", name="leaderboard_plot"),
        Node(nodes.plot_latent, "latent_map", "latent_plot", name="latent_plot"),
    ]


def _gallery(shown: Mapping[str, Shown]) -> list[Node]:
    if not shown:
        return []

    def gallery(**figures: Any) -> Any:
        return nodes.gallery(figures, shown)

    read = {name: name for name in shown}
    return [Node(gallery, read, "report_pictures", name="gallery")]


def _pages(compared: Compared, records: Mapping[str, str], pictured: bool) -> list[Node]:
    dataset, pick = compared.dataset, compared.pick

    def report(evaluation: dict[str, Any], trainer: dict[str, Any], **given: Any) -> Any:
        cells = {kind: pick(given, kind) for kind in CELL_KINDS}
        tables = compared.tables
        return nodes.write_report(dataset, given, cells, tables, evaluation, {"trainer": trainer})

    def summarise(evaluation: dict[str, Any], trainer: dict[str, Any], **given: Any) -> Any:
        kinds = ("metrics", "history", "retrieval", "record")
        cells = {kind: pick(given, kind) for kind in kinds}
        return nodes.write_summary(dataset, given, cells, evaluation, {"trainer": trainer})

    both = {
        **EVALUATION,
        **{name: name for name in MADE},
        **{name: name for name in ("ingest_summary", "split_summary", RUN)},
        **({"report_pictures": "report_pictures"} if pictured else {}),
        "trainer": "params:trainer",
    }
    read = {
        **both,
        **compared.of(*CELL_KINDS),
        **{name: name for name in ("quarantine", *PLOTS, *compared.tables)},
    }
    summed = {
        **both,
        **compared.of("metrics", "history", "retrieval"),
        **{name: name for name in (*records, "answers", "variants", "feature_card")},
    }
    return [
        Node(summarise, summed, "summary", name="summarise"),
        Node(report, read, "report", name="report"),
    ]


def front_page(dataset: str) -> Pipeline:
    """The pages over all datasets after ``dataset`` was evaluated, with all that others left there.

    Every dataset has such a node, so that runs of several may be joined; the last one to run sees
    the summaries of all.
    """
    return _front_page(dataset, [f"{dataset}_summary"])


def study_front_page() -> Pipeline:
    """The same pages after the tables over all datasets were made."""
    after = ["ranks", "alignment", "critical_difference"]
    return Pipeline(
        _front_page(STUDY, after),
        namespace=STUDY,
        inputs={**{name: name for name in FOUND}, **{name: f"{STUDY}.{name}" for name in after}},
        outputs={name: name for name in _pages_of(STUDY)},
    )


def _front_page(dataset: str, after: list[str]) -> Pipeline:
    # What was made is read through its folder; these inputs only say that the pages come after it.
    def write_pages(*given: Any) -> tuple[Any, ...]:
        pages = nodes.write_site(dict(zip(FOUND, given, strict=False)))
        return tuple(pages[name] for name in (*PAGES, "thesis"))

    name = f"{dataset}_front_page"
    made = Node(write_pages, [*FOUND, *after], _pages_of(dataset), name=name, tags=["report"])
    return Pipeline([made])


def _pages_of(dataset: str) -> list[str]:
    return [*(f"{dataset}_report_{name}" for name in PAGES), f"{dataset}_thesis"]


def lambda_page(dataset: str) -> Pipeline:
    """The page on the weight of the task, after the study of ``dataset``."""

    def write_page(studies: Any, points: Any, _summary: Any) -> str:
        return nodes.write_lambda(studies, points)

    read = ["lambda_studies", "lambda_points", "lambda_summary"]
    return Pipeline(
        [Node(write_page, read, "lambda_page", name="lambda_page")],
        namespace=dataset,
        inputs={name: name for name in read[:2]} | {read[2]: f"{dataset}.{read[2]}"},
        outputs={"lambda_page": f"{dataset}_lambda_page"},
        tags={dataset, "report"},
    )
