"""Nodes of the movielens pipeline; heavy libraries load when a node runs, not at import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from multimodal_study.contract import Features
    from multimodal_study.storage.secret import Secret


def locate(ingest: dict[str, Any]) -> dict[str, Any]:
    """Manifest of the source files; see :func:`.locate.locate`."""
    from multimodal_study.pipelines.movielens import locate as step

    return step.locate(ingest)


def locate_enrichment(enrich: dict[str, Any]) -> dict[str, Any]:
    """What lies on disk for ``enrich``; see :func:`.enrich.locate_enrichment`."""
    from multimodal_study.pipelines.movielens import enrich as step

    return step.locate_enrichment(enrich)


def ingest(
    source_files: dict[str, Any], ingest: dict[str, Any]
) -> tuple[pl.LazyFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Ratings, films, users, quarantine and summary; see the module :mod:`.ingest`."""
    from multimodal_study.pipelines.movielens import ingest as step

    return step.ingest(source_files, ingest)


def split(
    ratings: pl.LazyFrame,
    movies: pl.LazyFrame,
    users: pl.LazyFrame,
    split: dict[str, Any],
    seed: int,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Split, fold and index of every rating; see the module :mod:`.split`."""
    from multimodal_study.pipelines.movielens import split as step

    return step.split(ratings, movies, users, split, seed)


def fetch(movies: pl.LazyFrame, enrich: dict[str, Any], tmdb_key: Secret) -> dict[str, Any]:
    """Plots and posters of TMDB, if asked for; see :func:`.enrich.fetch`."""
    from multimodal_study.pipelines.movielens import enrich as step

    return step.fetch(movies, enrich, tmdb_key)


def enrich(
    movies: pl.LazyFrame,
    ratings: pl.LazyFrame,
    enrich: dict[str, Any],
    enrichment_files: dict[str, Any],
    tmdb_summary: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Films, coverage and summary; see the module :mod:`.enrich`."""
    from multimodal_study.pipelines.movielens import enrich as step

    return step.enrich(movies, ratings, enrich, enrichment_files, tmdb_summary)


def ranking(
    features: Features, ranking: dict[str, Any], evaluation: dict[str, Any], seed: int
) -> pd.DataFrame:
    """Recommenders side by side; see the module :mod:`.ranking`."""
    from multimodal_study.pipelines.movielens import ranking as step

    return step.ranking(features, ranking, evaluation, seed)
