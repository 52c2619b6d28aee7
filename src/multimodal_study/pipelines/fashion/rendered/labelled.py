"""Rendered photographs under label files that came without their photographs.

FashionAI's label files may be had, its photographs only from the competition's site. Here each
path of such a file gets a rendered garment that shows what its label says, so that everything that
reads FashionAI can be run and tested whole. Such pictures prove code, not models.
"""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from zlib import crc32

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered.factors import (
    ATTRIBUTES,
    CATEGORIES,
    FACTORS,
    applies,
    folder_of,
)
from multimodal_study.pipelines.fashion.rendered.options import Options, read_options
from multimodal_study.pipelines.fashion.rendered.sample import check_seed, pick
from multimodal_study.pipelines.fashion.rendered.tree import (
    QUALITY,
    VERSION,
    check_root,
    write_summary,
)
from multimodal_study.storage.write_aside import write_aside

logger = logging.getLogger(__name__)

_COLUMNS = 3
_CHUNK = 60
_NAMES = {folder_of(attribute): attribute for attribute in ATTRIBUTES}


@dataclass(frozen=True)
class _Photo:
    path: str
    values: dict[str, str]
    blends: dict[str, tuple[str, float]]
    seed: list[int]


def write_labelled_tree(
    root: Path,
    label_csv: Path,
    options: Mapping[str, Any] | None,
    seed: int,
    limit: int | None = None,
) -> dict[str, Any]:
    """Render a photograph for every row of a FashionAI label file.

    A value marked ``m`` (maybe) beside the true one moves a length a third of the way towards it;
    of two designs the true one is drawn. All that the label leaves open varies with path and seed.

    Args:
        root: Folder to make: ``Annotations/label.csv`` with the rows used, as they were given, and
            the pictures at their paths.
        label_csv: ``path,<attribute>_labels,nnynn`` a row, further columns allowed, no header.
        options: ``size`` and ``workers`` count; the rest has no effect.
        seed: From 0.
        limit: Rows to use, evenly spread over the file; None: all.

    Returns:
        Counts, also written to ``rendered.json``.

    Raises:
        InputError: The file is missing, a row does not fit the format, a path leaves ``root``, or
            ``root`` holds something else. Nothing is written then.
    """
    chosen = read_options(options)
    rows = _spread(_read(label_csv), limit)
    photos: dict[str, _Photo] = {}
    for row in rows:
        photos.setdefault(row[0], _photo(row, check_seed(seed)))
    summary = {
        "source": "rendered",
        "version": VERSION,
        "seed": seed,
        "labels_from": label_csv.name,
        "rows": len(rows),
        "pictures": len(photos),
        "rows_with_maybe": sum("m" in row[2] for row in rows),
        "attributes": dict(sorted(Counter(_NAMES[row[1]] for row in rows).items())),
    }
    check_root(root)
    with write_aside(root) as partial:
        (partial / "Annotations").mkdir(parents=True)
        with (partial / "Annotations" / "label.csv").open(
            "w", encoding="utf-8", newline=""
        ) as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        _write_photos(partial, list(photos.values()), chosen)
        write_summary(partial, summary)
    logger.info("rendered %d pictures under %s to %s", len(photos), label_csv, root)
    return summary


def _read(label_csv: Path) -> list[list[str]]:
    if not label_csv.is_file():
        raise InputError(f"{label_csv}: no such label file")
    with label_csv.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    for number, row in enumerate(rows, 1):
        _check(f"{label_csv}, row {number}", row)
    if not rows:
        raise InputError(f"{label_csv} has no rows")
    return rows


def _spread(rows: list[list[str]], limit: int | None) -> list[list[str]]:
    """``limit`` of the rows, at equal distances."""
    if limit is None or limit >= len(rows):
        return rows
    if limit < 1:
        raise InputError(f"limit is {limit}, expected at least 1 or null for all rows")
    return [rows[at * len(rows) // limit] for at in range(limit)]


def _check(where: str, row: list[str]) -> None:
    if len(row) < _COLUMNS or row[1] not in _NAMES:
        raise InputError(f"{where}: {row}, expected path,attribute,code with one of {list(_NAMES)}")
    values = ATTRIBUTES[_NAMES[row[1]]]
    if len(row[2]) != len(values) or set(row[2]) - set("ynm") or row[2].count("y") != 1:
        raise InputError(
            f"{where}: label {row[2]!r}, expected {len(values)} of n, m and a single y"
        )
    path = PurePosixPath(row[0])
    unsafe = path.is_absolute() or ".." in path.parts or "\\" in row[0] or "\0" in row[0]
    if unsafe or path.suffix.lower() not in {".jpg", ".jpeg"} or path.parts[0] != "Images":
        raise InputError(f"{where}: path {row[0]!r}, expected Images/.../<name>.jpg below the root")


def _photo(row: list[str], seed: int) -> _Photo:
    attribute, key = _NAMES[row[1]], f"{seed}/{row[0]}"
    values = ATTRIBUTES[attribute]
    holders = [name for name, owned in CATEGORIES.items() if attribute in owned]
    category = pick(holders, f"{key}/category")
    chosen = {name: pick(factor.values, f"{key}/{name}") for name, factor in FACTORS.items()}
    for name in ATTRIBUTES:  # the picture is about its own attribute: nothing else is hidden
        if chosen[name] == ATTRIBUTES[name][0]:
            chosen[name] = FACTORS[name].neutral
    chosen |= {"category": category, attribute: values[row[2].index("y")]}
    maybe = row[2].find("m")
    blends = {attribute: (values[maybe], 1 / 3)} if maybe >= 0 else {}
    kept = {name: value for name, value in chosen.items() if applies(name, category)}
    return _Photo(row[0], kept, blends, [seed, crc32(row[0].encode())])


def _write_photos(root: Path, photos: list[_Photo], options: Options) -> None:
    from joblib import Parallel, cpu_count, delayed

    for photo in photos:
        (root / photo.path).parent.mkdir(parents=True, exist_ok=True)
    chunks = [photos[start : start + _CHUNK] for start in range(0, len(photos), _CHUNK)]
    workers = min(options.workers or cpu_count(), len(chunks))
    # A worker that outlived an earlier call keeps the working directory of that time.
    whole = root.absolute()
    Parallel(n_jobs=workers)(delayed(_write_chunk)(whole, chunk, options.size) for chunk in chunks)


def _write_chunk(root: Path, photos: list[_Photo], size: int) -> None:
    from multimodal_study.pipelines.fashion.rendered.draw.picture import draw, shown

    for photo in photos:
        values = shown(photo.values, set(FACTORS))
        picture = draw(values, size, photo.seed, photo.blends)
        picture.image.save(root / photo.path, format="JPEG", quality=QUALITY)
