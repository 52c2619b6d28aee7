"""Train, validation and test of the reviews, with published digests."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from multimodal_study.data.splits import COLUMNS, assign, published
from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

logger = logging.getLogger(__name__)

AUTO = "auto"
_CLUSTERS = {"reviewer": "reviewer_id", "product": "product_id"}


def split(
    reviews: pl.LazyFrame, split: dict[str, Any], seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One row per review that is used: ``review_id``, ``split``, ``cluster``; and a JSON summary.

    ``cluster`` is what the strategy groups by where that is people or products, else the review.

    Args:
        reviews: Columns ``review_id``, ``text_key`` and the one that the strategy needs.
        split: ``strategy`` (auto: official where the source has a split, else reviewer) and
            ``fractions``.
        seed: Of the split.

    Raises:
        ValueError: See :func:`multimodal_study.data.splits.assign`.
    """
    import pandas as pd

    strategy = _strategy(reviews, str(split.get("strategy", AUTO)))
    keys = _keys(reviews, strategy)
    sides = assign(keys, strategy=strategy, fractions=dict(split["fractions"]), seed=seed)
    chosen = sides.notna().to_numpy()
    cluster = _CLUSTERS.get(strategy, "review_id")
    splits = pd.DataFrame(
        {
            "review_id": keys["review_id"],
            "split": sides.astype("str") if len(sides) < 1_000_000 else sides,  # noqa: PLR2004
            "cluster": keys[cluster],
        }
    )
    said = keys["said"][chosen].reset_index(drop=True)
    splits = splits[chosen].reset_index(drop=True)
    summary = {
        "strategy": strategy,
        "seed": seed,
        "dropped_straddling_text": int((~chosen).sum()),
        **published(splits.rename(columns={"review_id": "example_id"}), said),
    }
    logger.info("split %s: %s", strategy, summary["rows"])
    return splits, summary


def _strategy(reviews: pl.LazyFrame, strategy: str) -> str:
    import polars as pl

    if strategy not in (AUTO, *COLUMNS):
        raise InputError(f"split.strategy is {strategy!r}, expected one of {(AUTO, *COLUMNS)}")
    if strategy != AUTO:
        return strategy
    official = reviews.select(pl.col("official_split").is_not_null().any()).collect().item()
    return "official" if official else "reviewer"


def _keys(reviews: pl.LazyFrame, strategy: str) -> pd.DataFrame:
    """The columns that splitting needs; ``said`` is the rating or label, for the class balance."""
    import polars as pl

    said = pl.coalesce("label", pl.col("rating").cast(pl.Int8).cast(pl.String))
    names = list(dict.fromkeys(["review_id", "text_key", COLUMNS[strategy]]))
    columns = [pl.col(name) for name in names]
    if strategy == "official":
        columns.append(said.alias("label"))
    return (
        reviews.select(*columns, said.cast(pl.Categorical).alias("said"))
        .collect(engine="streaming")
        .to_pandas()
    )
