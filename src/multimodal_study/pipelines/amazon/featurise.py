"""The table of reviews to :class:`multimodal_study.contract.Features`.

All that is learnt (terms, scales, levels) comes from training rows. The summary of a review is no
feature: "Five Stars" states the label.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Features, Modality
from multimodal_study.errors import InputError
from multimodal_study.pipelines.amazon.enrich import HISTORY, PRODUCT, TEXT_STATISTICS, TIME
from multimodal_study.pipelines.amazon.task import task_of
from multimodal_study.pipelines.options import known_options
from multimodal_study.pipelines.views import Mask, Place, View, sentence_view, words_view

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

logger = logging.getLogger(__name__)

GROUPS: dict[str, tuple[str, ...]] = {
    "verified": ("verified",),
    "votes": ("votes", "helpful_ratio"),
    "time": TIME,
    "text_statistics": TEXT_STATISTICS,
    "history": HISTORY,
}
"""Groups of metadata that can be switched, and their columns in the table."""
OPTIONS = ("cache", "text", "words", "metadata", "product", "tabular")
_LEVELS = frozenset({"month", "weekday", "category", "main_category"})
_HASHED = frozenset({"brand"})
_LOG = frozenset(
    {"votes", "characters", "words", "product_count", "reviewer_count", "price", "rank"}
)
_IDENTIFIERS = ("review_id", "product_id", "reviewer_id", "rating")
CACHE = "data/04_feature/cache"


def featurise(  # noqa: PLR0917 - a node's inputs come by position
    table: pd.DataFrame,
    products: pl.LazyFrame | pd.DataFrame,
    task: dict[str, Any],
    featurise: dict[str, Any],
    ingest_summary: dict[str, Any],
    split_summary: dict[str, Any],
) -> Features:
    """Features of the entities ``review`` and, where products are described, ``product``.

    Modalities: ``text`` (sentence vectors), ``words`` (CSR), ``metadata`` (of the review) and
    ``product``; one without a column that says anything in train is left out, with a log line.

    Args:
        table: Table of ``enrich``, ``n`` rows.
        products: Table of ``ingest``: ``product_id`` and its description; may be empty.
        task: ``name`` and ``decides``.
        featurise: The options of ``OPTIONS``; see ``conf/base/parameters_amazon.yml``.
        ingest_summary: Summary of ``ingest``, for ``source`` and the provenance.
        split_summary: Summary of ``split``, for the provenance.

    Raises:
        ValueError: An option is unknown or out of range.
    """
    _known("featurise", featurise, OPTIONS)
    source = str(ingest_summary["source"])
    train = (table["split"] == "train").to_numpy(dtype=bool)
    tabular = dict(featurise.get("tabular") or {})
    product, index = _product(table, products, train, featurise.get("product", True), tabular)
    texts = table["text"].tolist()
    place = Place("review", "amazon.featurise", Path(featurise.get("cache") or CACHE))
    views = [
        sentence_view(texts, featurise.get("text", {}), place),
        words_view(texts, train, featurise.get("words", {}), place),
        _metadata(table, train, featurise.get("metadata") or {}, tabular),
        product,
    ]
    kept = {view.modality.name: view for view in views if view is not None}
    if not kept:
        raise InputError(
            "amazon.featurise leaves no modality; set text or words, or switch metadata groups on"
        )
    decides = task.get("decides")
    return Features(
        arrays={name: view.array for name, view in kept.items()},
        present={name: view.present for name, view in kept.items()},
        examples=_examples(table, index if "product" in kept else None),
        modalities={name: view.modality for name, view in kept.items()},
        task=task_of(str(task.get("name")), source, str(decides) if decides else None),
        provenance={
            "dataset": "amazon",
            "source": source,
            "ingest": ingest_summary,
            "split": split_summary,
            "encoders": {name: view.modality.encoder for name, view in kept.items()},
        },
    )


def _metadata(
    table: pd.DataFrame, train: Mask, groups: Mapping[str, Any], tabular: dict[str, Any]
) -> View | None:
    """What is known about the review itself."""
    _known("featurise.metadata", groups, tuple(GROUPS))
    names = [
        name
        for group, members in GROUPS.items()
        if groups.get(group, True)
        for name in members
        if name in table.columns
    ]
    return _tabular("metadata", "review", table, names, train, options=tabular)


def _product(
    table: pd.DataFrame,
    products: pl.LazyFrame | pd.DataFrame,
    train: Mask,
    wanted: bool,
    tabular: dict[str, Any],
) -> tuple[View | None, np.ndarray[Any, Any]]:
    """Descriptions of the products that the reviews are about, and each review's product."""
    import pandas as pd
    import polars as pl

    index, ids = pd.factorize(table["product_id"], use_na_sentinel=False)
    if not wanted:
        return None, index
    lazy = pl.from_pandas(products).lazy() if isinstance(products, pd.DataFrame) else products
    there = lazy.collect_schema().names()
    names = [name for name in PRODUCT if name in there]
    asked = pl.Series([value for value in ids if isinstance(value, str)], dtype=pl.String)
    described = (
        lazy.select("product_id", *names)
        .filter(pl.col("product_id").is_in(asked.implode()))
        .unique("product_id", keep="first", maintain_order=True)
        .collect()
        .to_pandas()
        .set_index("product_id")
    )
    present = np.asarray(pd.Index(ids).isin(described.index), dtype=bool)
    if not names or not present.any():
        logger.info("product: left out, no product of these reviews is described")
        return None, index
    rows = described.reindex(ids)
    seen = np.zeros(len(ids), dtype=bool)
    seen[index[train]] = True
    if not (seen & present).any():
        logger.info("product: left out, no product of the training reviews is described")
        return None, index
    # A product without a description is masked, so it must not shape scales and levels either.
    view = _tabular(
        "product", "product", rows, names, seen & present, options=tabular, present=present
    )
    return view, index


def _tabular(
    name: str,
    entity: str,
    table: pd.DataFrame,
    names: list[str],
    train: Mask,
    *,
    options: dict[str, Any],
    present: Mask | None = None,
) -> View | None:
    from multimodal_study.encoders.tabular import fit_tabular

    _known("featurise.tabular", options, ("min_count", "max_levels", "hash_width", "clip"))
    plain = _LEVELS | _HASHED
    fit: Callable[..., tuple[Any, tuple[str, ...]]] = fit_tabular
    array, columns = fit(
        table,
        train,
        numeric=[column for column in names if column not in plain],
        log=[column for column in names if column in _LOG],
        categorical=[column for column in names if column in _LEVELS],
        hashed=[column for column in names if column in _HASHED],
        **options,
    )
    if not columns:
        logger.info("%s: left out, no column says anything in train", name)
        return None
    if present is None:
        present = np.ones(len(table), dtype=bool)
    array[~present] = 0
    note = f"scikit-learn {version('scikit-learn')}, {options or 'defaults'}"
    modality = Modality(name, entity, "numeric", len(columns), "metadata", "normal", note, columns)
    return View(modality, array, present)


def _examples(table: pd.DataFrame, product: np.ndarray[Any, Any] | None) -> pd.DataFrame:
    import pandas as pd

    examples = pd.DataFrame(
        {
            "example_id": table["review_id"].astype(str).to_numpy(),
            "review": np.arange(len(table), dtype=np.int64),
        }
    )
    if product is not None:
        examples["product"] = product.astype(np.int64)
    for name in ("split", "target", "cluster", *_IDENTIFIERS):
        if name in table.columns:
            examples[name] = table[name].to_numpy()
    return examples


def _known(place: str, options: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    known_options(f"amazon.{place}", options, allowed)
