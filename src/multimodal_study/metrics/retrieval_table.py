"""The ranks table of a cell: how each query was answered, so that metrics can be recomputed.

Columns: ``example_id`` (the query's entity, by its first example), ``split``, ``seed``,
``cluster``, ``gallery`` (its size), and per direction ``<query>_to_<gallery>_above``, ``_tied``,
``_hits``, ``_positives`` (see :class:`multimodal_study.metrics.search.Standing`) and, one to one,
``<query>_to_<gallery>_one_to_one_above`` and ``_tied``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from multimodal_study.contract import SPLITS
from multimodal_study.metrics.retrieval import ONE_TO_ONE, Queries, directions
from multimodal_study.metrics.search import Standing
from multimodal_study.metrics.table import Panel

KEYS = ("example_id", "split", "seed", "cluster", "gallery")


def columns(pair: tuple[str, str]) -> list[str]:
    """All columns, in order."""
    counts = [
        f"{direction}_{name}"
        for direction in directions(pair)
        for name in (
            *("above", "tied", "hits", "positives"),
            *(f"{ONE_TO_ONE[1:]}_{name}" for name in ("above", "tied")),
        )
    ]
    return [*KEYS, *counts]


def ranks_table(
    examples: pd.DataFrame, seed: int, queries: Queries, pair: tuple[str, str]
) -> pd.DataFrame:
    """Rows of one seed on one split.

    Args:
        examples: ``example_id``, ``split`` and ``cluster`` of each query, in order.
        seed: Seed of the fit.
        queries: How they were answered, both directions and both variants.
        pair: The two origins.
    """
    table = examples[["example_id", "split", "cluster"]].reset_index(drop=True)
    table["seed"] = seed
    for variant, standing in queries.items():
        table["gallery"] = standing.gallery
        table[f"{variant}_above"], table[f"{variant}_tied"] = standing.above, standing.tied
        if not variant.endswith(ONE_TO_ONE):
            table[f"{variant}_hits"] = standing.hits
            table[f"{variant}_positives"] = standing.positives
    return table[columns(pair)]


def ranks_panels(ranks: pd.DataFrame, pair: tuple[str, str]) -> dict[str, Panel[Queries]]:
    """One panel per split that ``ranks`` has.

    Raises:
        ValueError: If columns are missing, or two seeds answered different queries.
    """
    missing = sorted(set(columns(pair)) - set(ranks.columns))
    if missing:
        raise ValueError(f"ranks lack the columns {missing}")
    return {
        split: _panel(ranks[ranks["split"] == split], split, pair)
        for split in SPLITS
        if (ranks["split"] == split).any()
    }


def _panel(table: pd.DataFrame, split: str, pair: tuple[str, str]) -> Panel[Queries]:
    by_seed = {
        int(str(seed)): part.sort_values("example_id")
        for seed, part in table.groupby("seed", sort=True)
    }
    first = next(iter(by_seed.values()))
    for seed, part in by_seed.items():
        for name in ("example_id", "cluster", "gallery"):
            if not np.array_equal(part[name].to_numpy(), first[name].to_numpy()):
                raise ValueError(
                    f"ranks of split {split!r}: column {name!r} of seed {seed} differs from the"
                    " first seed; every seed must search the same gallery"
                )
    names, cluster = np.unique(first["cluster"].astype(str).to_numpy(), return_inverse=True)
    return Panel(
        split=split,
        seeds=tuple(by_seed),
        rows=tuple(_queries(part, pair) for part in by_seed.values()),
        examples=first["example_id"].to_numpy(),
        cluster=cluster,
        clusters=len(names),
    )


def _queries(part: pd.DataFrame, pair: tuple[str, str]) -> dict[str, Standing]:
    found = {}
    gallery = int(part["gallery"].iloc[0])
    for direction in directions(pair):
        for variant in (direction, direction + ONE_TO_ONE):
            above, tied, hits, positives = (
                part[f"{variant}_{name}"].to_numpy(dtype=np.int64)
                if f"{variant}_{name}" in part.columns
                else np.ones(len(part), dtype=np.int64)
                for name in ("above", "tied", "hits", "positives")
            )
            found[variant] = Standing(above, tied, hits, positives, gallery)
    return found
