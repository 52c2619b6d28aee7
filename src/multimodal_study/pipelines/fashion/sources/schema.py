"""What every source hands over: rows that can be used so far, and rows that cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("image_key", "text_key")
BASE = ("item_id", "image", "position", "text", "official_split", "file", "line")
"""Columns of every source, before its labels: id, picture below the root (missing where the
pictures are an array: then ``position`` is the row in it), raw text, the source's own split or
missing, and where the row stands. All but ``position`` and ``line`` are strings."""
EXCERPT = 200
"""Characters of a refused value that are kept."""


@dataclass(frozen=True)
class Refusal:
    """A row that cannot be used: a row of the quarantine."""

    file: str
    line: int
    """From 1; 0 where the refusal is about the file as a whole."""
    reason: str
    value: str
    expected: str


@dataclass(frozen=True)
class Rows:
    """What a reader found."""

    frame: pd.DataFrame
    """``BASE`` and a string column per label; where classes form groups also ``group``,
    ``undecided``."""
    refused: list[Refusal]


@dataclass(frozen=True)
class Source:
    """One way in which pictures with text lie on disk."""

    name: str
    download: str
    """How to get the files."""
    label_files: Callable[[Path], list[Path]]
    """Folder to the files with the rows, in their order; none: not this source."""
    looked_for: str
    """What ``label_files`` looks for, for the message when there is none."""
    read: Callable[[Path, list[str]], Rows]
    """Root and label files below it to rows."""
    targets: tuple[str, ...]
    """Labels that can be asked for, the default first; empty: all that the file has."""
    pictures: str | None
    """Folder of the pictures below the root; None: they are arrays in the label files."""
    grouped_by: tuple[str, ...] = KEYS
    """Keys that must not stand on two sides of a split."""
    masked: tuple[str, ...] = ()
    """Targets whose words the text says so often that they are masked unless asked otherwise."""
    load_arrays: Callable[[Path, list[str]], Any] | None = None
    """Root and label files to uint8 ``[rows, h, w, channels]``, where pictures are arrays."""
    official: bool = False
    """The source comes with a split of its own."""
    notes: tuple[str, ...] = field(default=())
    """What a reader of the results must know."""


def refuse(file: str, line: int, reason: str, value: object, expected: str) -> Refusal:
    """A refusal with its value cut to a readable length."""
    return Refusal(file, line, reason, str(value)[:EXCERPT], expected)
