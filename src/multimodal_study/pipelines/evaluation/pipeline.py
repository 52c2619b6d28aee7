"""The leaderboard, the contributions, the costs and the report of one dataset."""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.evaluation import nodes, retrieval_tables
from multimodal_study.pipelines.evaluation.page import (
    draw,
    draw_retrieval,
    write_front_page,
    write_report,
    write_summary,
)
from multimodal_study.pipelines.evaluation.retrieval import LINEAR_MAPS

KINDS = ("metrics", "predictions", "history", "fit_cost", "predict_cost")
RETRIEVAL_KINDS = ("retrieval", "ranks")


def compare(
    dataset: str, paradigms: tuple[str, ...], unfitted: tuple[str, ...], *, paired: bool = False
) -> Pipeline:
    """Compare all cells of ``dataset``.

    Args:
        dataset: Its namespace.
        paradigms: Of its cells.
        unfitted: Those of them that predict as they fit, and embed nothing.
        paired: Whether its cells and linear maps also retrieve.
    """
    named = {
        f"{paradigm}_{kind}": f"{dataset}.{paradigm}.{kind}"
        for paradigm in paradigms
        for kind in KINDS
        if not (kind == "predict_cost" and paradigm in unfitted)
    }
    retrieving = [*LINEAR_MAPS, *(p for p in paradigms if p not in unfitted)] if paired else []
    named |= {f"{p}_{k}": f"{dataset}.{p}.{k}" for p in retrieving for k in RETRIEVAL_KINDS}

    def of(kind: str) -> dict[str, str]:
        return {name: name for name in named if name.endswith(f"_{kind}")}

    def pick(given: dict[str, Any], kind: str) -> dict[str, Any]:
        everyone = (*paradigms, *LINEAR_MAPS)
        return {p: given[f"{p}_{kind}"] for p in everyone if f"{p}_{kind}" in given}

    def leaderboard(evaluation: dict[str, Any], **given: Any) -> Any:
        board = nodes.leaderboard(pick(given, "metrics"), evaluation)
        return retrieval_tables.with_retrieval(board, pick(given, "retrieval"), evaluation)

    def contributions(evaluation: dict[str, Any], comparisons: Any, **given: Any) -> Any:
        cells = (pick(given, "predictions"), pick(given, "metrics"))
        found = nodes.contributions(*cells, evaluation, comparisons)
        retrieved = (pick(given, "ranks"), pick(given, "retrieval"))
        return retrieval_tables.with_retrieval_differences(
            found, *retrieved, evaluation, comparisons
        )

    def costs(**given: Any) -> Any:
        return nodes.costs(pick(given, "fit_cost"), pick(given, "predict_cost"))

    def figures(leaderboard: Any, evaluation: dict[str, Any], **given: Any) -> Any:
        return draw(leaderboard, pick(given, "metrics"), pick(given, "predictions"), evaluation)

    def retrieval_figure(leaderboard: Any, evaluation: dict[str, Any], **given: Any) -> Any:
        return draw_retrieval(leaderboard, pick(given, "retrieval"), evaluation)

    def report(evaluation: dict[str, Any], trainer: dict[str, Any], **given: Any) -> Any:
        kinds = ("metrics", "predictions", "history", "retrieval")
        cells = {kind: pick(given, kind) for kind in kinds}
        return write_report(dataset, given, cells, evaluation, {"trainer": trainer})

    def summarise(evaluation: dict[str, Any], **given: Any) -> Any:
        return write_summary(dataset, pick(given, "metrics"), evaluation)

    evaluation = {"evaluation": "params:evaluation"}
    tables = ("leaderboard", "contributions", "costs")
    record = ("ingest_summary", "split_summary", "quarantine")
    everything = {**of("metrics"), **of("predictions")}
    drawn = {**evaluation, **of("retrieval"), "leaderboard": "leaderboard"}
    template = Pipeline(
        [
            *(
                [Node(retrieval_figure, drawn, "retrieval_figure", name="retrieval_figure")]
                if paired
                else []
            ),
            Node(
                leaderboard,
                {**evaluation, **of("metrics"), **of("retrieval")},
                "leaderboard",
                name="leaderboard",
            ),
            Node(
                contributions,
                {
                    **evaluation,
                    **everything,
                    **of("ranks"),
                    **of("retrieval"),
                    "comparisons": "params:comparisons",
                },
                "contributions",
                name="contributions",
            ),
            Node(costs, {**of("fit_cost"), **of("predict_cost")}, "costs", name="costs"),
            Node(summarise, {**evaluation, **of("metrics")}, "summary", name="summarise"),
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
                    **of("retrieval"),
                    **{name: name for name in (*tables, *record)},
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
