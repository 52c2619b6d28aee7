"""Label files and pictures to a table of items, a table of refused rows and counts that add up."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.locate import PICTURES, ROWS, pictures_below, resolve
from multimodal_study.pipelines.fashion.sources import SOURCES, Source
from multimodal_study.pipelines.fashion.sources.schema import BASE, Refusal, Rows, refuse
from multimodal_study.pipelines.options import known_options
from multimodal_study.pipelines.quarantine import check_share

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

logger = logging.getLogger(__name__)

OPTIONS = ("source", "path", "limit", "max_pixels", "max_quarantined_share", "rendered")
EXPECTED = {
    "missing": "a file",
    "outside_root": "a file inside the folder of the source",
    "duplicate_id": "an id that no line before has",
    "no_row": "a line about the picture",
    "empty_text": "a text with at least one letter, digit or sign",
}
_PICTURE = "a whole picture that is what its name says"


def ingest(
    source_files: dict[str, Any], ingest: dict[str, Any], seed: int
) -> tuple[pd.DataFrame, pl.LazyFrame, dict[str, Any]]:
    """Items, quarantine and a JSON summary.

    Of rows with the same picture, the same text and the same labels the first is kept; the others
    are duplicates. A second row with an id that is taken is refused.

    Args:
        source_files: What ``locate`` found.
        ingest: ``limit`` (rows that are looked at, chosen by a seeded hash; None: all),
            ``max_pixels`` of a picture, ``max_quarantined_share``.
        seed: Of the choice that ``limit`` makes.

    Returns:
        Items: the columns of ``schema.BASE``, ``image_key``, ``text_key`` and a column per label;
        refused rows: ``file``, ``line``, ``reason``, ``value``, ``expected``; the counts.

    Raises:
        InputError: A file is gone, too many rows are refused, or none is left.
    """
    known_options("fashion.ingest", ingest, OPTIONS)
    source = SOURCES[source_files["source"]]
    root = Path(source_files["root"])
    files = resolve(source_files, ROWS)
    rows = source.read(root, files)
    rows, beyond = _limited(rows, ingest.get("limit"), seed)
    read = Counter([*rows.frame["file"], *(row.file for row in rows.refused)])
    items, refused = _with_keys(source, root, files, rows, ingest)
    refused += rows.refused
    items, repeated = _without_repeats(items, refused)
    kept = Counter(items["file"])
    counts = [_file_counts(file, read, kept, repeated, refused) for file in files]
    if source.pictures:
        strangers = _strangers(root, source.pictures, rows, complete=not beyond)
        refused += strangers
        counts.append(_picture_counts(root, source.pictures, strangers, beyond))
    table = _quarantine(refused, [file["path"] for file in counts])
    check_share(table, counts, ROWS, float(ingest.get("max_quarantined_share", 0.05)))
    if items.empty:
        raise InputError(f"no row is left of {sum(read.values())} rows read in {root}")
    return items, table, _summary(source, source_files, counts, items, beyond)


def _file_counts(
    file: str,
    read: Counter[str],
    kept: Counter[str],
    repeated: Counter[str],
    refused: list[Refusal],
) -> dict[str, Any]:
    reasons = Counter(row.reason for row in refused if row.file == file)
    return {
        "path": file,
        "role": ROWS,
        "rows_read": read[file],
        "kept": kept[file],
        "duplicates": repeated[file],
        "quarantined": reasons.total(),
        "reasons": dict(sorted(reasons.items())),
    }


def _limited(rows: Rows, limit: int | None, seed: int) -> tuple[Rows, int]:
    """At most ``limit`` rows, and how many are not looked at."""
    from multimodal_study.data.splits import hashes

    if limit is None:
        return rows, 0
    if int(limit) < 1:
        raise InputError(f"fashion.ingest.limit is {limit}, it must be at least 1 or null")
    order = np.argsort(hashes(rows.frame["item_id"], seed), kind="stable")[: int(limit)]
    frame = rows.frame.iloc[np.sort(order)].reset_index(drop=True)
    return Rows(frame, rows.refused), len(rows.frame) - len(frame)


def _with_keys(
    source: Source, root: Path, files: list[str], rows: Rows, options: dict[str, Any]
) -> tuple[pd.DataFrame, list[Refusal]]:
    """Items with ``image_key`` and ``text_key``, and rows whose picture or text cannot be used."""
    import polars as pl

    from multimodal_study.data.wording import normal_form

    frame = rows.frame.copy()
    if source.load_arrays is not None:
        pictures = source.load_arrays(root, files)[frame["position"].to_numpy()]
        frame["image_key"] = [hashlib.sha256(one.tobytes()).hexdigest() for one in pictures]
        reasons: dict[str, tuple[str, str]] = {}
    else:
        frame["image_key"], reasons = _examined(frame, root, options)
    forms = normal_form(pl.Series(frame["text"].tolist(), dtype=pl.String)).to_list()
    frame["text_key"] = [hashlib.sha256(form.encode()).hexdigest() for form in forms]
    refused = []
    sound = np.ones(len(frame), dtype=bool)
    places = zip(frame["file"], frame["line"], frame["image"], forms, strict=True)
    for row, (file, line, image, form) in enumerate(places):
        reason, value = reasons.get(image, ("", ""))
        if not reason and not form:
            reason, value = "empty_text", frame["text"].iloc[row]
        if reason:
            sound[row] = False
            said = f"{image}: {value}" if image in reasons else value
            refused.append(refuse(file, line, reason, said, EXPECTED.get(reason, _PICTURE)))
    return frame[sound].reset_index(drop=True), refused


def _examined(
    frame: pd.DataFrame, root: Path, options: dict[str, Any]
) -> tuple[list[str | None], dict[str, tuple[str, str]]]:
    """Digest of each row's picture, and ``(reason, value)`` of the pictures that are bad."""
    from multimodal_study.encoders.pictures import MAX_PIXELS, examine

    paths = list(dict.fromkeys(frame["image"]))
    limit = int(options.get("max_pixels") or MAX_PIXELS)
    found = dict(zip(paths, examine(paths, root=root, max_pixels=limit), strict=True))
    bad = {
        path: (str(one.reason), one.value) for path, one in found.items() if one.reason is not None
    }
    return [found[path].sha256 for path in frame["image"]], bad


