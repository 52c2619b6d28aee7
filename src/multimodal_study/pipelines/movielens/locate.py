"""Which files a source consists of, with their digests."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.sources import RELEASES, SOURCES, Release, archive, sample
from multimodal_study.pipelines.movielens.sources.schema import Role
from multimodal_study.pipelines.source_files import inside, manifest

logger = logging.getLogger(__name__)

_NEEDED: tuple[Role, ...] = ("ratings", "movies")


def locate(ingest: dict[str, Any]) -> dict[str, Any]:
    """Manifest of the source files, as plain JSON values.

    Args:
        ingest: ``source``; for a release also ``path`` (its folder or its zip), or ``download``
            with ``downloads`` (folder of the zips) and ``checksum``.

    Returns:
        ``source``, ``root`` (absolute) and ``files``: ``path`` relative to the root, ``role``,
        ``bytes``, ``sha256``; for a zip its single file has the role ``archive``.

    Raises:
        InputError: A folder or file is missing; says which, where, and how to get it.
    """
    name = str(ingest.get("source"))
    if name == sample.NAME:
        root = sample.folder()
        return manifest(name, root, [(sample.verified(root), "ratings")])
    if name not in RELEASES:
        raise InputError(f"movielens.ingest.source is {name!r}, expected one of {SOURCES}")
    release = RELEASES[name]
    path = _path(release, ingest)
    if path.is_file():
        _check_complete(release, path, set(archive.members(path, release.files.values())))
        return manifest(name, path.parent, [(path, "archive")])
    root = _root(release, path)
    there = {role: root / file for role, file in release.files.items() if (root / file).is_file()}
    return manifest(name, root, [(inside(file, root), role) for role, file in there.items()])


def resolve(source_files: dict[str, Any], scratch: Path) -> dict[Role, Path]:
    """Role to readable file; those of a zip are unpacked into ``scratch``.

    Raises:
        InputError: A file is gone or changed since it was located, or an archive is damaged.
    """
    root = Path(source_files["root"])
    found: dict[Role, Path] = {}
    for file in source_files["files"]:
        path = root / file["path"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            raise InputError(f"{path} is gone or changed since it was located; run again")
        if file["role"] != "archive":
            found[file["role"]] = path
            continue
        names = RELEASES[source_files["source"]].files
        packed = archive.members(path, names.values())
        scratch.mkdir(parents=True, exist_ok=True)
        for role, name in names.items():
            if name in packed:
                found[role] = archive.extract(path, packed[name], scratch / name)
    return found


def _path(release: Release, ingest: dict[str, Any]) -> Path:
    """The folder or zip that was asked for, downloaded if need be."""
    if ingest.get("path"):
        path = Path(str(ingest["path"])).expanduser().absolute()
        if not path.exists():
            raise InputError(
                f"movielens.ingest.path: {path} does not exist. Get it from {release.download}"
            )
        return path
    if not ingest.get("download", False):
        raise InputError(
            f"movielens.ingest.path is empty; source={release.name} needs the folder or the zip "
            f"of the release. Get it from {release.download}"
        )
    from multimodal_study.pipelines.movielens.download import download

    folder = Path(str(ingest.get("downloads", "data/01_raw/movielens"))).absolute()
    target = folder / release.url.rsplit("/", 1)[1]
    return download(release.url, target, checksum=ingest.get("checksum"))


def _root(release: Release, path: Path) -> Path:
    """The folder that holds the files: ``path`` itself, or the one folder inside that does."""
    names = [release.files[role] for role in _NEEDED]
    candidates = [path, *sorted(item for item in path.iterdir() if item.is_dir())]
    best = max(candidates, key=lambda c: sum((c / name).is_file() for name in names))
    _check_complete(release, best, {name for name in names if (best / name).is_file()})
    return best


def _check_complete(release: Release, place: Path, there: set[str]) -> None:
    missing = [release.files[role] for role in _NEEDED if release.files[role] not in there]
    if missing:
        raise InputError(
            f"{place} lacks {', '.join(missing)}, which source={release.name} needs. Get them "
            f"from {release.download}"
        )
