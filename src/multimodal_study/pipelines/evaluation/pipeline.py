"""The leaderboard, the contributions, the costs and the report of one dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.evaluation import nodes
from multimodal_study.pipelines.evaluation.comparisons import comparisons_of
from multimodal_study.pipelines.evaluation.page import (
    draw,
    write_front_page,
    write_report,
    write_summary,
)

KINDS = ("metrics", "predictions", "history", "fit_cost", "predict_cost")


def compare(
    dataset: str,
    paradigms: tuple[str, ...],
    unfitted: tuple[str, ...],
    tables: Mapping[str, str],
) -> Pipeline:
    """Compare all cells of ``dataset``.

    Args:
        dataset: Its name.
        paradigms: Its cells.
        unfitted: Paradigms that predict as they fit.
        tables: Tables of the dataset that its page shows, with what they say.
    """
    named = {
        f"{paradigm}_{kind}": f"{dataset}.{paradigm}.{kind}"
        for paradigm in paradigms
        for kind in KINDS
        if not (kind == "predict_cost" and paradigm in unfitted)
    }

    def of(kind: str) -> dict[str, str]:
        return {name: name for name in named if name.endswith(f"_{kind}")}

    def pick(given: dict[str, Any], kind: str) -> dict[str, Any]:
        return {p: given[f"{p}_{kind}"] for p in paradigms if f"{p}_{kind}" in given}

    def leaderboard(evaluation: dict[str, Any], **given: Any) -> Any:
        return nodes.leaderboard(pick(given, "metrics"), evaluation)

    def contributions(evaluation: dict[str, Any], **given: Any) -> Any:
        own = comparisons_of(dataset, evaluation)
        return nodes.contributions(pick(given, "predictions"), pick(given, "metrics"), own)

    def costs(**given: Any) -> Any:
        return nodes.costs(pick(given, "fit_cost"), pick(given, "predict_cost"))

    def figures(leaderboard: Any, evaluation: dict[str, Any], **given: Any) -> Any:
        return draw(leaderboard, pick(given, "metrics"), pick(given, "predictions"), evaluation)

    def report(evaluation: dict[str, Any], trainer: dict[str, Any], **given: Any) -> Any:
        cells = {kind: pick(given, kind) for kind in ("metrics", "predictions", "history")}
        own = {said: given[name] for name, said in tables.items()}
        return write_report(dataset, given, cells, evaluation, {"trainer": trainer}, own)

    def summarise(evaluation: dict[str, Any], ingest_summary: Any, **given: Any) -> Any:
        return write_summary(dataset, pick(given, "metrics"), evaluation, ingest_summary)

    evaluation = {"evaluation": "params:evaluation"}
    made = ("leaderboard", "contributions", "costs")
    record = ("ingest_summary", "split_summary", "quarantine", *tables)
    everything = {**of("metrics"), **of("predictions")}
    template = Pipeline(
        [
            Node(leaderboard, {**evaluation, **of("metrics")}, "leaderboard", name="leaderboard"),
            Node(
                contributions, {**evaluation, **everything}, "contributions", name="contributions"
            ),
            Node(costs, {**of("fit_cost"), **of("predict_cost")}, "costs", name="costs"),
            Node(
                summarise,
                {**evaluation, **of("metrics"), "ingest_summary": "ingest_summary"},
                "summary",
                name="summarise",
            ),
            Node(
                figures,
                {**evaluation, **everything, "leaderboard": "leaderboard"},
                ["leaderboard_figure", "calibration_figure"],
                name="figures",
            ),
            Node(
                report,
                {
                    **evaluation,
                    **everything,
                    **of("history"),
                    **{name: name for name in (*made, *record)},
                    "trainer": "params:trainer",
                },
                "report",
                name="report",
            ),
        ]
    )
    return Pipeline(
        template,
        namespace=dataset,
        inputs={**named, **{name: f"{dataset}.{name}" for name in record}},
        # The front page belongs to no dataset, and a name with a dot would say that it did.
        outputs={"summary": f"{dataset}_summary"},
        parameters={"params:evaluation", "params:trainer"},
        tags={dataset, "evaluation"},
    )


def front_page(datasets: list[str]) -> Pipeline:
    """The report's first page over ``datasets``."""
    summaries = [f"{dataset}_summary" for dataset in datasets]
    return Pipeline(
        [Node(write_front_page, summaries, "report_index", name="front_page", tags=["evaluation"])]
    )
