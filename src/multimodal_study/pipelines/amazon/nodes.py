"""Nodes of the amazon pipeline; heavy libraries load when a node runs, not when it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def locate(ingest: dict[str, Any]) -> dict[str, Any]:
    """Manifest of the source files; see :func:`.locate.locate`."""
    from multimodal_study.pipelines.amazon import locate as step

    return step.locate(ingest)


def ingest(
    source_files: dict[str, Any], ingest: dict[str, Any]
) -> tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame, dict[str, Any]]:
    """Reviews, products, quarantine and summary; see the module :mod:`.ingest`."""
    from multimodal_study.pipelines.amazon import ingest as step

    return step.ingest(source_files, ingest)


def split(
    reviews: pl.LazyFrame, split: dict[str, Any], seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Split of every review; see :mod:`multimodal_study.pipelines.amazon.split`."""
    from multimodal_study.pipelines.amazon import split as step

    return step.split(reviews, split, seed)


def enrich(
    reviews: pl.LazyFrame,
    products: pl.LazyFrame,
    splits: pd.DataFrame,
    task: dict[str, Any],
    enrich: dict[str, Any],
) -> pd.DataFrame:
    """Table of examples with text, target and metadata; see the module :mod:`.enrich`."""
    from multimodal_study.pipelines.amazon import enrich as step

    return step.enrich(reviews, products, splits, task, enrich)
