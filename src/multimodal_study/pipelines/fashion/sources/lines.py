"""Label files line by line: one damaged line costs itself and no other."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from multimodal_study.pipelines.fashion.sources.schema import Refusal, refuse


def cells(path: Path, name: str, refused: list[Refusal]) -> Iterator[tuple[int, list[str]]]:
    """Line number from 1 and the cells of each line that is not blank.

    A line is parsed on its own, so that a quotation mark that nobody closes cannot swallow the
    rest of the file. A line that is not UTF-8 is added to ``refused``.

    Args:
        path: A CSV file, UTF-8, with or without a byte order mark.
        name: What refusals call it.
        refused: Grows.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                refused.append(refuse(name, number, "not_utf8", raw, "text in UTF-8"))
                continue
            if not line.strip():
                continue
            try:
                yield number, next(csv.reader([line]))
            except csv.Error as error:
                refused.append(refuse(name, number, "broken_csv", f"{error}: {line}", "CSV"))
