"""The message for a file of another kind than the configured source."""

from __future__ import annotations

from multimodal_study.errors import InputError


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
