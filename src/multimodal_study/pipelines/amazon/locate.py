"""Which files a source consists of, with their digests."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.amazon.sources import JSON_SOURCES, SOURCES, JsonSource, fine_foods
from multimodal_study.pipelines.source_files import inside, manifest

logger = logging.getLogger(__name__)

META = "meta_"
_ENDINGS = (".jsonl.gz", ".json.gz", ".jsonl", ".json")


def locate(ingest: dict[str, Any]) -> dict[str, Any]:
    """Manifest of the source files, as plain JSON values.

    Args:
        ingest: ``source``; for downloaded files also ``path`` (a folder or one file) and ``files``
            (names or globs of review files inside it; default: the usual names of the source).

    Returns:
        ``source``, ``root`` (absolute) and ``files``: ``path`` relative to the root, ``role``
        (reviews or meta), ``bytes``, ``sha256``; reviews first, sorted by name.

    Raises:
        InputError: A folder or file is missing; says which, where, and how to get it.
        ValueError: A parameter is out of its range, or a file leaves the root.
    """
    name = ingest.get("source")
    if name == fine_foods.NAME:
        root = fine_foods.folder()
        found = [(path, "reviews") for path in fine_foods.verified(root)]
        return manifest(name, root, found)
    if name not in JSON_SOURCES:
        raise InputError(f"ingest.source is {name!r}, expected one of {SOURCES}")
    source = JSON_SOURCES[name]
    root, reviews = _reviews(source, ingest)
    meta = sorted({path for review in reviews if (path := _meta_of(review, source))})
    checked = [inside(path, root) for path in (*reviews, *meta)]
    roles = ["reviews"] * len(reviews) + ["meta"] * len(meta)
    return manifest(name, root, list(zip(checked, roles, strict=True)))


def resolve(source_files: dict[str, Any]) -> list[tuple[Path, str, str]]:
    """Absolute path, relative path and role of each file of a manifest, checked again.

    Raises:
        InputError: A file is gone.
        ValueError: A file leaves the root or has another size than the manifest says.
    """
    root = Path(source_files["root"])
    resolved = []
    for file in source_files["files"]:
        path = root / file["path"]
        if not path.is_file():
            raise InputError(f"{path} is gone since it was located")
        inside(path, root)
        if path.stat().st_size != file["bytes"]:
            raise InputError(f"{path} changed its size since it was located; run again")
        resolved.append((path, str(file["path"]), str(file["role"])))
    return resolved


def _reviews(source: JsonSource, ingest: dict[str, Any]) -> tuple[Path, list[Path]]:
    """Root folder and review files, sorted by name."""
    if not ingest.get("path"):
        raise InputError(
            f"ingest.path is empty; ingest.source={source.name} needs the folder of the "
            f"downloaded files. Get them from: {source.download}"
        )
    path = Path(ingest["path"]).expanduser().absolute()
    if path.is_file():
        return path.parent, [path]
    if not path.is_dir():
        raise InputError(f"ingest.path: {path} does not exist. Download into it: {source.download}")
    asked = ingest.get("files")
    asked = [asked] if isinstance(asked, str) else asked
    files = _asked(path, asked, source) if asked else _usual(path, source)
    for ignored in sorted(path.glob("*.csv")):
        logger.info("%s is ignored: ingest reads JSON lines, not CSV", ignored)
    return path, files


def _asked(root: Path, patterns: list[str], source: JsonSource) -> list[Path]:
    found: set[Path] = set()
    for pattern in patterns:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise InputError(f"ingest.files: {pattern!r} leaves the folder {root}")
        matches = [path for path in root.glob(pattern) if path.is_file()]
        if not matches:
            raise InputError(
                f"ingest.files: no file {pattern!r} in {root}. Download it: {source.download}"
            )
        found.update(matches)
    return sorted(found)


def _usual(root: Path, source: JsonSource) -> list[Path]:
    for pattern in source.patterns:
        matches = [
            path for path in root.glob(pattern) if path.is_file() and not path.name.startswith(META)
        ]
        if matches:
            return sorted(matches)
    raise InputError(
        f"no review file in {root}: looked for {', '.join(source.patterns)}. "
        f"Download into it: {source.download}"
    )


def _meta_of(review: Path, source: JsonSource) -> Path | None:
    """Product file that lies beside a review file, if there is one."""
    stem = review.name
    for ending in _ENDINGS:
        if stem.endswith(ending):
            stem = stem.removesuffix(ending)
            break
    for suffix in source.suffixes:
        stem = stem.removesuffix(suffix)
    candidates = (review.with_name(f"{META}{stem}{ending}") for ending in _ENDINGS)
    return next((path for path in candidates if path.is_file()), None)