def _without_repeats(
    items: pd.DataFrame, refused: list[Refusal]
) -> tuple[pd.DataFrame, Counter[str]]:
    """Items that are new, and the repeats of each file; other rows of a taken id are refused."""
    labels = [
        name for name in items.columns if name not in {*BASE, "image_key", "text_key", "undecided"}
    ]
    repeats = items.duplicated(["image_key", "text_key", *labels], keep="first")
    taken = items["item_id"].duplicated(keep="first") & ~repeats
    places = items.loc[taken, ["file", "line", "item_id"]].to_numpy(dtype=object)
    expected = EXPECTED["duplicate_id"]
    refused += [
        refuse(str(file), int(line), "duplicate_id", item, expected) for file, line, item in places
    ]
    counts: Counter[str] = Counter(items.loc[repeats, "file"])
    columns = [*BASE, "image_key", "text_key"]
    columns += [name for name in items.columns if name not in columns]
    return items.loc[~(repeats | taken), columns].reset_index(drop=True), counts


def _strangers(root: Path, folder: str, rows: Rows, *, complete: bool) -> list[Refusal]:
    """Pictures that no row names; unknown where only some of the rows were looked at."""
    if not complete:
        return []
    named = set(rows.frame["image"]) | {row.value for row in rows.refused}
    expected = EXPECTED["no_row"]
    return [
        refuse(name, 0, "no_row", name, expected)
        for name in pictures_below(root / folder, root)
        if name not in named
    ]


def _picture_counts(
    root: Path, folder: str, strangers: list[Refusal], beyond: int
) -> dict[str, Any]:
    there = len(pictures_below(root / folder, root)) if not beyond else 0
    if strangers:
        logger.warning("%s: %d of %d pictures have no row", folder, len(strangers), there)
    return {
        "path": folder,
        "role": PICTURES,
        "rows_read": there,
        "kept": there - len(strangers),
        "duplicates": 0,
        "quarantined": len(strangers),
        "reasons": {"no_row": len(strangers)} if strangers else {},
    }


def _quarantine(refused: list[Refusal], order: list[str]) -> pl.LazyFrame:
    """Refused rows by file and line."""
    import polars as pl

    place = {name: number for number, name in enumerate(order)}
    rows = sorted(refused, key=lambda row: (place.get(row.file, len(order)), row.file, row.line))
    columns = {
        "file": pl.String, "line": pl.Int64, "reason": pl.String, "value": pl.String,
        "expected": pl.String,
    }  # fmt: skip
    return pl.LazyFrame({name: [getattr(row, name) for row in rows] for name in columns}, columns)


def _targets(source: Source, items: pd.DataFrame) -> list[str]:
    """Labels that can be asked for, the default first."""
    others = {*BASE, "image_key", "text_key", "group", "undecided"}
    return list(source.targets) or [name for name in items.columns if name not in others]


def _summary(
    source: Source,
    source_files: dict[str, Any],
    counts: list[dict[str, Any]],
    items: pd.DataFrame,
    beyond: int,
) -> dict[str, Any]:
    digests = {file["path"]: file["sha256"] for file in source_files["files"]}
    names = ("rows_read", "kept", "duplicates", "quarantined")
    totals = {
        role: {name: sum(one[name] for one in counts if one["role"] == role) for name in names}
        for role in dict.fromkeys(one["role"] for one in counts)
    }
    reasons = sum((Counter(one["reasons"]) for one in counts), Counter[str]())
    logger.info("%s: %s", source.name, totals)
    return {
        "source": source.name,
        "notes": list(source.notes),
        "targets": _targets(source, items),
        **totals,
        "beyond_limit": beyond,
        "distinct_pictures": int(items["image_key"].nunique()),
        "distinct_texts": int(items["text_key"].nunique()),
        "reasons": dict(sorted(reasons.items())),
        "files": [{**one, "sha256": digests[one["path"]]} for one in counts],
        "note": "rows_read = kept + duplicates + quarantined, for rows and for pictures",
    }
