"""Columns of a table to scaled numbers, learnt from the training rows alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from multimodal_study.errors import InputError

logger = logging.getLogger(__name__)

Floats = np.ndarray[Any, np.dtype[np.float32]]
MISSING = "missing"
"""Level of a categorical value that is missing."""


def fit_tabular(
    table: pd.DataFrame,
    train_mask: np.ndarray[Any, np.dtype[np.bool_]],
    *,
    numeric: Sequence[str] = (),
    log: Sequence[str] = (),
    categorical: Sequence[str] = (),
    hashed: Sequence[str] = (),
    min_count: int = 10,
    max_levels: int = 50,
    hash_width: int = 64,
    clip: float = 10.0,
) -> tuple[Floats, tuple[str, ...]]:
    """All rows as numbers: float32 ``[n, d]``, and the names of the ``d`` columns.

    A number becomes ``(x - mean) / deviation`` of train, cut at ``clip``; a missing one becomes 0
    with an indicator column where train has missing ones too. A category becomes one-hot, rare
    and unknown ones sharing a level. Columns with a single value in train are left out.

    Args:
        table: ``n`` rows.
        train_mask: Rows to learn from: bool ``[n]``.
        numeric: Columns of numbers.
        log: Those of ``numeric`` that are heavy-tailed and not negative: ``log(1 + x)`` first.
        categorical: Columns that become one-hot.
        hashed: Columns with many levels, hashed together into ``hash_width`` columns.
        min_count: Training rows that a level needs for a column of its own.
        max_levels: One-hot columns of a categorical one, the shared level included.
        hash_width: Columns of the hash.
        clip: Largest absolute scaled number, in standard deviations.

    Raises:
        ValueError: A parameter is out of range, a column is unknown, or train is empty.
    """
    _check(table, train_mask, [*numeric, *categorical, *hashed], log)
    for name, value, low in (
        ("min_count", min_count, 1),
        ("max_levels", max_levels, 2),
        ("hash_width", hash_width, 1),
        ("clip", clip, 1),
    ):
        if value < low:
            raise InputError(f"tabular.{name} is {value}, it must be at least {low}")
    train = table[train_mask]
    numeric = _informative(train, numeric)
    categorical = _informative(train, categorical)
    linear = [name for name in numeric if name not in log]
    curved = [name for name in numeric if name in log]
    encoder = OneHotEncoder(
        min_frequency=min_count,
        max_categories=max_levels,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        dtype=np.float32,
    )
    columns = ColumnTransformer(
        [
            ("linear", _scaling(clip, curved=False), linear),
            ("log", _scaling(clip, curved=True), curved),
            ("categorical", encoder, categorical),
        ],
        verbose_feature_names_out=False,
    )
    clean = pd.concat([_numbers(table, numeric), _levels(table, categorical)], axis=1)
    columns.fit(clean[train_mask])
    values = np.asarray(columns.transform(clean), dtype=np.float32).reshape(len(table), -1)
    names = [str(name) for name in columns.get_feature_names_out()]
    if hashed:
        values = np.hstack([values, _hash(table, hashed, hash_width)])
        names += [f"{'+'.join(hashed)}#{bucket}" for bucket in range(hash_width)]
    logger.info("tabular: %s columns of %s, %s rows", len(names), table.shape[1], len(table))
    return values, tuple(names)


def _check(
    table: pd.DataFrame, train_mask: np.ndarray[Any, Any], names: list[str], log: Sequence[str]
) -> None:
    missing = sorted(set(names) - set(table.columns))
    if missing:
        raise InputError(f"tabular columns {missing} are not in the table, it has {list(table)}")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"tabular columns {repeated} are named in more than one role; choose one")
    if not np.any(train_mask):
        raise InputError("tabular columns are scaled on training rows, there are none")
    for name in log:
        if name in names and (table[name] < 0).any():
            raise InputError(f"tabular.log names {name}, which has values below 0; leave it out")


def _informative(train: pd.DataFrame, names: Sequence[str]) -> list[str]:
    kept = [name for name in names if train[name].nunique(dropna=False) > 1]
    if len(kept) < len(names):
        dropped = sorted(set(names) - set(kept))
        logger.info("tabular: %s left out, one value in train", ", ".join(dropped))
    return kept


def _scaling(clip: float, *, curved: bool) -> Any:
    """Scaler that keeps missing values, then zero and an indicator in their place."""
    curve = FunctionTransformer(np.log1p if curved else None, feature_names_out="one-to-one")
    cut = FunctionTransformer(
        np.clip, kw_args={"a_min": -clip, "a_max": clip}, feature_names_out="one-to-one"
    )
    zero = SimpleImputer(
        strategy="constant", fill_value=0.0, add_indicator=True, keep_empty_features=True
    )
    return make_pipeline(curve, StandardScaler(), cut, zero)


def _numbers(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    numbers = table[list(names)].astype(np.float64)
    return numbers.where(np.isfinite(numbers))


def _levels(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    levels = table[list(names)]
    return levels.astype("object").where(levels.notna(), MISSING).astype(str)


def _hash(table: pd.DataFrame, names: Sequence[str], width: int) -> Floats:
    """Counts of hashed ``column=level`` pairs; nothing is learnt, so no row can leak."""
    levels = _levels(table, names)
    pairs = [(name + "=" + levels[name]).to_numpy() for name in names]
    hasher = FeatureHasher(width, input_type="string", alternate_sign=False, dtype=np.float32)
    hashes: Floats = hasher.transform(zip(*pairs, strict=True)).toarray()
    return hashes
