"""The leaderboard, the contributions, the costs and the report of one dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.evaluation import nodes, retrieval_tables
from multimodal_study.pipelines.evaluation.calibration import calibration
from multimodal_study.pipelines.evaluation.history import ratings_by_history
from multimodal_study.pipelines.evaluation.page import (
    draw,
    draw_retrieval,
    write_front_page,
    write_report,
    write_summary,
)
from multimodal_study.pipelines.evaluation.retrieval import LINEAR_MAPS
from multimodal_study.pipelines.evaluation.significance import significance

KINDS = ("metrics", "predictions", "history", "fit_cost", "predict_cost")
RETRIEVAL_KINDS = ("retrieval", "ranks")
EVALUATION = {"evaluation": "params:evaluation"}
RECORD = ("ingest_summary", "split_summary", "quarantine")
MADE = ("leaderboard", "contributions", "significance", "costs")
SHOWN = {
    "calibration": (
        "Are probabilities to be believed? Before, and after temperature scaling (Guo et al., "
        "2017): one temperature per seed, fitted on validation by the NLL; above 1 a paradigm was "
        "too sure. Change: after less before, on the same examples and resamples; negative is "
        "better. The predicted class never changes."
    ),
}
"""Tables made here that the page shows with those of the dataset, with what they say."""


@dataclass(frozen=True)
class Compared:
    """What stands side by side on the page of one dataset."""

    dataset: str
    """Its namespace."""
    paradigms: tuple[str, ...]
    """Those that have a cell on it."""
    unfitted: tuple[str, ...]
    """Paradigms that predict as they fit, and embed nothing."""
    tables: Mapping[str, str] = field(default_factory=dict)
    """Tables of the dataset that its page shows, with what they say."""
    paired: bool = False
    """Whether its cells and linear maps also retrieve."""

    def cells(self) -> dict[str, str]:
        """Outputs of cells that are compared: plain name to the catalogue's name."""
        named = [
            (paradigm, kind)
            for paradigm in self.paradigms
            for kind in KINDS
            if not (kind == "predict_cost" and paradigm in self.unfitted)
        ]
        if self.paired:
            fitted = [name for name in self.paradigms if name not in self.unfitted]
            named += [(name, k) for name in (*LINEAR_MAPS, *fitted) for k in RETRIEVAL_KINDS]
        return {f"{name}_{kind}": f"{self.dataset}.{name}.{kind}" for name, kind in named}

    def of(self, *kinds: str) -> dict[str, str]:
        """Inputs of a node that reads these kinds of every cell."""
        ends = tuple(f"_{kind}" for kind in kinds)
        return {name: name for name in self.cells() if name.endswith(ends)}

    def pick(self, given: Mapping[str, Any], kind: str) -> dict[str, Any]:
        """Of a node's inputs those of one kind, by paradigm."""
        everyone = (*self.paradigms, *LINEAR_MAPS)
        return {name: given[f"{name}_{kind}"] for name in everyone if f"{name}_{kind}" in given}


def compare(
    dataset: str,
    paradigms: tuple[str, ...],
    unfitted: tuple[str, ...],
    tables: Mapping[str, str],
    *,
    paired: bool = False,
) -> Pipeline:
    """Compare all cells of ``dataset``; the arguments are those of :class:`Compared`."""
    compared = Compared(dataset, paradigms, unfitted, tables, paired)
    made = [*_tables(compared), *_figures(compared), *_pages(compared)]
    record = {name: f"{dataset}.{name}" for name in (*RECORD, *tables)}
    return Pipeline(
        made,
        namespace=dataset,
        inputs={**compared.cells(), **record},
        # The front page belongs to no dataset, and a name with a dot would say that it did.
        outputs={"summary": f"{dataset}_summary"},
        parameters={"params:evaluation", "params:trainer"},
        tags={dataset, "evaluation"},
    )


