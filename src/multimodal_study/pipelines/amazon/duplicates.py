"""Which rows repeat an earlier one: found by DuckDB over key columns, on disk where need be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import duckdb
    import polars as pl

MODES = {"text": "text_key", "row": "row_key"}
"""Value of ``ingest.duplicates`` to the column that says what counts as the same."""
_LATER = 1 << 60


def review_duplicates(
    parts: Path, mode: str, connection: duckdb.DuckDBPyConnection
) -> pl.DataFrame:
    """Rows to drop: ``row``, ``source_file``, ``other_rating`` (differs from the row kept).

    Of equal rows the first by file and line is kept. Rows of an official test set come before all
    others and are never dropped, not even when they repeat each other.
    """
    if mode not in MODES:
        raise InputError(f"ingest.duplicates is {mode!r}, expected one of {tuple(MODES)}")
    rank = f"row + CASE WHEN official_split = 'test' THEN 0 ELSE {_LATER} END"
    return _frame(
        connection,
        f"""
        WITH keys AS (
          SELECT row, source_file, {MODES[mode]} AS key, coalesce(label, rating::VARCHAR) AS said,
            coalesce(official_split = 'test', false) AS fixed, {rank} AS rank
          FROM read_parquet('{_glob(parts)}')
        ), firsts AS (
          SELECT key, min(rank) AS rank, arg_min(said, rank) AS said
          FROM keys GROUP BY key HAVING count(*) > 1
        )
        SELECT keys.row, keys.source_file, keys.said IS DISTINCT FROM firsts.said AS other_rating
        FROM keys JOIN firsts USING (key)
        WHERE keys.rank <> firsts.rank AND NOT keys.fixed ORDER BY keys.row""",  # noqa: S608
    )


def product_duplicates(parts: Path, connection: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Rows of a product that stood before: ``row``, ``source_file``, ``other_rating`` (false)."""
    return _frame(
        connection,
        f"""
        WITH keys AS (SELECT row, source_file, product_id FROM read_parquet('{_glob(parts)}')),
        firsts AS (
          SELECT product_id, min(row) AS first FROM keys GROUP BY product_id HAVING count(*) > 1
        )
        SELECT row, source_file, false AS other_rating
        FROM keys JOIN firsts USING (product_id) WHERE row <> first ORDER BY row""",  # noqa: S608
    )


def _glob(parts: Path) -> str:
    return str(parts / "*.parquet").replace("'", "''")


def _frame(connection: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    import polars as pl

    frame = pl.from_arrow(connection.sql(query).to_arrow_table())
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"DuckDB gave {type(frame)}, expected a table")
    return frame
