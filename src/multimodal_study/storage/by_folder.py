"""Files that may be there or not, whichever run put them there; none of them is no error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NoReturn

from kedro.io import AbstractDataset


class ByFolderDataset(AbstractDataset[Any, dict[str, Callable[[], Any]]]):
    """Loads what reads each file ``file`` (a pattern) below ``path``, by its folder or its stem.

    Kedro's partitions are the same but raise where there is none, and what is read here is
    optional: a study that nobody has run yet.
    """

    def __init__(
        self,
        *,
        path: str,
        file: str,
        dataset: dict[str, Any],
        key: Literal["folder", "stem"] = "folder",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Keep where to look; ``dataset`` is the entry of each file, less its ``filepath``."""
        self._path, self._file, self._dataset = Path(path), file, dataset
        self._key = key
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], Any]]:
        """Folder relative to ``path``, or stem of the file, to what loads the file."""
        found = sorted(self._path.rglob(self._file)) if self._path.is_dir() else []
        return {self._name(file): self._of(file).load for file in found}

    def save(self, data: Any) -> NoReturn:
        """Refused.

        Raises:
            NotImplementedError: Always; each file has an entry of its own.
        """
        raise NotImplementedError("files by folder are read here and written elsewhere")

    def _name(self, file: Path) -> str:
        return file.stem if self._key == "stem" else file.parent.relative_to(self._path).as_posix()

    def _of(self, file: Path) -> Any:
        return AbstractDataset.from_config(file.stem, {**self._dataset, "filepath": str(file)})

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"path": str(self._path), "file": self._file}
