"""Garments that the project draws and describes itself, with every factor known.

The tree is FashionAI's own (``Images/<attribute>_labels/<hash>.jpg``) plus ``factors.csv``: a row
per item with its picture, its description, its factors and its labels.
"""

from __future__ import annotations

from pathlib import Path

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.sources.lines import cells
from multimodal_study.pipelines.fashion.sources.schema import Refusal, Rows, Source, refuse

FILE = "factors.csv"
ITEM, IMAGE, TEXT = "item", "image", "text"
DEFAULT = "style"
NOTE = (
    "Rendered: pictures and texts are drawn and written by the project, so that it is known what "
    "each of them tells. Nothing here is a photograph."
)


def label_files(root: Path) -> list[Path]:
    """``factors.csv``."""
    return [root / FILE] if (root / FILE).is_file() else []


def read(root: Path, files: list[str]) -> Rows:
    """One row per item: every column after the first three is a label, ``style`` the first.

    Raises:
        InputError: The header is another one.
    """
    import pandas as pd

    refused: list[Refusal] = []
    found: list[dict[str, object]] = []
    labels: list[str] = []
    for name in files:
        lines = cells(root / name, name, refused)
        header = next(lines, (0, []))[1]
        if not {ITEM, IMAGE, TEXT, DEFAULT} <= set(header):
            raise InputError(f"{root / name}: the header is {header}; run the node render again")
        labels = sorted(set(header) - {ITEM, IMAGE, TEXT}, key=lambda one: one != DEFAULT)
        for line, row in lines:
            if len(row) != len(header):
                expected = f"{len(header)} columns"
                refused.append(refuse(name, line, "wrong_columns", ",".join(row), expected))
                continue
            values = dict(zip(header, row, strict=True))
            place = {"item_id": values[ITEM], "image": values[IMAGE], "text": values[TEXT]}
            rest = {"position": -1, "official_split": None, "file": name, "line": line}
            found.append({**place, **rest, **{label: values[label] for label in labels}})
    columns = ("item_id", "image", "position", "text", "official_split", "file", "line", *labels)
    return Rows(pd.DataFrame(found, columns=columns), refused)
