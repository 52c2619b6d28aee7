"""Judges and parses batches of JSON lines with DuckDB; no row is looked at by Python."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from multimodal_study.data.wording import clean, normal_form
from multimodal_study.pipelines.amazon.sources.lines import EXCERPT
from multimodal_study.pipelines.amazon.sources.schema import EARLIEST, EXPECTED, Fields

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    import pyarrow as pa

BLANK = "blank_line"
"""Code of an empty line: counted, neither kept nor quarantined."""
DAY = 86_400
_MISSING_TEXT = "missing_text"


def parse(
    lines: pa.Table, fields: Fields, connection: duckdb.DuckDBPyConnection, *, verbatim: bool
) -> pl.DataFrame:
    """One row per line: its columns, or the ``reason`` why it is refused with ``value``.

    Args:
        lines: Columns ``line``, ``source_line``, ``fault``.
        fields: How to read a line.
        connection: A DuckDB connection that no other thread uses.
        verbatim: Add ``row_key``, the hash of the whole line.
    """
    import polars as pl

    connection.register("lines", lines)
    result = connection.sql(_query(fields, verbatim=verbatim)).to_arrow_table()
    connection.unregister("lines")
    frame = pl.from_arrow(result)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"DuckDB gave {type(frame)}, expected a table")
    return frame.sort("source_line")


def add_text(frame: pl.DataFrame, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Clean ``text`` and ``title`` and add ``text_key``, the MD5 of the normal form of the text.

    A text that cleaning leaves empty (``&nbsp;`` alone) is refused as ``missing_text``.
    """
    import polars as pl

    text = clean(frame["text"])
    bare = (text.str.strip_chars() == "").fill_null(False) & frame["reason"].is_null()
    excerpt = frame["text"].str.slice(0, EXCERPT)
    frame = frame.with_columns(
        clean(frame["title"]).alias("title"),
        text.alias("text"),
        pl.when(bare).then(pl.lit(_MISSING_TEXT)).otherwise("reason").alias("reason"),
        pl.when(bare).then(excerpt).otherwise("value").alias("value"),
    )
    forms = pl.DataFrame({"form": normal_form(text)}).to_arrow()
    connection.register("forms", forms)
    keys = connection.sql("SELECT md5(form) AS text_key FROM forms").to_arrow_table()
    connection.unregister("forms")
    return frame.with_columns(pl.DataFrame(keys)["text_key"])


def expected(reason: pl.Expr) -> pl.Expr:
    """What should have stood in place of a row refused for ``reason``."""
    return reason.replace_strict(EXPECTED, default=None)


def _query(fields: Fields, *, verbatim: bool) -> str:
    columns = ", ".join(f"{sql} AS {name}" for name, sql in fields.columns.items())
    review = ""
    if fields.rating:
        latest = int(time.time()) + DAY
        timely = f"{fields.seconds} BETWEEN {EARLIEST} AND {latest}"
        review = f""",
          {fields.rating} AS rating_raw,
          CAST(try_cast({fields.rating} AS DOUBLE) AS FLOAT) AS rating,
          {fields.seconds_raw} AS time_raw,
          CASE WHEN {timely} THEN CAST({fields.seconds} AS BIGINT) END AS time"""
    key = ", md5(rtrim(line, chr(10) || chr(13) || ' ')) AS row_key" if verbatim else ""
    raw = ", rating_raw, time_raw" if fields.rating else ""
    reason, value = _verdict(fields)
    return f"""
      WITH sound AS (
        SELECT *, {_empty("line")} AS blank,
          fault IS NULL AND json_valid(line) AS valid,
          regexp_matches(line, '^\\s*\\{{') AS object
        FROM lines
      ), read AS (
        SELECT * EXCLUDE (line), left(line, {EXCERPT}) AS excerpt{key},
          CASE WHEN valid AND object
               THEN json_transform(line, '{json.dumps(fields.structure)}') END AS r
        FROM sound
      ), named AS (
        SELECT source_line, fault, blank, valid, object, excerpt, {"row_key, " if key else ""}
          {" AND ".join(f"r.{name} IS NULL" for name in fields.known)} AS strange,
          {columns}{review}
        FROM read
      ), judged AS (SELECT *, {reason} AS reason FROM named)
      SELECT * EXCLUDE (fault, blank, valid, object, excerpt, strange{raw}),
        {value} AS value
      FROM judged"""  # noqa: S608 - the expressions are ours, the data is a registered table


def _empty(column: str) -> str:
    """SQL: nothing but white space. ``trim`` copies the whole string and takes 60 times as long."""
    return rf"regexp_matches({column}, '^\s*$')"


def _verdict(fields: Fields) -> tuple[str, str]:
    """SQL of the first reason against a line, and of the excerpt that shows it."""
    ids = " OR ".join(f"coalesce(trim({name}), '') = ''" for name in fields.ids)
    cases = [
        ("fault IS NOT NULL", "fault"),
        ("blank", f"'{BLANK}'"),
        ("NOT valid", "'broken_json'"),
        ("NOT object", "'not_an_object'"),
        ("strange", "'wrong_schema'"),
        (ids, "'missing_id'"),
    ]
    value = "CASE WHEN reason IS NOT NULL THEN excerpt END"
    if fields.rating:
        cases += [
            (f"coalesce({_empty('text')}, true)", f"'{_MISSING_TEXT}'"),
            ("rating IS NULL OR rating NOT IN (1, 2, 3, 4, 5)", "'rating_out_of_range'"),
            ("time_raw IS NOT NULL AND time IS NULL", "'impossible_time'"),
        ]
        value = f"""CASE reason
          WHEN 'rating_out_of_range' THEN coalesce(left(rating_raw, {EXCERPT}), 'absent')
          WHEN 'impossible_time' THEN left(time_raw, {EXCERPT})
          ELSE CASE WHEN reason IS NOT NULL THEN excerpt END END"""
    body = " ".join(f"WHEN {test} THEN {code}" for test, code in cases)
    return f"CASE {body} END", value
