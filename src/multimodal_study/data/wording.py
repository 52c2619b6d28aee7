"""Cleaning of texts, and the normal form by which two texts count as the same."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
_BREAK = r"(?i)<br\s*/?>"


def clean(text: pl.Series) -> pl.Series:
    """``text`` with HTML entities decoded once and ``<br />`` as a line end; the rest is kept."""
    marked = text.str.contains_any(["&", "<"]).fill_null(False)
    if not marked.any():
        return text
    part = text.filter(marked).str.replace_all(_BREAK, "\n")
    entities = part.str.extract_all(_ENTITY).explode().drop_nulls().unique().sort().to_list()
    if entities:
        decoded = [html.unescape(entity) for entity in entities]
        part = part.str.replace_many(entities, decoded, leftmost=True)
    return _place(text, marked, part)


def normal_form(text: pl.Series) -> pl.Series:
    """``text`` in NFKC and lower case, every run of white space and punctuation one blank.

    A text of punctuation or pictographs alone keeps itself, or all of them would be one text.
    """
    lower = text
    foreign = (text.str.len_bytes() != text.str.len_chars()).fill_null(False)
    if foreign.any():
        lower = _place(text, foreign, text.filter(foreign).str.normalize("NFKC"))
    lower = lower.str.to_lowercase()
    form = lower.str.replace_all(r"[\W_]+", " ").str.strip_chars()
    bare = form == ""
    return form.zip_with(~bare, lower.str.replace_all(r"\s+", "")) if bare.any() else form


def _place(text: pl.Series, mask: pl.Series, part: pl.Series) -> pl.Series:
    """``text`` with the values ``part`` at the places where ``mask`` is true."""
    import numpy as np
    import polars as pl

    where = np.arange(len(text))
    where[mask.to_numpy()] = len(text) + np.arange(len(part))
    return pl.concat([text, part]).gather(where)
