"""Lines of ratings, judged: typed columns, and a reason for every line that is refused.

Polars streams the file; what is held is a few blocks of it, whatever its size. Line numbers count
every line of the file, blank ones too.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.sources.schema import (
    EARLIEST,
    HIGHEST,
    RATING_FIELDS,
    Release,
    rating_columns,
)

if TYPE_CHECKING:
    import polars as pl

BLANK = "blank"
"""Reason of a blank line, which is no row."""
_EXTRA = "__extra"
_DAY = 86_400
_EXCERPT = 200
_QUOTES = ' "'
_OUTPUT = dict(zip(RATING_FIELDS, ("user_id", "movie_id", "rating", "timestamp"), strict=True))


def scan(path: Path, release: Release) -> pl.LazyFrame:
    """``line`` and the four fields as strings, with ``__extra`` where a line has more.

    Raises:
        InputError: The header lacks a column.
    """
    import polars as pl

    separator, columns = release.separator, [*RATING_FIELDS]
    spare = [_EXTRA]
    if release.header:
        columns = _header(path)
    elif len(separator) > 1:
        # Polars splits at one byte: between the two of `::` lies a field that must be empty.
        separator = separator[0]
        columns = [name for field in RATING_FIELDS for name in (field, f"__gap_{field}")][:-1]
        spare = [_EXTRA, "__more", *(name for name in columns if name.startswith("__gap"))]
    schema = dict.fromkeys([*columns, *(name for name in spare if name not in columns)], pl.String)
    frame = pl.scan_csv(
        path,
        has_header=False,
        skip_rows=int(release.header),
        separator=separator,
        schema=schema,
        quote_char=None,
        truncate_ragged_lines=True,
        missing_columns="insert",
        encoding="utf8-lossy",
        row_index_name="line",
        row_index_offset=1 + int(release.header),
    )
    fields = [pl.col(name).str.strip_chars(_QUOTES).alias(name) for name in RATING_FIELDS]
    return frame.select("line", *fields, pl.coalesce(spare).alias(_EXTRA))


def judged(frame: pl.LazyFrame, lowest: float, step: float) -> pl.LazyFrame:
    """``line``, the typed columns, ``reason`` (null: kept) and ``value`` (what stood there).

    Args:
        frame: ``line`` and the fields of ``RATING_FIELDS``, as strings or numbers; ``__extra``
            may be there.
        lowest: Lowest rating.
        step: Distance of two ratings.
    """
    import polars as pl

    there = frame.collect_schema()
    types = rating_columns()
    # The typed columns are called as some of the raw ones, which are needed beside them.
    frame = frame.rename({name: f"__{name}" for name in RATING_FIELDS})
    raw = [pl.col(f"__{name}") for name in RATING_FIELDS]
    typed = [
        pl.col(f"__{name}").cast(types[output], strict=False).alias(output)
        for name, output in _OUTPUT.items()
    ]
    text = [column.cast(pl.String) for column in raw]
    blank = pl.all_horizontal(column.is_null() for column in raw)
    short = pl.any_horizontal(column.is_null() for column in raw)
    wrong = short | pl.col(_EXTRA).is_not_null() if _EXTRA in there else short
    value = pl.concat_str(text, separator=" | ", ignore_nulls=True)
    steps = (pl.col("rating") - lowest) / step
    reason = (
        pl.when(blank).then(pl.lit(BLANK))
        .when(value.str.contains("�", literal=True)).then(pl.lit("not_utf8"))
        .when(wrong).then(pl.lit("wrong_field_count"))
        .when(pl.col("user_id").fill_null(0) <= 0).then(pl.lit("bad_user"))
        .when(pl.col("movie_id").fill_null(0) <= 0).then(pl.lit("bad_movie"))
        .when(pl.col("rating").is_null() | pl.col("rating").is_nan()).then(pl.lit("bad_rating"))
        .when(~pl.col("rating").is_between(lowest, HIGHEST) | (steps != steps.round()))
        .then(pl.lit("rating_out_of_scale"))
        .when(~pl.col("timestamp").is_between(EARLIEST, int(time.time()) + _DAY).fill_null(False))
        .then(pl.lit("bad_time"))
    )  # fmt: skip
    return (
        frame.with_columns(typed)
        .with_columns(reason.alias("reason"))
        .with_columns(pl.when(pl.col("reason").is_not_null()).then(value.str.head(_EXCERPT)).alias("value"))
        .select("line", *types, "reason", "value")
    )  # fmt: skip


def _header(path: Path) -> list[str]:
    """Names of the columns, in the order of the file."""
    with path.open("rb") as file:
        first = file.readline(4096)
    text = first.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    names = [name.strip().strip('"') for name in text.rstrip("\r\n").split(",")]
    missing = [name for name in RATING_FIELDS if name not in names]
    if missing:
        raise InputError(
            f"{path} lacks the column {', '.join(missing)}: its first line is {text[:80]!r}, "
            f"expected {','.join(RATING_FIELDS)}. Is it the file of another release? Then set "
            "movielens.ingest.source; else download it again"
        )
    if len(set(names)) < len(names):
        raise InputError(f"{path} names a column twice in its first line: {text[:80]!r}")
    return names
