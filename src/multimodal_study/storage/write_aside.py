"""Write aside, then rename: a reader never meets a half-written output.

Kedro's datasets write through fsspec's local file system straight into the final name, so a killed
run leaves a truncated file that looks finished. :func:`install` gives the protocol ``file`` a file
system that writes to a hidden neighbour and renames it on a clean close.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileOpener, LocalFileSystem

PARTIAL = ".partial"
TEXT_OPTIONS = ("encoding", "errors", "newline")


def partial_name(path: Path) -> Path:
    """A hidden neighbour of ``path``, on the same disk so that the rename is atomic."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}{PARTIAL}")


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Yield a name to write to; rename it to ``path`` if the block ends well, else remove it.

    Works for a file and for a folder. A folder cannot be replaced in one step: the old one is
    removed just before the rename, so an interruption leaves nothing rather than a mixture.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    try:
        yield partial
        if partial.is_dir() and path.exists():
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)


class _AsideOpener(LocalFileOpener):  # type: ignore[misc]
    """A local file that appears under its name only when it is closed without an error."""

    def __init__(self, path: str, mode: str, **options: Any) -> None:
        self._target = Path(path)
        self._pending = True
        super().__init__(str(partial_name(self._target)), mode, **options)

    def close(self) -> None:
        if not self.f.closed:
            self.f.close()
        if self._pending:
            self._pending = False
            os.replace(self.path, self._target)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None:
            self.discard()
        self.close()

    def discard(self) -> None:
        """Forget what was written: the old file, if any, stays as it was."""
        self._pending = False
        self.f.close()
        Path(self.path).unlink(missing_ok=True)


class _AsideText(io.TextIOWrapper):
    """Text over :class:`_AsideOpener` that passes an error on, which a plain wrapper would not."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.close()
        else:
            self.detach().discard()  # type: ignore[attr-defined]


class WriteAsideFileSystem(LocalFileSystem):  # type: ignore[misc]
    """fsspec's local file system with whole-file writes; appending and reading are untouched."""

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        """Open as fsspec does; a text file in writing mode is discarded on an error."""
        if "w" not in mode or "b" in mode:
            return super().open(path, mode=mode, **options)
        text = {key: options.pop(key) for key in TEXT_OPTIONS if key in options}
        return _AsideText(super().open(path, mode=mode + "b", **options), **text)

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, **options: Any
    ) -> Any:
        if "w" not in mode or not options.get("autocommit", True):
            return super()._open(path, mode=mode, block_size=block_size, **options)
        path = self._strip_protocol(path)
        if self.auto_mkdir:
            self.makedirs(self._parent(path), exist_ok=True)
        return _AsideOpener(path, mode, fs=self, **options)


def install() -> None:
    """Use :class:`WriteAsideFileSystem` for every ``file`` path opened through fsspec."""
    for protocol in ("file", "local"):
        fsspec.register_implementation(protocol, WriteAsideFileSystem, clobber=True)
