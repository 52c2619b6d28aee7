"""The record of what made each output, kept beside the data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from multimodal_study.storage.write_aside import write_aside


@dataclass(frozen=True)
class Record:
    """How an output came to be."""

    node: str
    components: dict[str, str]
    """Digest of each thing that the node depended on: code, versions, parameters, inputs."""
    files: dict[str, list[Any]]
    """File, relative to the output, to ``[bytes, mtime in ns, sha256]``."""


def fingerprint(components: dict[str, str]) -> str:
    """One digest of all components."""
    text = json.dumps(components, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Ledger:
    """One small JSON file per catalogued output; a missing or unreadable one means stale."""

    def __init__(self, root: Path) -> None:
        """Keep the records below the folder ``root``."""
        self._root = root

    def read(self, dataset: str) -> Record | None:
        """The record of ``dataset``, or None."""
        try:
            return Record(**json.loads(self._path(dataset).read_text(encoding="utf-8")))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None

    def write(self, dataset: str, node: str, components: dict[str, str], output: Path) -> None:
        """Record that ``node`` has just written ``output``, whole."""
        files = {
            str(path.relative_to(output)): [*_stamp(path), file_digest(path)]
            for path in files_below(output)
        }
        with write_aside(self._path(dataset)) as partial:
            text = json.dumps(asdict(Record(node, components, files)), indent=1)
            partial.write_text(text, encoding="utf-8")

    def forget(self, dataset: str) -> None:
        """Drop the record: from here on the output counts as absent."""
        self._path(dataset).unlink(missing_ok=True)

    def intact(self, record: Record, output: Path) -> bool:
        """Whether ``output`` is still, to the byte, what was recorded."""
        found = {str(path.relative_to(output)) for path in files_below(output)}
        if not record.files or found != set(record.files):
            return False
        for name, (size, modified, digest) in record.files.items():
            path = output / name
            if _stamp(path) == (size, modified):
                continue
            if path.stat().st_size != size or file_digest(path) != digest:
                return False
        return True

    def _path(self, dataset: str) -> Path:
        return self._root / f"{dataset}.json"


def files_below(path: Path) -> Iterator[Path]:
    """``path`` itself if it is a file, every file below it if it is a folder, in order."""
    if path.is_dir():
        yield from sorted(item for item in path.rglob("*") if item.is_file())
    elif path.is_file():
        yield path


def content_digest(path: Path) -> str:
    """Digest of a file, or of the names and contents of all files of a folder."""
    parts = {str(item.relative_to(path)): file_digest(item) for item in files_below(path)}
    return fingerprint(parts)


def file_digest(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
