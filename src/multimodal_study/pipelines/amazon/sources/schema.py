"""What a JSON-lines source must say about itself, and the columns that all sources share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

Role = Literal["reviews", "meta"]

EARLIEST = 788_918_400
"""1995-01-01 in unix seconds: Amazon sold nothing before."""

EXPECTED = {
    "broken_json": "a line that is valid JSON",
    "not_an_object": "a JSON object",
    "not_utf8": "UTF-8 text",
    "truncated_gzip": "a gzip file that is whole; the rest of this one is lost",
    "corrupt_gzip": "a gzip file that unpacks; the rest of this one is lost",
    "wrong_schema": "at least one known field",
    "missing_id": "a product and, in a review, a reviewer",
    "missing_text": "a review text that is not empty",
    "rating_out_of_range": "whole stars, 1 to 5",
    "impossible_time": "a time between 1995 and tomorrow",
}
"""Reason code of a quarantined row, and what was expected in its place."""


@dataclass(frozen=True)
class Fields:
    """How to read one kind of line: JSON fields by type, and SQL expressions over them.

    In the expressions ``r`` is the struct of the JSON fields, every one of them null where the
    line lacks it.
    """

    structure: dict[str, Any]
    """JSON field to DuckDB type, as ``json_transform`` takes it."""
    known: tuple[str, ...]
    """Fields of which a line that belongs here has at least one."""
    columns: dict[str, str]
    """Output column to SQL expression."""
    ids: tuple[str, ...]
    """Output columns that must not be empty."""
    rating: str = ""
    """SQL expression of the rating as text; empty: not a review."""
    seconds: str = ""
    """SQL expression of the unix time in seconds as DOUBLE; empty: not a review."""
    seconds_raw: str = ""
    """SQL expression of that time as it stands in the line."""


@dataclass(frozen=True)
class JsonSource:
    """A family of gzipped JSON-lines files that users download."""

    name: str
    download: str
    """Where the files come from, in words."""
    patterns: tuple[str, ...]
    """Globs of review files, tried in order; the first that matches anything is used."""
    reviews: Fields
    products: Fields
    suffixes: tuple[str, ...] = field(default=("_5",))
    """Endings of a review file's stem that its ``meta_`` file lacks."""


def review_columns() -> dict[str, pl.DataType]:
    """Columns of the review table and their types."""
    import polars as pl

    return {
        "review_id": pl.String(),
        "reviewer_id": pl.String(),
        "product_id": pl.String(),
        "text": pl.String(),
        "title": pl.String(),
        "rating": pl.Float32(),
        "label": pl.String(),
        "verified": pl.Boolean(),
        "votes": pl.Int32(),
        "helpful_total": pl.Int32(),
        "time": pl.Int64(),
        "text_key": pl.String(),
        "official_split": pl.String(),
        "source_file": pl.String(),
        "source_line": pl.Int64(),
    }


def product_columns() -> dict[str, pl.DataType]:
    """Columns of the product table and their types."""
    import polars as pl

    return {
        "product_id": pl.String(),
        "title": pl.String(),
        "price": pl.Float64(),
        "brand": pl.String(),
        "category": pl.String(),
        "main_category": pl.String(),
        "rank": pl.Int64(),
        "source_file": pl.String(),
        "source_line": pl.Int64(),
    }


def quarantine_columns() -> dict[str, pl.DataType]:
    """Columns of the quarantine table and their types."""
    import polars as pl

    return {
        "file": pl.String(),
        "line": pl.Int64(),
        "reason": pl.String(),
        "value": pl.String(),
        "expected": pl.String(),
    }
