"""Nodes of the fashion pipeline; heavy libraries load when a node runs, not when it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from multimodal_study.contract import Features


def locate(rendered: dict[str, Any], ingest: dict[str, Any]) -> dict[str, Any]:
    """Manifest of the source files; see :func:`.locate.locate`."""
    from multimodal_study.pipelines.fashion import locate as step

    return step.locate(rendered, ingest)


def ingest(
    source_files: dict[str, Any], ingest: dict[str, Any], seed: int
) -> tuple[pd.DataFrame, pl.LazyFrame, dict[str, Any]]:
    """Items, quarantine and summary; see the module :mod:`.ingest`."""
    from multimodal_study.pipelines.fashion import ingest as step

    return step.ingest(source_files, ingest, seed)


def split(
    items: pd.DataFrame, split: dict[str, Any], ingest_summary: dict[str, Any], seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Side of every item; see :mod:`multimodal_study.pipelines.fashion.split`."""
    from multimodal_study.pipelines.fashion import split as step

    return step.split(items, split, ingest_summary, seed)


def enrich(
    items: pd.DataFrame,
    splits: pd.DataFrame,
    task: dict[str, Any],
    enrich: dict[str, Any],
    ingest_summary: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Table of items with side, target and text, and rows per class; see :mod:`.enrich`."""
    from multimodal_study.pipelines.fashion import enrich as step

    return step.enrich(items, splits, task, enrich, ingest_summary)


def render(ingest: dict[str, Any], seed: int) -> dict[str, Any]:
    """The tree of rendered garments, drawn unless it is there; see the module :mod:`.render`."""
    from multimodal_study.pipelines.fashion import render as step

    return step.render(ingest, seed)


def construction(features: Features, rendered: dict[str, Any]) -> dict[str, Any]:
    """What is known of the task by construction; see the module :mod:`.construction`."""
    from multimodal_study.pipelines.fashion import construction as step

    return step.construction(rendered, features.description()["task"])


def factor_probes(
    features: Features, items: pd.DataFrame, rendered: dict[str, Any], probes: dict[str, Any]
) -> pd.DataFrame:
    """What pictures and texts tell about each factor; see the module :mod:`.probes`."""
    from multimodal_study.pipelines.fashion import probes as step

    return step.factor_probes(features, items, rendered, probes)


def evidence(
    table: pd.DataFrame,
    items: pd.DataFrame,
    rendered: dict[str, Any],
    task: dict[str, Any],
    ingest_summary: dict[str, Any],
) -> pd.DataFrame:
    """Where in each picture stands what its label was made of; see the module :mod:`.evidence`."""
    from multimodal_study.pipelines.fashion import evidence as step

    return step.evidence(table, items, rendered, task, ingest_summary)
