"""FashionAI attribute labels as Tianchi distributes them.

``Images/<attribute>_labels/<hash>.jpg,<attribute>_labels,nnynn`` without a header, one line per
picture and attribute; some copies add a fourth column. ``y`` marks the value, ``m`` (maybe) values
that are neither right nor wrong, ``n`` the others.

There is no text. It is composed: the kind of garment that the attribute belongs to and, where the
same picture has lines for other attributes, their values. It never holds a word of any value of
the attribute that is asked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from multimodal_study.pipelines.fashion.attributes import ATTRIBUTES, CLASSES, class_name
from multimodal_study.pipelines.fashion.sources.lines import cells
from multimodal_study.pipelines.fashion.sources.schema import Refusal, Rows, Source, refuse

if TYPE_CHECKING:
    import pandas as pd

_SUFFIX = "_labels"
_COLUMNS = (3, 4)
_SHAPE = f"<picture>,<attribute>{_SUFFIX},<n, m and one y per value>"
GARMENTS = {
    "coat_length": "coat or jacket",
    "collar_design": "blouse or polo top",
    "lapel_design": "suit jacket or blazer",
    "neck_design": "knitted top or sweater",
    "neckline_design": "dress or evening top",
    "pant_length": "trousers or jeans",
    "skirt_length": "skirt or dress",
    "sleeve_length": "top, dress or coat",
}
"""What an attribute is asked about, in words that none of its values has."""


def label_files(root: Path) -> list[Path]:
    """``Annotations/label.csv``, else every CSV file of the folder."""
    usual = root / "Annotations" / "label.csv"
    return [usual] if usual.is_file() else sorted(root.glob("*.csv"))


def read(root: Path, files: list[str]) -> Rows:
    """One row per picture and attribute: label ``attributes`` (``<attribute>: <value>``).

    ``group`` is the attribute; bit ``k`` of ``undecided`` says that class ``k`` of ``CLASSES`` is
    a maybe.
    """
    import pandas as pd

    refused: list[Refusal] = []
    found = []
    for name in files:
        for line, row in cells(root / name, name, refused):
            judged = _judge(name, line, row)
            if isinstance(judged, Refusal):
                refused.append(judged)
            else:
                found.append(judged)
    columns = ("item_id", "image", "file", "line", "group", "attributes", "undecided")
    frame = pd.DataFrame(found, columns=columns)
    frame["position"] = -1
    frame["official_split"] = None
    frame["text"] = _texts(frame)
    return Rows(frame, refused)


def words(text: str) -> set[str]:
    """Lower-case words, with the singular of each beside its plural."""
    found = re.findall(r"[a-z0-9]+", text.lower())
    return {form for word in found for form in (word, word.removesuffix("s"))}


def _judge(name: str, line: int, row: list[str]) -> tuple[object, ...] | Refusal:
    if len(row) not in _COLUMNS:
        return refuse(name, line, "wrong_columns", ",".join(row), f"3 or 4 columns: {_SHAPE}")
    image, task, marks = (cell.strip() for cell in row[:3])
    attribute = task.removesuffix(_SUFFIX)
    values = ATTRIBUTES.get(attribute)
    if values is None or task == attribute:
        known = ", ".join(f"{known}{_SUFFIX}" for known in ATTRIBUTES)
        return refuse(name, line, "unknown_task", task, f"one of {known}")
    if len(marks) != len(values) or set(marks) - set("ynm") or marks.count("y") != 1:
        expected = f"{len(values)} letters, one of them y, the others n or m"
        return refuse(name, line, "wrong_label", marks, expected)
    first = CLASSES.index(class_name(attribute, values[0]))
    undecided = sum(1 << (first + place) for place, mark in enumerate(marks) if mark == "m")
    label = class_name(attribute, values[marks.index("y")])
    item = f"{attribute}/{PurePosixPath(image).stem}"
    return item, image, name, line, attribute, label, undecided


def _texts(frame: pd.DataFrame) -> list[str]:
    """Garment, and what other lines say about the same picture."""
    pictures = [PurePosixPath(image).name for image in frame["image"]]
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for picture, label in zip(pictures, frame["attributes"], strict=True):
        attribute, value = label.split(": ", maxsplit=1)
        if value != "Invisible":
            said[picture][attribute] = value
    banned = {name: set().union(*map(words, values)) for name, values in ATTRIBUTES.items()}
    return [
        ", ".join(
            [GARMENTS[group], *_others(said[picture], group, banned[group])],
        )
        for picture, group in zip(pictures, frame["group"], strict=True)
    ]


def _others(said: dict[str, str], group: str, banned: set[str]) -> list[str]:
    """Values of other attributes, without the words that values of ``group`` have."""
    kept = []
    for attribute, value in sorted(said.items()):
        if attribute != group:
            left = [word for word in value.lower().split() if not words(word) & banned]
            kept.append(" ".join(left))
    return [value for value in kept if value]


SOURCE = Source(
    name="fashionai",
    download=(
        "https://tianchi.aliyun.com/competition/entrance/231649 (FashionAI attributes, after "
        "signing in): the folder that holds Images/ and Annotations/label.csv"
    ),
    label_files=label_files,
    looked_for="Annotations/label.csv or *.csv",
    read=read,
    targets=("attributes",),
    pictures="Images",
    # Thousands of pictures share a composed text: it cannot group them.
    grouped_by=("image_key",),
    notes=("The text is composed from the kind of garment and other labels, never the target.",),
)
