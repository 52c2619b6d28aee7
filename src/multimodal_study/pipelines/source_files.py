"""What a source consists of on disk: files below one root, with their digests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError


def inside(path: Path, root: Path) -> Path:
    """``path``, if it does not lead outside ``root``, links followed.

    Raises:
        InputError: It does.
    """
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{path} leads outside {root} (to {path.resolve()}); copy the file there")
    return path


def manifest(source: str, root: Path, found: list[tuple[Path, str]]) -> dict[str, Any]:
    """``source``, ``root`` and ``files``: ``path`` below the root, ``role``, ``bytes``, ``sha256``.

    Raises:
        InputError: A file is empty.
    """
    files = []
    for path, role in found:
        size = path.stat().st_size
        if not size:
            raise InputError(f"{path} is empty (0 bytes); download it again")
        relative = path.relative_to(root).as_posix()
        files.append({"path": relative, "role": role, "bytes": size, "sha256": sha256(path)})
    return {"source": source, "root": str(root), "files": files}


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
