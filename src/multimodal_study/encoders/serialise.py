"""Metadata as words in front of a review, for encoders that read nothing but text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from multimodal_study.errors import InputError

FIELDS: dict[str, tuple[str, str]] = {
    "verified": ("verified", "yes_no"),
    "votes": ("votes", "integer"),
    "helpful_ratio": ("found helpful", "percent"),
    "year": ("year", "integer"),
    "price": ("price", "decimal"),
    "brand": ("brand", "text"),
    "main_category": ("category", "text"),
    "category": ("kind", "text"),
    "product_count": ("product reviews", "integer"),
    "product_mean": ("product mean", "decimal"),
    "reviewer_count": ("reviewer reviews", "integer"),
    "reviewer_mean": ("reviewer mean", "decimal"),
}
"""Column to the words that introduce it and the way its value is written.

Identifiers are no fields (each is seen once), nor are statistics of the text, which the encoder
sees for itself, nor the summary, which states the label.
"""


def serialise(
    table: pd.DataFrame,
    fields: Sequence[str],
    text_column: str = "text",
    *,
    names: Mapping[str, tuple[str, str]] = FIELDS,
) -> list[str]:
    """``"verified: yes. votes: 3. review: ..."`` for every row of ``table``.

    A missing value is left out with its name. A row without any value, and every row where
    ``fields`` is empty, is its text alone.

    Args:
        table: One row per review, ``n`` rows.
        fields: Columns in the order in which they are written, keys of ``names``.
        text_column: Column of the review itself; a missing text is an empty one.
        names: See :data:`FIELDS`.

    Raises:
        ValueError: A field has no name or is not in the table, or the text column is not.
    """
    unknown = [field for field in fields if field not in names]
    if unknown:
        raise InputError(f"transformer.fields has {unknown}, expected some of {list(names)}")
    missing = [column for column in [*fields, text_column] if column not in table.columns]
    if missing:
        raise InputError(
            f"transformer.fields: the table has no {missing}; it has {list(table.columns)}. "
            "Name columns that the source has, or null for all of them"
        )
    text = table[text_column].astype(object).where(table[text_column].notna(), "").astype(str)
    written = text.to_numpy(dtype=object)
    prefix = np.full(len(table), "", dtype=object)
    for field in fields:
        name, style = names[field]
        prefix = prefix + _sentences(table[field], name, style)
    has_prefix = prefix != ""
    marked: list[str] = np.where(has_prefix, prefix + "review: " + written, written).tolist()
    return marked


def fields_of(table: pd.DataFrame, asked: Sequence[str] | None) -> list[str]:
    """The fields to serialise: ``asked``, or for None those of :data:`FIELDS` in the table."""
    return [field for field in FIELDS if field in table.columns] if asked is None else list(asked)


def _sentences(values: pd.Series, name: str, style: str) -> np.ndarray:
    """``"name: value. "`` where there is a value, else an empty string: object ``[n]``."""
    known = values.notna().to_numpy()
    sentences = np.full(len(values), "", dtype=object)
    present = values[known]
    if style == "text":
        # A value with markers of its own must not look like the next field.
        clean = present.astype(str).str.replace(r"[\s.:]+", " ", regex=True).str.strip()
        shown = clean.to_numpy(dtype=object)
    else:
        shown = _numbers(present.astype(float).to_numpy(), style)
    sentences[known] = f"{name}: " + shown + ". "
    return sentences


def _numbers(values: np.ndarray, style: str) -> np.ndarray:
    if style == "yes_no":
        return np.where(values > 0, "yes", "no").astype(object)
    if style == "decimal":
        return np.char.mod("%.1f", values).astype(object)
    scale, unit = (100.0, " percent") if style == "percent" else (1.0, "")
    return np.char.mod("%d", np.rint(values * scale).astype(np.int64)).astype(object) + unit
