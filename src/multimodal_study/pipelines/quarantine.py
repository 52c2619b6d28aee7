"""Refused rows: the table that keeps them, and the share of them that a run may have."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import polars as pl

EXAMPLES = 3


def check_share(
    refused: pl.LazyFrame, files: list[dict[str, Any]], role: str, allowed: float
) -> None:
    """Stop where more than ``allowed`` of the rows of one role (reviews, pictures) were refused.

    Args:
        refused: Columns ``file``, ``line``, ``reason``, ``value``, ``expected``.
        files: Counts per file: ``path``, ``role``, ``rows_read``, ``quarantined``, ``reasons``.
        role: The files that count.
        allowed: Share, 0 to 1.

    Raises:
        ValueError: With the counts per reason and the first three rows, as ``file:line``.
    """
    if not 0 <= allowed <= 1:
        raise InputError(f"ingest.max_quarantined_share is {allowed}, expected 0 to 1")
    mine = [file for file in files if file["role"] == role]
    rows = sum(file["rows_read"] for file in mine)
    bad = sum(file["quarantined"] for file in mine)
    if bad <= allowed * rows:
        return
    names = [file["path"] for file in mine]
    reasons = sum((Counter(file["reasons"]) for file in mine), Counter[str]())
    shown = "; ".join(_examples(refused, names))
    raise InputError(
        f"{bad} of {rows} rows of {role} are quarantined ({bad / rows:.1%}), more than "
        f"ingest.max_quarantined_share={allowed}: {dict(reasons.most_common())}. First: {shown}. "
        "Repair or replace the files, or raise the share if the loss is acceptable"
    )


def _examples(refused: pl.LazyFrame, names: list[str]) -> list[str]:
    import polars as pl

    first = refused.filter(pl.col("file").is_in(names)).head(EXAMPLES).collect()
    return [
        f"{row['file']}:{row['line']} {row['reason']} ({row['value']!r:.80}; "
        f"expected {row['expected']})"
        for row in first.iter_rows(named=True)
    ]
