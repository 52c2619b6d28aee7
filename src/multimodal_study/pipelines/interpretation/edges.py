"""Which ratings a graph network answers by, whether they count, and the strongest of them drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.interpretation.localisation import ABOVE, BELOW, NOISE
from multimodal_study.pipelines.interpretation.options import check_counts, sampled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from multimodal_study.contract import Features
    from multimodal_study.interpretation.edges import EdgeParts
    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.pipelines.interpretation.networks import Fitted
    from multimodal_study.reporting.edge_sheet import ExplainedRating

Array = np.ndarray[Any, Any]
GRAPH_PARTS = [
    "part", "examples", "seed", "edges", "share", "share_low", "share_high", "towards",
    "towards_low", "towards_high", "missed",
]  # fmt: skip
EDGE_TESTS = [
    "explainer", "examples", "seed", "removed", "change", "change_low", "change_high", "gain",
    "gain_low", "gain_high", "verdict",
]  # fmt: skip
OWN, OTHERS, FURTHER = "the person's own ratings", "others' ratings of the film", "further away"
STRONGEST, RANDOM = "integrated_gradients", "random"
_DRAWS = 5
"""Random sets of edges per example, whose mean is the random explainer."""


@dataclass(frozen=True)
class Rated:
    """One example."""

    row: int
    """Position in the examples."""
    parts: EdgeParts
    kind: Array
    """What each of its edges is, str ``[e]``."""
    changes: dict[str, float]
    """Explainer to how far the prediction moves without its edges."""


def graph_attributions(
    features: Features,
    table: pd.DataFrame,
    fitted: Fitted,
    options: dict[str, Any],
    evaluation: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Ratings of train that decide a predicted one, on a sample of test examples, first seed.

    Args:
        features: Of the dataset.
        table: ``title`` of the films, by row of their arrays.
        fitted: ``gnn``.
        options: ``interpretation.edges``: ``examples``, ``steps`` of the integral, ``removed``
            edges of a test, ``sheet_rows``.
        evaluation: How intervals are made.

    Returns:
        Shares of the edges by where they lie, the columns are :data:`GRAPH_PARTS`: ``share`` of the
        sizes of all attributions, ``towards`` their sum in the unit of the rating, ``missed`` what
        all of them lack of the change, as a share of it. Then how far predictions move without the
        strongest edges and without as many of the pair's at random, :data:`EDGE_TESTS`. And the
        strongest edges of some examples.

    Raises:
        InputError: An option is out of range.
    """
    import pandas as pd

    from multimodal_study.reporting.edge_sheet import edge_sheet

    check_counts("edges", options, ("examples", "steps", "removed", "sheet_rows"))
    resampling = resampling_of(evaluation)
    rows = features.rows("test")
    rows = sampled(rows, options["examples"], resampling.seed)
    if not len(rows):
        return pd.DataFrame(columns=GRAPH_PARTS), pd.DataFrame(columns=EDGE_TESTS), edge_sheet([])
    found = list(_rated(fitted, rows, options, resampling.seed))
    cluster = features.examples["cluster"].to_numpy()[[one.row for one in found]]
    both: list[list[dict[str, Any]]] = [
        [{**row, "examples": len(found), "seed": fitted.seeds()[0]} for row in made]
        for made in (_parts(found, cluster, resampling), _tests(found, cluster, resampling))
    ]
    for row in both[1]:
        row["removed"] = options["removed"]
    shown = [_shown(features, table, fitted, one) for one in found[: options["sheet_rows"]]]
    return (
        pd.DataFrame(both[0], columns=GRAPH_PARTS),
        pd.DataFrame(both[1], columns=EDGE_TESTS),
        edge_sheet(shown),
    )


