"""Garments that the project draws and describes itself, with every factor known.

The tree is FashionAI's own (``Images/<attribute>_labels/<hash>.jpg``) plus ``factors.csv``: a row
per item with its picture, its description, its factors and its labels.
"""

from __future__ import annotations

from pathlib import Path

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered.factors import FACTORS
from multimodal_study.pipelines.fashion.sources.lines import cells
from multimodal_study.pipelines.fashion.sources.schema import (
    BASE,
    Refusal,
    Rows,
    Source,
    refuse,
)

FILE = "factors.csv"
ITEM, IMAGE, TEXT = "item_id", "image", "description"
LABEL = "label_"
"""Start of the columns that hold the label of a rule."""
DEFAULT = "style"
NOTE = (
    "Rendered: pictures and texts are drawn and written by the project, so that it is known what "
    "each of them tells. Nothing here is a photograph."
)


def label_files(root: Path) -> list[Path]:
    """``factors.csv``."""
    return [root / FILE] if (root / FILE).is_file() else []


def read(root: Path, files: list[str]) -> Rows:
    """One row per item; its labels are those of every rule, ``style`` first, and its factors.

    Raises:
        InputError: The header is another one.
    """
    import pandas as pd

    refused: list[Refusal] = []
    found: list[dict[str, object]] = []
    labels: dict[str, str] = {}
    for name in files:
        lines = cells(root / name, name, refused)
        header = next(lines, (0, []))[1]
        if not {ITEM, IMAGE, TEXT, *FACTORS} <= set(header):
            raise InputError(
                f"{root / name}: the header lacks {ITEM}, {IMAGE}, {TEXT} or a factor; remove "
                f"{root}, and the next run draws the garments again"
            )
        labels = _labels(header)
        for line, row in lines:
            if len(row) != len(header):
                expected = f"{len(header)} columns"
                refused.append(refuse(name, line, "wrong_columns", ",".join(row), expected))
                continue
            values = dict(zip(header, row, strict=True))
            place = {"item_id": values[ITEM], "image": values[IMAGE], "text": values[TEXT]}
            rest = {"position": -1, "official_split": None, "file": name, "line": line}
            found.append({**place, **rest, **{own: values[col] for own, col in labels.items()}})
    return Rows(pd.DataFrame(found, columns=[*BASE, *labels]), refused)


def _labels(header: list[str]) -> dict[str, str]:
    """Name of a label to its column: rules, the default first, then factors."""
    rules = [name.removeprefix(LABEL) for name in header if name.startswith(LABEL)]
    rules.sort(key=lambda name: name != DEFAULT)
    return {name: f"{LABEL}{name}" for name in rules} | {name: name for name in FACTORS}


SOURCE = Source(
    name="rendered",
    download="nowhere: the pipeline draws it",
    label_files=label_files,
    looked_for=FILE,
    read=read,
    targets=(),
    pictures="Images",
    notes=(NOTE,),
)
