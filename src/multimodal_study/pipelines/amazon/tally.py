"""Counts of an ingest: for every file, rows read = kept + duplicates + quarantined."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from multimodal_study.pipelines.amazon.sources.schema import Fields

_SUMMED = (
    "rows_read",
    "kept",
    "duplicates",
    "duplicates_with_other_rating",
    "quarantined",
    "blank_lines",
    "price_junk",
)


def blank(path: str, role: str) -> dict[str, Any]:
    """Counts of a file before its first row."""
    return {"path": path, "role": role, **dict.fromkeys(_SUMMED, 0), "reasons": {}}


def of_batch(frame: pl.DataFrame, lines: pa.Table | None, fields: Fields | None) -> dict[str, Any]:
    """Counts of one judged batch; ``foreign`` rows lack every known field."""
    from multimodal_study.pipelines.amazon.sources.json_lines import BLANK

    codes = frame["reason"].drop_nulls().to_list()
    reasons = Counter(codes)
    blanks = reasons.pop(BLANK, 0)
    refused = reasons.total()
    foreign = reasons.get("wrong_schema", 0)
    junk = 0
    if "price_junk" in frame.columns:
        junk = int(frame.filter(frame["reason"].is_null())["price_junk"].sum())
    return {
        "rows_read": frame.height - blanks,
        "kept": frame.height - blanks - refused,
        "duplicates": 0,
        "duplicates_with_other_rating": 0,
        "quarantined": refused,
        "blank_lines": blanks,
        "price_junk": junk,
        "reasons": dict(reasons),
        "foreign": foreign,
        "keys": _keys(frame, lines) if foreign and fields is not None else [],
    }


def _keys(frame: pl.DataFrame, lines: pa.Table | None) -> list[str]:
    """Keys of the first row that has no known field."""
    where = (frame["reason"] == "wrong_schema").fill_null(False).arg_max()
    if lines is None or where is None:
        return []
    return sorted(json.loads(lines["line"][where].as_py()))


def add(counts: dict[str, Any], part: dict[str, Any]) -> None:
    """Add the counts of a batch to those of its file."""
    for name in _SUMMED:
        counts[name] += part[name]
    reasons = Counter(counts["reasons"]) + Counter(part["reasons"])
    counts["reasons"] = dict(sorted(reasons.items()))


def drop(files: list[dict[str, Any]], role: str, dropped: pl.DataFrame) -> None:
    """Move dropped rows from kept to duplicates, file by file."""
    import polars as pl

    by_file = dropped.group_by("source_file").agg(
        pl.len().alias("rows"), pl.col("other_rating").sum().alias("other")
    )
    found = {row["source_file"]: row for row in by_file.iter_rows(named=True)}
    for counts in files:
        if counts["role"] == role and counts["path"] in found:
            row = found[counts["path"]]
            counts["duplicates"] += row["rows"]
            counts["kept"] -= row["rows"]
            counts["duplicates_with_other_rating"] += row["other"]


def summary(source_files: dict[str, Any], files: list[dict[str, Any]], mode: str) -> dict[str, Any]:
    """Counts per file, per role and per reason, as plain JSON values."""
    totals = {
        name: {
            count: sum(file[count] for file in files if file["role"] == role) for count in _SUMMED
        }
        for name, role in (("reviews", "reviews"), ("products", "meta"))
    }
    for total in totals.values():
        total["quarantined_share"] = total["quarantined"] / max(total["rows_read"], 1)
    reasons = sum((Counter(file["reasons"]) for file in files), Counter[str]())
    digests = {file["path"]: file["sha256"] for file in source_files["files"]}
    return {
        "source": source_files["source"],
        "duplicates": mode,
        **totals,
        "reasons": dict(sorted(reasons.items())),
        "files": [{**file, "sha256": digests[file["path"]]} for file in files],
        "note": "rows_read = kept + duplicates + quarantined; blank lines are not rows",
    }