def _rated(fitted: Fitted, rows: Array, options: dict[str, Any], seed: int) -> Iterator[Rated]:
    from multimodal_study.interpretation.edges import edge_attributions, without_edges

    network: Any = next(fitted.networks())
    user, movie = (network.graph.get_buffer(name).numpy() for name in ("user", "movie"))
    random = np.random.default_rng([seed, len(rows)])
    for batch in fitted.cell().batches(rows, 1, None):
        parts = edge_attributions(network, batch, options["steps"])
        edges, count = parts.edges, min(options["removed"], len(parts.edges))
        own = user[edges] == int(batch.nodes["user"][0])
        others = movie[edges] == int(batch.nodes["movie"][0])
        strongest = edges[np.argsort(-np.abs(parts.attribution), kind="stable")[:count]]
        near = edges[own | others]
        pool = near if len(near) >= count else edges
        drawn = [random.choice(pool, count, replace=False) for _ in range(_DRAWS if count else 0)]
        moved = np.abs(without_edges(network, batch, [strongest, *drawn]) - parts.predicted)
        changes = {STRONGEST: float(moved[0]), RANDOM: float(moved[1:].mean()) if count else 0.0}
        kind = np.where(own, OWN, np.where(others, OTHERS, FURTHER))
        yield Rated(int(batch.rows[0]), parts, kind, changes)


def _parts(found: list[Rated], cluster: Array, resampling: Resampling) -> Iterator[dict[str, Any]]:
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    change = np.array([one.parts.predicted - one.parts.without for one in found])
    missed = np.array([one.parts.missed() for one in found])
    size = np.abs(change).mean()
    for part in (OWN, OTHERS, FURTHER):
        sums, shares, edges = [], [], []
        for one in found:
            own = one.parts.attribution[one.kind == part]
            whole = np.abs(one.parts.attribution).sum()
            shares.append(np.abs(own).sum() / whole if whole > 0 else np.nan)
            sums.append(own.sum())
            edges.append(len(own))
        row: dict[str, Any] = {"part": part, "edges": float(np.mean(edges))}
        for label, values in (("share", shares), ("towards", sums)):
            mean = clustered_mean(np.array(values, dtype=float), cluster, resampling)
            row |= {label: mean.value, f"{label}_low": mean.low, f"{label}_high": mean.high}
        yield {**row, "missed": float(np.abs(missed).mean() / size) if size > 0 else np.nan}


def _tests(found: list[Rated], cluster: Array, resampling: Resampling) -> Iterator[dict[str, Any]]:
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    changes = {name: np.array([one.changes[name] for one in found]) for name in (STRONGEST, RANDOM)}
    for name, own in changes.items():
        row: dict[str, Any] = {"explainer": name}
        for label, values in (("change", own), ("gain", own - changes[RANDOM])):
            mean = clustered_mean(values, cluster, resampling)
            row |= {label: mean.value, f"{label}_low": mean.low, f"{label}_high": mean.high}
        place = ABOVE if row["gain_low"] > 0 else BELOW if row["gain_high"] < 0 else NOISE
        yield {**row, "verdict": "" if name == RANDOM else f"{place} random"}


def _shown(features: Features, table: pd.DataFrame, fitted: Fitted, one: Rated) -> ExplainedRating:
    from multimodal_study.reporting.edge_sheet import BARS, Edge, ExplainedRating

    network: Any = next(fitted.networks())
    user, movie = (network.graph.get_buffer(name).numpy() for name in ("user", "movie"))
    train = features.examples.iloc[features.rows("train")]
    ratings = train.set_index(["user", "movie"])["target"]
    titles = table["title"].to_numpy()
    values = features.task.values

    def said(target: float) -> float:
        return float(values[int(target)] if values else target)

    edges = []
    for at in np.argsort(-np.abs(one.parts.attribution), kind="stable")[:BARS]:
        ends = int(user[one.parts.edges[at]]), int(movie[one.parts.edges[at]])
        whose = "own" if one.kind[at] == OWN else "another's"
        label = f"{whose} {said(ratings.loc[ends]):.1f} for {titles[ends[1]]}"
        edges.append(Edge(label, float(one.parts.attribution[at])))
    example = features.examples.iloc[one.row]
    title = f"{titles[int(example['movie'])]}: predicted {one.parts.predicted:.1f}"
    return ExplainedRating(f"{title}, is {said(float(example['target'])):.1f}", edges)
