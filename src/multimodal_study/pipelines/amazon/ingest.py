"""Raw files to a table of reviews, a table of products and a table of refused rows.

Out of core: lines are read block by block, judged and parsed by DuckDB, cleaned by Polars and
written to Parquet parts; what stays in memory is a few blocks and, while duplicates are looked
for, one key per row (within ``ingest.memory_limit``, on disk beyond it).
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.amazon import duplicates, tally
from multimodal_study.pipelines.amazon.locate import resolve
from multimodal_study.pipelines.amazon.quarantine import refuse_foreign
from multimodal_study.pipelines.amazon.scratch import Scratch
from multimodal_study.pipelines.amazon.sources import JSON_SOURCES, JsonSource, fine_foods
from multimodal_study.pipelines.amazon.sources.schema import (
    Fields,
    product_columns,
    quarantine_columns,
    review_columns,
)
from multimodal_study.pipelines.quarantine import check_share

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    import pyarrow as pa

    Tables = tuple[pl.LazyFrame, pl.LazyFrame, pl.LazyFrame, dict[str, Any]]

logger = logging.getLogger(__name__)

_FILE_BITS = 40
"""``row`` is the number of the file shifted by this, plus the line: an order over all files."""
_FOREIGN_SHARE = 0.9
"""Share of rows of another schema in a file's first block that stops the run."""


def ingest(source_files: dict[str, Any], ingest: dict[str, Any]) -> Tables:
    """Reviews, products, quarantine (lazy, on scratch Parquet) and a JSON summary that adds up.

    Args:
        source_files: What ``locate`` found.
        ingest: ``duplicates`` (``text``: one review per normalised text; ``row``: only verbatim
            repeated rows go), ``max_quarantined_share``, ``memory_limit``, ``scratch``.

    Raises:
        InputError: A file is gone.
        ValueError: A file is of another kind, too many rows are refused, or none is left.
    """
    mode = ingest.get("duplicates", "text")
    if mode not in duplicates.MODES:
        raise InputError(
            f"ingest.duplicates is {mode!r}, expected one of {tuple(duplicates.MODES)}"
        )
    scratch = Scratch(ingest.get("scratch", "data/02_intermediate/scratch"))
    connection = scratch.connect(str(ingest.get("memory_limit", "2GB")))
    if source_files["source"] == fine_foods.NAME:
        files = _ingest_fine_foods(scratch, connection, mode)
    else:
        source = JSON_SOURCES[source_files["source"]]
        files = _ingest_files(source_files, source, scratch, connection, mode)
    refused = scratch.table("quarantine", quarantine_columns())
    for role in ("reviews", "meta"):
        check_share(refused, files, role, float(ingest.get("max_quarantined_share", 0.05)))
    reviews = _without_duplicates("reviews", files, scratch, connection, mode)
    products = _without_duplicates("meta", files, scratch, connection, mode)
    connection.close()
    summary = tally.summary(source_files, files, mode)
    if not summary["reviews"]["kept"]:
        raise InputError(f"no review is left of {summary['reviews']['rows_read']} rows read")
    logger.info("reviews: %s", summary["reviews"])
    return reviews, products, refused, summary


@dataclass(frozen=True)
class _Job:
    """What a worker needs besides the lines."""

    fields: Fields
    role: str
    path: str
    order: int
    verbatim: bool
    scratch: Scratch
    connection: duckdb.DuckDBPyConnection


def _ingest_files(
    source_files: dict[str, Any],
    source: JsonSource,
    scratch: Scratch,
    connection: duckdb.DuckDBPyConnection,
    mode: str,
) -> list[dict[str, Any]]:
    """Write the parts of every file; one tally per file."""
    from multimodal_study.pipelines.amazon.sources.lines import line_batches

    files, number = [], 0
    for order, (path, name, role) in enumerate(resolve(source_files)):
        fields = source.reviews if role == "reviews" else source.products
        verbatim = mode == "row" and role == "reviews"
        job = _Job(fields, role, name, order, verbatim, scratch, connection)
        counts = tally.blank(name, role)
        first = True
        for part in _in_order(job, line_batches(path), number):
            number += 1
            if first and part["foreign"] > _FOREIGN_SHARE * max(part["rows_read"], 1):
                refuse_foreign(str(path), part["keys"], fields.known, source.download)
            first = False
            tally.add(counts, part)
        if not counts["rows_read"]:
            raise InputError(f"{path} holds no rows; download it again")
        logger.info("%s: %d rows read", name, counts["rows_read"])
        files.append(counts)
    return files


