"""Reading a release out of its zip: nothing leaves the folder, nothing broken passes."""

from __future__ import annotations

import logging
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from multimodal_study.errors import InputError

logger = logging.getLogger(__name__)

LARGEST = 16 * 2**30
"""Bytes that a member may have unpacked; the largest release has less than 1 GiB."""
_DEPTH = 2
_BLOCK = 2**20


def members(path: Path, wanted: Iterable[str]) -> dict[str, str]:
    """File name to member of the zip at ``path``, for those of ``wanted`` that it holds.

    Raises:
        InputError: It is no zip, is cut short, or has a member that would leave its folder.
    """
    names = set(wanted)
    found: dict[str, str] = {}
    with _opened(path) as archive:
        for item in archive.infolist():
            _refuse_escape(path, item)
            parts = PurePosixPath(item.filename).parts
            if item.is_dir() or len(parts) > _DEPTH or parts[-1] not in names:
                continue
            if parts[-1] in found:
                raise InputError(
                    f"{path} holds {parts[-1]} twice ({found[parts[-1]]}, {item.filename}); "
                    "unpack it and point movielens.ingest.path at one of the folders"
                )
            found[parts[-1]] = item.filename
    return found


def extract(path: Path, member: str, target: Path) -> Path:
    """Unpack one member to ``target``, block by block; its checksum is verified on the way.

    Raises:
        InputError: The member is damaged, encrypted or larger than ``LARGEST``.
    """
    with _opened(path) as archive:
        item = archive.getinfo(member)
        _refuse_escape(path, item)
        if item.file_size > LARGEST:
            raise InputError(f"{path}: {member} unpacks to {item.file_size} bytes, over {LARGEST}")
        try:
            with archive.open(item) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, _BLOCK)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as bad:
            target.unlink(missing_ok=True)
            raise InputError(
                f"{path}: {member} cannot be unpacked ({bad}); the archive is damaged, download "
                "it again"
            ) from bad
    logger.info("%s: %s unpacked, %d bytes", path.name, member, item.file_size)
    return target


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as bad:
        raise InputError(
            f"{path} is no whole zip archive ({bad}): cut short, or an error page saved under "
            "this name; download it again"
        ) from bad


def _refuse_escape(path: Path, item: zipfile.ZipInfo) -> None:
    name = item.filename
    parts = PurePosixPath(name).parts
    outside = name.startswith("/") or "\\" in name or ":" in name or ".." in parts
    link = stat.S_ISLNK(item.external_attr >> 16)
    if outside or link:
        what = "a symbolic link" if link else "a path that leaves the folder"
        raise InputError(
            f"{path} holds {name!r}, {what}: no release of GroupLens does; the archive is not "
            "opened, get it from grouplens.org"
        )