def _tables(compared: Compared) -> list[Node]:
    of, pick = compared.of, compared.pick

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

    def against_each_other(evaluation: dict[str, Any], **given: Any) -> Any:
        return significance(pick(given, "predictions"), pick(given, "metrics"), evaluation)

    def believed(evaluation: dict[str, Any], **given: Any) -> Any:
        return calibration(pick(given, "predictions"), pick(given, "metrics"), evaluation)

    def costs(**given: Any) -> Any:
        return nodes.costs(pick(given, "fit_cost"), pick(given, "predict_cost"))

    paired = {
        **EVALUATION,
        **of("metrics", "predictions", "ranks", "retrieval"),
        "comparisons": "params:comparisons",
    }
    board = {**EVALUATION, **of("metrics", "retrieval")}
    tested = {**EVALUATION, **of("metrics", "predictions")}
    return [
        Node(leaderboard, board, "leaderboard", name="leaderboard"),
        Node(contributions, paired, "contributions", name="contributions"),
        Node(against_each_other, tested, "significance", name="significance"),
        Node(believed, tested, "calibration", name="calibration"),
        Node(costs, of("fit_cost", "predict_cost"), "costs", name="costs"),
    ]


def _figures(compared: Compared) -> list[Node]:
    pick = compared.pick

    def figures(leaderboard: Any, evaluation: dict[str, Any], **given: Any) -> Any:
        return draw(leaderboard, pick(given, "metrics"), pick(given, "predictions"), evaluation)

    def retrieval_figure(leaderboard: Any, evaluation: dict[str, Any], **given: Any) -> Any:
        return draw_retrieval(leaderboard, pick(given, "retrieval"), evaluation)

    drawn = {**EVALUATION, "leaderboard": "leaderboard"}
    made = [
        Node(
            figures,
            {**drawn, **compared.of("metrics", "predictions")},
            ["leaderboard_figure", "calibration_figure"],
            name="figures",
        )
    ]
    if compared.paired:
        read = {**drawn, **compared.of("retrieval")}
        made.append(Node(retrieval_figure, read, "retrieval_figure", name="retrieval_figure"))
    return made


def _pages(compared: Compared) -> list[Node]:
    dataset, pick = compared.dataset, compared.pick

    def report(evaluation: dict[str, Any], trainer: dict[str, Any], **given: Any) -> Any:
        kinds = ("metrics", "predictions", "history", "retrieval")
        cells = {kind: pick(given, kind) for kind in kinds}
        shown = {**compared.tables, **SHOWN}
        own = {said: given[name] for name, said in shown.items()}
        return write_report(dataset, given, cells, evaluation, {"trainer": trainer}, own)

    def summarise(evaluation: dict[str, Any], ingest_summary: Any, **given: Any) -> Any:
        return write_summary(dataset, pick(given, "metrics"), evaluation, ingest_summary)

    read = {
        **EVALUATION,
        **compared.of("metrics", "predictions", "history", "retrieval"),
        **{name: name for name in (*MADE, *SHOWN, *RECORD, *compared.tables)},
        "trainer": "params:trainer",
    }
    summed = {**EVALUATION, **compared.of("metrics"), "ingest_summary": "ingest_summary"}
    return [
        Node(summarise, summed, "summary", name="summarise"),
        Node(report, read, "report", name="report"),
    ]


def by_history(dataset: str, paradigms: tuple[str, ...]) -> Pipeline:
    """Ratings by what train knew of the film, for a dataset of ratings."""
    compared = Compared(dataset, paradigms, ())

    def by_film(features: Any, evaluation: dict[str, Any], **given: Any) -> Any:
        cells = (compared.pick(given, "predictions"), compared.pick(given, "metrics"))
        return ratings_by_history(features, *cells, evaluation)

    read = compared.of("predictions", "metrics")
    return Pipeline(
        [
            Node(
                by_film,
                {**EVALUATION, **read, "features": "features"},
                "ratings_by_history",
                name="ratings_by_history",
            )
        ],
        namespace=dataset,
        inputs={
            "features": f"{dataset}.features",
            **{name: compared.cells()[name] for name in read},
        },
        parameters={"params:evaluation"},
        tags={dataset, "evaluation"},
    )


def front_page(dataset: str) -> Pipeline:
    """The report's first page after ``dataset`` was evaluated, with all that others left there.

    Every dataset has such a node, so that runs of several may be joined; the last one to run sees
    the summaries of all.
    """

    # Summaries are read through the folder; the input only says that the page comes after it.
    def front_page(evaluated_datasets: Mapping[str, Callable[[], Any]], _summary: Any) -> str:
        return write_front_page(evaluated_datasets)

    read = ["evaluated_datasets", f"{dataset}_summary"]
    node = Node(
        front_page,
        read,
        f"{dataset}_report_index",
        name=f"{dataset}_front_page",
        tags=["evaluation"],
    )
    return Pipeline([node])
