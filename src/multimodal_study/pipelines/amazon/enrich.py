"""Examples with their text, target and metadata.

``title`` (the summary) never enters: "Five Stars" is among the most frequent ones, so it states
the label. ``votes`` and the helpful ratio gather after a review was posted: they are known for
reviews of the past, not for one posted now. The products' average rating is never read at all.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError
from multimodal_study.pipelines.amazon.history import history
from multimodal_study.pipelines.amazon.task import target

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

logger = logging.getLogger(__name__)

TEXT_STATISTICS = (
    "characters",
    "words",
    "mean_word_length",
    "exclamation_share",
    "question_share",
    "capitals_share",
    "digits_share",
)
TIME = ("year", "month", "weekday", "days_since_first")
HISTORY = ("product_count", "product_mean", "reviewer_count", "reviewer_mean")
METADATA = ("verified", "votes", "helpful_ratio", *TIME, *TEXT_STATISTICS, *HISTORY)
"""Columns about a review that may be in the table; those without content are left out."""
PRODUCT = ("price", "rank", "brand", "category", "main_category")
"""Columns about the product that may be in the table, with ``has_product``."""
_BASE = ("review_id", "reviewer_id", "product_id", "text", "split", "cluster", "target", "rating")
_SECONDS = 86_400


def enrich(
    reviews: pl.LazyFrame,
    products: pl.LazyFrame,
    splits: pd.DataFrame,
    task: dict[str, Any],
    enrich: dict[str, Any],
) -> pd.DataFrame:
    """One row per review of ``splits``, in the order of ``reviews``, held in memory.

    Columns: review_id, reviewer_id, product_id, text, split, cluster, target (class index), rating
    (stars or missing), has_product, and of ``METADATA`` and ``PRODUCT`` those that are not constant
    in train. What is unknown is missing, never zero; votes that a file never mentions are unknown,
    a review without votes in a file that has them got none.

    Args:
        reviews: Table of ``ingest``.
        products: Table of ``ingest``.
        splits: Table of ``split``.
        task: ``name`` (sentiment or stars), ``positive_from``.
        enrich: ``history`` (all_train or before), ``smoothing`` in reviews, ``reviewer_history``.

    Raises:
        ValueError: A parameter is out of range, or the source lacks what the task needs.
    """
    import polars as pl

    sides = pl.from_pandas(splits).lazy().with_columns(pl.col("split").cast(pl.String))
    table = reviews.join(sides, on="review_id", how="inner", maintain_order="left").collect()
    if table.height != len(splits):
        raise InputError(
            f"{len(splits)} reviews have a split, but {table.height} of them are in the reviews; "
            "the two tables come from different runs, run ingest and split again"
        )
    labelled = table["label"].is_not_null().any()
    table = table.with_columns(target(task, labelled=labelled).alias("target"))
    known = products.with_columns(pl.lit(True).alias("has_product"))
    known = known.select("product_id", "has_product", *PRODUCT)
    table = (
        table.lazy()
        .with_columns(*_votes(), *_text_statistics(), *_times())
        .join(known, on="product_id", how="left", maintain_order="left")
        .with_columns(pl.col("has_product").fill_null(False))
        .collect()
    )
    table = _with_history(table, enrich, stars=not labelled)
    return _informative(table).to_pandas()


def _votes() -> list[pl.Expr]:
    """Votes and their helpful ratio; no votes of a total of none is an unknown ratio."""
    import polars as pl

    total = pl.col("helpful_total")
    counted = pl.col("votes").is_not_null().any().over("source_file")
    return [
        pl.col("verified").cast(pl.Float64),
        pl.when(counted)
        .then(pl.col("votes").fill_null(0))
        .otherwise(None)
        .cast(pl.Float64)
        .alias("votes"),
        pl.when(total > 0).then((pl.col("votes") / total).clip(0, 1)).alias("helpful_ratio"),
    ]


def _text_statistics() -> list[pl.Expr]:
    """Counts over the text; shares are of its characters."""
    import polars as pl

    text = pl.col("text")
    characters = text.str.len_chars().cast(pl.Float64)
    words = text.str.count_matches(r"\S+").cast(pl.Float64)
    blanks = text.str.count_matches(r"\s").cast(pl.Float64)
    patterns = {
        "exclamation_share": "!",
        "question_share": r"\?",
        "capitals_share": r"\p{Lu}",
        "digits_share": r"\p{Nd}",
    }
    return [
        characters.alias("characters"),
        words.alias("words"),
        ((characters - blanks) / words).alias("mean_word_length"),
        *((text.str.count_matches(p) / characters).alias(name) for name, p in patterns.items()),
    ]


def _times() -> list[pl.Expr]:
    """Calendar of the review in UTC, and days since the first review of train."""
    import polars as pl

    moment = pl.from_epoch("time", time_unit="s")
    first = pl.col("time").filter(pl.col("split") == "train").min()
    return [
        moment.dt.year().cast(pl.Float64).alias("year"),
        moment.dt.month().cast(pl.Float64).alias("month"),
        moment.dt.weekday().cast(pl.Float64).alias("weekday"),
        ((pl.col("time") - first) / _SECONDS).alias("days_since_first"),
    ]


def _with_history(table: pl.DataFrame, enrich: dict[str, Any], *, stars: bool) -> pl.DataFrame:
    """Add the history of the product and, where asked, of the reviewer; scores in stars or 0-1."""
    import polars as pl

    entities = ["product"] + (["reviewer"] if enrich.get("reviewer_history", False) else [])
    score = table["rating"] if stars else table["target"]
    times = table["time"]
    columns = []
    for entity in entities:
        ids = table[f"{entity}_id"]
        if ids.null_count():
            raise InputError(
                f"enrich.{entity}_history=true needs {entity}_id, which {ids.null_count()} of "
                f"{table.height} rows lack in this source; set it to false"
            )
        count, mean = history(
            ids.rank("dense").to_numpy().astype(np.int64) - 1,
            score.to_numpy().astype(np.float64),
            (table["split"] == "train").to_numpy(),
            smoothing=float(enrich.get("smoothing", 5.0)),
            mode=str(enrich.get("history", "all_train")),
            times=None if times.null_count() else times.to_numpy(),
        )
        columns += [pl.Series(f"{entity}_count", count), pl.Series(f"{entity}_mean", mean)]
    return table.with_columns(columns)


def _informative(table: pl.DataFrame) -> pl.DataFrame:
    """Drop the optional columns that take one value in train, and say which."""
    import polars as pl

    train = table.filter(pl.col("split") == "train")
    optional = [name for name in (*METADATA, *PRODUCT) if name in table.columns]
    constant = [name for name in optional if train[name].n_unique() <= 1]
    if constant:
        logger.info("left out, as they are absent or constant in train: %s", ", ".join(constant))
    kept = [name for name in optional if name not in constant]
    return table.select(*_BASE, "has_product", *kept)
