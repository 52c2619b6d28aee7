"""Several files as one output: a folder that is whole or not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import AbstractDataset

from multimodal_study.storage.write_aside import write_aside


class FolderDataset(AbstractDataset[Mapping[str, "str | bytes"], dict[str, bytes]]):
    """Saves relative names and contents as the files of a folder; loads all of them as bytes."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Keep the folder's path."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def save(self, data: Mapping[str, str | bytes]) -> None:
        """Replace the folder by one with these files.

        Raises:
            ValueError: A name leaves the folder.
        """
        for name in data:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise ValueError(f"the file name {name!r} leaves its folder")
        with write_aside(self._filepath) as partial:
            partial.mkdir()
            for name, contents in data.items():
                file = partial / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(contents.encode() if isinstance(contents, str) else contents)

    def load(self) -> dict[str, bytes]:
        """Relative name to contents."""
        return {
            path.relative_to(self._filepath).as_posix(): path.read_bytes()
            for path in sorted(self._filepath.rglob("*"))
            if path.is_file()
        }

    def _exists(self) -> bool:
        return self._filepath.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