def _in_order(job: _Job, batches: Iterator[pa.Table], number: int) -> Iterator[dict[str, Any]]:
    """Tallies of the batches, in order; a worker per core, and no more batches than that wait."""
    workers = min(os.cpu_count() or 1, 4)
    waiting: deque[Future[dict[str, Any]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for offset, lines in enumerate(batches):
            waiting.append(pool.submit(partial(_process, job, lines, number + offset)))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _process(job: _Job, lines: pa.Table, number: int) -> dict[str, Any]:
    """Judge and write one batch; returns its tally."""
    import polars as pl

    from multimodal_study.pipelines.amazon.sources.json_lines import add_text, parse

    cursor = job.connection.cursor()
    frame = parse(lines, job.fields, cursor, verbatim=job.verbatim)
    frame = frame.with_columns(
        pl.lit(job.path).alias("source_file"),
        (pl.lit(job.order << _FILE_BITS) + pl.col("source_line")).alias("row"),
    )
    if job.role == "reviews":
        frame = add_text(frame, cursor).with_columns(
            (pl.lit(f"{job.path}:") + pl.col("source_line").cast(pl.String)).alias("review_id"),
            pl.lit(None, dtype=pl.String).alias("label"),
            pl.lit(None, dtype=pl.String).alias("official_split"),
        )
    else:
        frame = _tidy_products(frame)
    counts = tally.of_batch(frame, lines, job.fields)
    _write(job.scratch, job.role, number, frame)
    cursor.close()
    return counts


def _tidy_products(frame: pl.DataFrame) -> pl.DataFrame:
    """Decode entities in the names of products; an empty name is a missing one."""
    import polars as pl

    from multimodal_study.data.wording import clean

    named = ("title", "brand", "category", "main_category")
    tidy = [clean(frame[name]).str.strip_chars().alias(name) for name in named]
    return frame.with_columns(tidy).with_columns(
        pl.when(pl.col(name) != "").then(name).alias(name) for name in named
    )


def _write(scratch: Scratch, role: str, number: int, frame: pl.DataFrame) -> None:
    """Split one judged batch into its part of the table and its part of the quarantine."""
    import polars as pl

    from multimodal_study.pipelines.amazon.sources.json_lines import BLANK, expected

    columns = review_columns() if role == "reviews" else product_columns()
    extra = ["row"] + (["row_key"] if "row_key" in frame.columns else [])
    kept = frame.filter(pl.col("reason").is_null())
    typed = [pl.col(name).cast(kind) for name, kind in columns.items()]
    scratch.write(role, number, kept.select(*typed, *extra))
    refused = frame.filter(pl.col("reason").is_not_null() & (pl.col("reason") != BLANK))
    scratch.write(
        "quarantine",
        number,
        refused.select(
            pl.col("source_file").alias("file"),
            pl.col("source_line").alias("line"),
            "reason",
            "value",
            expected(pl.col("reason")).alias("expected"),
        ),
    )


def _ingest_fine_foods(
    scratch: Scratch, connection: duckdb.DuckDBPyConnection, mode: str
) -> list[dict[str, Any]]:
    """Write the parts of the embedded source; one tally per file."""
    import polars as pl

    from multimodal_study.pipelines.amazon.sources.json_lines import add_text

    frame = fine_foods.read().with_columns(
        pl.lit(None, dtype=pl.String).alias("reason"), pl.lit(None, dtype=pl.String).alias("value")
    )
    frame = add_text(frame, connection)
    if mode == "row":
        frame = frame.with_columns(
            pl.concat_str(["product_id", "label", "text"], separator="\n").alias("row_key")
        )
    _write(scratch, "reviews", 0, frame)
    files = []
    for (name,), rows in frame.group_by("source_file", maintain_order=True):
        counts = tally.blank(str(name), "reviews")
        tally.add(counts, tally.of_batch(rows, None, None))
        files.append(counts)
    return files


def _without_duplicates(
    role: str,
    files: list[dict[str, Any]],
    scratch: Scratch,
    connection: duckdb.DuckDBPyConnection,
    mode: str,
) -> pl.LazyFrame:
    """The table of one role without repeated rows, which are counted into ``files``."""
    columns = review_columns() if role == "reviews" else product_columns()
    if not scratch.parts(role):
        return scratch.table(role, columns)
    folder = scratch.root / role
    if role == "reviews":
        dropped = duplicates.review_duplicates(folder, mode, connection)
    else:
        dropped = duplicates.product_duplicates(folder, connection)
    tally.drop(files, role, dropped)
    return scratch.table(role, columns, dropped)
