"""Kaggle's "Fashion Product Images": ``styles.csv`` and ``images/<id>.jpg``.

The title is the last column. It is not quoted, so that a title with commas makes the line too long:
the surplus belongs to the title. ``NA`` is text, not a missing value.
"""

from __future__ import annotations

import re
from pathlib import Path

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.sources.lines import cells
from multimodal_study.pipelines.fashion.sources.schema import Refusal, Rows, Source, refuse

FILE = "styles.csv"
TITLE = "productDisplayName"
TARGETS = (
    "usage", "season", "gender", "masterCategory", "subCategory", "articleType", "baseColour",
    "year",
)  # fmt: skip
ABSENT = ("", "NA")
"""Labels that say that there is none."""
_ID = re.compile(r"\d{1,12}")


def label_files(root: Path) -> list[Path]:
    """``styles.csv``."""
    return [root / FILE] if (root / FILE).is_file() else []


def read(root: Path, files: list[str]) -> Rows:
    """One row per product: the labels of ``TARGETS`` as they stand in the file.

    Raises:
        InputError: The header lacks a column, or the title is not the last one.
    """
    import pandas as pd

    refused: list[Refusal] = []
    found: list[dict[str, object]] = []
    for name in files:
        lines = cells(root / name, name, refused)
        header = _header(root / name, next(lines, (0, []))[1])
        for line, row in lines:
            judged = _judge(name, line, row, header)
            if isinstance(judged, Refusal):
                refused.append(judged)
            else:
                found.append(judged)
    columns = ("item_id", "image", "position", "text", "official_split", "file", "line", *TARGETS)
    return Rows(pd.DataFrame(found, columns=columns), refused)


def _header(path: Path, row: list[str]) -> list[str]:
    missing = [column for column in ("id", *TARGETS, TITLE) if column not in row]
    if missing or row[-1] != TITLE:
        raise InputError(
            f"{path}: the header is {row}; expected id, {', '.join(TARGETS)} and last {TITLE} "
            "(the title may hold commas, so only what stands before it has a fixed place)"
        )
    return row


def _judge(name: str, line: int, row: list[str], header: list[str]) -> dict[str, object] | Refusal:
    width = len(header)
    if len(row) < width:
        expected = f"{width} columns: {','.join(header)}"
        return refuse(name, line, "wrong_columns", ",".join(row), expected)
    values = dict(zip(header, [*row[: width - 1], ",".join(row[width - 1 :])], strict=True))
    product = values["id"].strip()
    if not _ID.fullmatch(product):
        return refuse(name, line, "wrong_id", values["id"], "a number, the name of a picture")
    if values[TITLE].strip() in ABSENT:
        return refuse(name, line, "missing_text", values[TITLE], "a title")
    return {
        "item_id": product,
        "image": f"images/{product}.jpg",
        "position": -1,
        "text": values[TITLE],
        "official_split": None,
        "file": name,
        "line": line,
        **{target: values[target].strip() for target in TARGETS},
    }


SOURCE = Source(
    name="fashion_products",
    download=(
        "https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-small: the folder "
        "that holds styles.csv and images/"
    ),
    label_files=label_files,
    looked_for=FILE,
    read=read,
    targets=TARGETS,
    pictures="images",
    masked=tuple(target for target in TARGETS if target not in ("usage", "season")),
)
