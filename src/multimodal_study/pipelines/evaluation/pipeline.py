"""The leaderboard, the contributions, the tests and the costs of one dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.evaluation import nodes, retrieval_tables
from multimodal_study.pipelines.evaluation.history import ratings_by_history
from multimodal_study.pipelines.evaluation.page import draw, draw_retrieval
from multimodal_study.pipelines.evaluation.retrieval import LINEAR_MAPS
from multimodal_study.pipelines.evaluation.significance import significance

KINDS = ("metrics", "predictions", "history", "fit_cost", "predict_cost", "forward_cost")
OF_NETWORKS = ("predict_cost", "forward_cost")
"""Of these, what paradigms that predict as they fit do not have."""
RETRIEVAL_KINDS = ("retrieval", "ranks")
EVALUATION = {"evaluation": "params:evaluation"}
RECORD = ("ingest_summary", "split_summary", "quarantine")
MADE = ("leaderboard", "contributions", "significance", "costs")


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
            if not (kind in OF_NETWORKS and paradigm in self.unfitted)
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
    template = Pipeline([*_tables(compared), *_figures(compared)])
    cells = compared.cells()
    return Pipeline(
        template,
        namespace=dataset,
        inputs={name: cells[name] for name in template.inputs() if name in cells},
        parameters={"params:evaluation"},
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

    def costs(**given: Any) -> Any:
        kinds = ("fit_cost", "predict_cost", "forward_cost")
        return nodes.costs(*(pick(given, kind) for kind in kinds))

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
        Node(costs, of("fit_cost", "predict_cost", "forward_cost"), "costs", name="costs"),
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
