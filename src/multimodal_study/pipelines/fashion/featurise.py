"""The table of items to :class:`multimodal_study.contract.Features`.

An array has a row for every item, those that the task leaves out too: pictures and texts are then
encoded once for all tasks. What is learnt (the terms of the bag of words) comes from train alone.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Features
from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.picture_views import picture_views
from multimodal_study.pipelines.fashion.task import ATTRIBUTES, target_of, task_of
from multimodal_study.pipelines.options import known_options
from multimodal_study.pipelines.views import (
    Place,
    View,
    text_views,
    words_view,
)

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

OPTIONS = ("cache", "image", "regions", "text", "tokens", "words")
ENTITY = "item"
PAIR = ("image", "text")
CACHE = "data/04_feature/cache"


def featurise(  # noqa: PLR0917 - a node's inputs come by position
    table: pd.DataFrame,
    source_files: dict[str, Any],
    task: dict[str, Any],
    featurise: dict[str, Any],
    image_encoder: dict[str, Any],
    ingest_summary: dict[str, Any],
    split_summary: dict[str, Any],
) -> Features:
    """Features of the entity ``item``, of which every picture has its text.

    Modalities: ``image`` (pooled vectors) and ``regions`` (states of a grid), or ``pixels`` where
    the image encoder itself is to learn; ``text`` (sentence vectors), ``tokens`` (states of words)
    and ``words`` (CSR).

    Args:
        table: Table of ``enrich``, ``n`` rows.
        source_files: Manifest of ``locate``: where the pictures are.
        task: ``name``, ``decides``.
        featurise: The options of ``OPTIONS``; see ``conf/base/parameters_fashion.yml``.
        image_encoder: ``encoders.image`` of the parameters, shared by all datasets.
        ingest_summary: Summary of ``ingest``, for the source and the provenance.
        split_summary: Summary of ``split``, for the provenance.

    Raises:
        InputError: An option is unknown or out of range, or no modality is left.
    """
    known_options("fashion.featurise", featurise, OPTIONS)
    place = Place(ENTITY, "fashion.featurise", Path(featurise.get("cache") or CACHE))
    used = (table["target"] >= 0).to_numpy()
    train = used & (table["split"] == "train").to_numpy()
    texts = table["text"].tolist()
    views = [
        *picture_views(table, source_files, featurise, image_encoder, place),
        *text_views(texts, featurise.get("text", {}), featurise.get("tokens", {}), place),
        words_view(texts, train, featurise.get("words", {}), place),
    ]
    kept = {view.modality.name: view for view in views if view is not None}
    if not kept:
        raise InputError("fashion.featurise leaves no modality; set image, text or words")
    name = target_of(task, ingest_summary)
    classes = table.loc[used].drop_duplicates("target").sort_values("target")["label"]
    return Features(
        arrays={name: view.array for name, view in kept.items()},
        present={name: view.present for name, view in kept.items()},
        examples=_examples(table, used, grouped=name == ATTRIBUTES),
        modalities={name: view.modality for name, view in kept.items()},
        task=task_of(name, classes.tolist(), task.get("decides")),
        provenance={
            "dataset": "fashion",
            "source": ingest_summary["source"],
            "notes": ingest_summary["notes"],
            "ingest": ingest_summary,
            "split": split_summary,
            "encoders": {name: view.modality.encoder for name, view in kept.items()},
        },
        lengths={name: view.lengths for name, view in kept.items() if view.lengths is not None},
        pair=PAIR if _has_pair(kept) else None,
    )


def _has_pair(kept: dict[str, View]) -> bool:
    return {view.modality.origin for view in kept.values()} >= set(PAIR)


def _examples(table: pd.DataFrame, used: np.ndarray[Any, Any], *, grouped: bool) -> pd.DataFrame:
    """One row per item that the task asks about; ``item`` is its row in the arrays."""
    columns = ["split", "target", "cluster", "image_key", "text_key", "image", "text", "label"]
    columns += ["group", "undecided"] if grouped else []
    rows = table.loc[used, columns].reset_index(drop=True)
    rows.insert(0, ENTITY, np.flatnonzero(used).astype(np.int64))
    rows.insert(0, "example_id", table.loc[used, "item_id"].astype(str).to_numpy())
    return rows
