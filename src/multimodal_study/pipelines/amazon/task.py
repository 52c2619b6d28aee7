"""What is predicted on Amazon reviews, and the target of each review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from multimodal_study.contract import Task
from multimodal_study.errors import InputError
from multimodal_study.pipelines.amazon.sources import SOURCES, fine_foods

if TYPE_CHECKING:
    import polars as pl

TASKS = ("sentiment", "stars")
POSITIVE_FROM = 4.0
"""Stars from which a review counts as positive."""
_STARS = (1.0, 2.0, 3.0, 4.0, 5.0)


def task_of(name: str, source: str, decides: str | None = None) -> Task:
    """The task ``name`` on ``source``; ``decides`` replaces the metric of choice.

    ``sentiment`` is binary: fine_foods' own label (great or other), elsewhere the stars cut at
    ``task.positive_from``. ``stars`` is ordinal, 1 to 5; fine_foods has no stars.

    Raises:
        ValueError: The task or the source is unknown, or the source has no stars.
    """
    if source not in SOURCES:
        raise InputError(f"source is {source!r}, expected one of {SOURCES}")
    if name == "sentiment":
        classes = fine_foods.LABELS if source == fine_foods.NAME else ("negative", "positive")
        return Task(name, "binary", classes, decides or "accuracy")
    if name != "stars":
        raise InputError(f"task.name is {name!r}, expected one of {TASKS}")
    if source == fine_foods.NAME:
        raise InputError(
            "task.name=stars needs ratings, fine_foods has only great and other; use "
            "task.name=sentiment or another ingest.source"
        )
    stars = tuple(str(int(star)) for star in _STARS)
    return Task(name, "ordinal", stars, decides or "quadratic_kappa", _STARS)


def target(task: dict[str, Any], *, labelled: bool) -> pl.Expr:
    """Class index of a review: int64.

    Args:
        task: ``name`` and, for sentiment on stars, ``positive_from`` (1 < stars <= 5).
        labelled: The source has labels in place of stars.
    """
    import polars as pl

    source = fine_foods.NAME if labelled else next(s for s in SOURCES if s != fine_foods.NAME)
    kind = task_of(str(task.get("name")), source)
    if labelled:
        return (pl.col("label") == fine_foods.LABELS[1]).cast(pl.Int64)
    if kind.name == "stars":
        return pl.col("rating").cast(pl.Int64) - 1
    limit = float(task.get("positive_from", POSITIVE_FROM))
    if not _STARS[0] < limit <= _STARS[-1]:
        raise InputError(f"task.positive_from is {limit}, expected above 1 and at most 5 stars")
    return (pl.col("rating") >= limit).cast(pl.Int64)
