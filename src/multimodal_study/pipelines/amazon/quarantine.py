"""The share of refused rows that a run may have, and the message when there are more."""

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
    """Stop where more than ``allowed`` of the rows of one role (reviews or meta) were refused.

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


def refuse_foreign(path: str, found: list[str], known: tuple[str, ...], download: str) -> None:
    """Stop at a file of another kind: almost none of its rows has a known field.

    Raises:
        ValueError: Always; names the keys found and the keys expected.
    """
    raise InputError(
        f"{path} does not look like the configured source: its rows have the keys {found}, "
        f"expected {list(known)} ({download}). Set ingest.source to the kind of the file, or "
        "ingest.files to the review files alone"
    )
