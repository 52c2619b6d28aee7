"""Which files a source consists of, with their digests."""

from __future__ import annotations

import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.sources import SOURCES, Source
from multimodal_study.pipelines.source_files import inside, manifest, sha256

logger = logging.getLogger(__name__)

ROWS = "rows"
PICTURES = "pictures"
_BELOW = ("", "base")
"""Folders in which a download may hide its root: Tianchi's archive unpacks to ``base``."""


def locate(rendered: dict[str, Any], ingest: dict[str, Any]) -> dict[str, Any]:
    """Manifest of the source files, as plain JSON values.

    Args:
        rendered: What the node ``render`` made: ``root`` of the tree, or None.
        ingest: ``source`` and, for files of one's own, ``path`` (their folder, or a label file).

    Returns:
        ``source``, ``root`` (absolute) and ``files``: ``path`` relative to the root, ``role``,
        ``bytes``, ``sha256``; label files first, then the folder of the pictures as one entry
        whose digest is over the names and digests of all files in it.

    Raises:
        InputError: A folder or file is missing; says which, where, and how to get it.
    """
    source = source_of(ingest)
    path = _path(source, rendered, ingest)
    root, files = _labels(source, path)
    found = manifest(source.name, root, [(inside(file, root), ROWS) for file in files])
    if source.pictures:
        folder = root / source.pictures
        if not folder.is_dir():
            raise InputError(
                f"fashion.ingest.path: {root} has no folder {source.pictures}/ with the pictures "
                f"of {files[0].name}. Get them from: {source.download}"
            )
        found["files"].append(_folder(folder, root))
    return found


def source_of(ingest: dict[str, Any]) -> Source:
    """The source that the parameters name.

    Raises:
        InputError: There is none of that name.
    """
    name = ingest.get("source")
    if name not in SOURCES:
        raise InputError(f"fashion.ingest.source is {name!r}, expected one of {tuple(SOURCES)}")
    return SOURCES[name]


def resolve(source_files: dict[str, Any], role: str) -> list[str]:
    """Paths below the root of the files with ``role``, checked again.

    Raises:
        InputError: One is gone or leaves the root.
    """
    root = Path(source_files["root"])
    names = [str(file["path"]) for file in source_files["files"] if file["role"] == role]
    for name in names:
        if not inside(root / name, root).exists():
            raise InputError(f"{root / name} is gone since it was located")
    return names


def pictures_below(folder: Path, root: Path) -> list[str]:
    """Names below ``root`` of the picture files in ``folder``, sorted; links are not entered."""
    from multimodal_study.encoders.pictures import SUFFIXES

    return sorted(
        (Path(where) / name).relative_to(root).as_posix()
        for where, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix and Path(name).suffix.lower() in SUFFIXES
    )


def _path(source: Source, rendered: dict[str, Any], ingest: dict[str, Any]) -> Path:
    if rendered.get("root"):
        return Path(rendered["root"]).absolute()
    if not ingest.get("path"):
        raise InputError(
            f"fashion.ingest.path is empty; fashion.ingest.source={source.name} needs the folder "
            f"of the downloaded files. Get them from: {source.download}"
        )
    return Path(ingest["path"]).expanduser().absolute()


def _labels(source: Source, path: Path) -> tuple[Path, list[Path]]:
    """Root folder and label files."""
    if path.is_file():
        root = path.parent.parent if path.parent.name == "Annotations" else path.parent
        return root, [path]
    if not path.is_dir():
        raise InputError(
            f"fashion.ingest.path: {path} does not exist. Get the files from: {source.download}"
        )
    for below in _BELOW:
        root = path / below if below else path
        if files := source.label_files(root):
            return root, files
    raise InputError(
        f"fashion.ingest.path: no label file in {path}: looked for {source.looked_for}. "
        f"Get the files from: {source.download}"
    )


def _folder(folder: Path, root: Path) -> dict[str, Any]:
    """One entry for all pictures; a link that leaves the root is named, not followed."""
    names = pictures_below(inside(folder, root), root)
    if not names:
        raise InputError(f"{folder} holds no picture; fill it or set fashion.ingest.path")
    top = root.resolve()

    def look(name: str) -> tuple[int, str]:
        path = root / name
        if not path.resolve().is_relative_to(top) or not path.is_file():
            return 0, "not read"
        try:
            return path.stat().st_size, sha256(path)
        except OSError as error:
            return 0, type(error).__name__

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = list(pool.map(look, names))
    total = hashlib.sha256()
    for name, (_, digest) in zip(names, seen, strict=True):
        total.update(f"{digest} {name}\n".encode("utf-8", "surrogateescape"))
    return {
        "path": folder.relative_to(root).as_posix(),
        "role": PICTURES,
        "bytes": sum(size for size, _ in seen),
        "pictures": len(names),
        "sha256": total.hexdigest(),
    }
