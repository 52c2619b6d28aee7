"""Items with their side, their target and the text that a paradigm may read."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.masking import label_words, mask
from multimodal_study.pipelines.fashion.sources import SOURCES
from multimodal_study.pipelines.fashion.sources.fashion_products import ABSENT
from multimodal_study.pipelines.fashion.task import (
    ATTRIBUTES,
    classes_of,
    rows_by_class,
    target_of,
)
from multimodal_study.pipelines.options import known_options

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_BASE = ("item_id", "image", "position", "image_key", "text", "text_key", "split", "cluster")


def enrich(
    items: pd.DataFrame,
    splits: pd.DataFrame,
    task: dict[str, Any],
    enrich: dict[str, Any],
    ingest_summary: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row per item, and how many rows each class has.

    Columns: item_id, image, position, image_key, text, text_key, split, cluster, label, target
    (class index; -1 where the task does not ask about the item) and, where classes form groups,
    group and undecided. The task leaves out, and counts, items without a label and those of classes
    with fewer training rows than ``task.min_class_rows``. They stay in the table, so that pictures
    and texts are the same for every task, and so are sides, which come from the items as read.

    Args:
        items: Table of ``ingest``.
        splits: Table of ``split``.
        task: ``name`` (None: the source's default), ``min_class_rows``.
        enrich: ``mask_label_words``: take words that name a class out of the texts. None: for the
            targets that the source's texts give away.
        ingest_summary: Names the source and its targets.

    Raises:
        InputError: There is no such target, too few classes are left, or no training row.
    """
    known_options("fashion.enrich", enrich, ("mask_label_words",))
    name = target_of(task, ingest_summary)
    table = items.merge(splits, on="item_id", how="inner", validate="one_to_one")
    if len(table) != len(splits):
        raise InputError(
            f"{len(splits)} items have a side, but {len(table)} of them are among the items; the "
            "two tables come from different runs, run ingest and split again"
        )
    table["text"] = _texts(table, name, enrich, ingest_summary)
    classes = classes_of(name, table[name], table["split"], int(task.get("min_class_rows", 1)))
    index = {label: code for code, label in enumerate(classes)}
    used = table[name].isin(index).to_numpy()
    counts = rows_by_class(table[name], table["split"], used)
    if not used.all():
        logger.info("%s: %d of %d items have no usable label", name, (~used).sum(), len(used))
    table["label"] = table[name].astype(str)
    table["target"] = table["label"].map(index).fillna(-1).astype(np.int64)
    table["text_key"] = _keys(table["text"].tolist())
    extra = ("group", "undecided") if name == ATTRIBUTES else ()
    return table[[*_BASE, "label", "target", *extra]], counts


def _texts(
    table: pd.DataFrame,
    name: str,
    options: dict[str, Any],
    ingest_summary: dict[str, Any],
) -> list[str]:
    """Texts without blanks around them and, where that is asked for, without label words."""
    source = SOURCES[ingest_summary["source"]]
    asked = options.get("mask_label_words")
    wanted = name in source.masked if asked is None else bool(asked)
    texts = [text.strip() for text in table["text"]]
    if not wanted or source.load_arrays is not None:
        return texts
    # Of all labels, those that the task leaves out too.
    classes = sorted({str(label) for label in table[name]} - set(ABSENT))
    masked = mask(texts, classes)
    changed = sum(before != after for before, after in zip(texts, masked, strict=True))
    logger.info(
        "%s: %d words of class names masked in %d of %d texts",
        name, len(label_words(classes)), changed, len(texts),
    )  # fmt: skip
    return masked


def _keys(texts: list[str]) -> list[str]:
    import polars as pl

    from multimodal_study.data.wording import normal_form

    forms = normal_form(pl.Series(texts, dtype=pl.String)).to_list()
    return [hashlib.sha256(form.encode()).hexdigest() for form in forms]
