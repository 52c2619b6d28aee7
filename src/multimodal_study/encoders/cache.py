"""Arrays on disk under the hash of what they were made from."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from multimodal_study.encoders.array_file import Arrays, Layout, create_arrays
from multimodal_study.errors import InputError
from multimodal_study.storage.write_aside import write_aside

logger = logging.getLogger(__name__)

FORMAT = 1
"""Raised when the layout of a file changes: older files are then never looked up."""
_KEY = re.compile(r"[0-9a-f]{64}")


def digest_texts(texts: Iterable[str]) -> str:
    """SHA-256 of the texts in their order, each with its length in front: 64 hex digits."""
    total = hashlib.sha256()
    for text in texts:
        # A lone surrogate is legal in a Python string and in JSON, but not in UTF-8.
        raw = text.encode("utf-8", "surrogatepass")
        total.update(len(raw).to_bytes(8, "little"))
        total.update(raw)
    return total.hexdigest()


class FeatureCache:
    """Safetensors files in one folder, written aside and renamed, mapped when read.

    Args:
        root: The folder; made when the first file is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def key(self, parts: Mapping[str, Any]) -> str:
        """SHA-256 of JSON values, paths and arrays (by type, shape and bytes): 64 hex digits.

        Raises:
            ValueError: A part is of another type.
        """
        text = json.dumps({"format": FORMAT, **parts}, sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()

    def get(self, key: str) -> Arrays | None:
        """The arrays stored under ``key``, memory-mapped; None if there are none.

        A file that is cut short or whose checksum differs counts as absent.
        """
        from safetensors import SafetensorError, safe_open

        path = self.path(key)
        if not path.is_file():
            logger.info("feature cache: miss %s", key[:12])
            return None
        try:
            # The torch reader maps the file; the numpy reader copies every array.
            with safe_open(path, framework="pt") as file:
                arrays = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118
                expected = (file.metadata() or {}).get("crc32")
        except (SafetensorError, OSError) as error:
            logger.warning("feature cache: %s is unreadable, a miss (%s)", path, error)
            return None
        if expected != _checksum(arrays):
            logger.warning("feature cache: %s has changed on disk, a miss", path)
            return None
        logger.info("feature cache: hit %s", key[:12])
        return arrays

    def put(self, key: str, arrays: Arrays) -> Path:
        """Store ``arrays`` under ``key``, whole or not at all, and return the file."""
        from safetensors.numpy import save_file

        path = self.path(key)
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        with write_aside(path) as partial:
            save_file(whole, partial, metadata={"crc32": _checksum(whole)})
        return path

    def gather(
        self,
        key: str,
        layout: Layout,
        size: int,
        key_of: Callable[[slice], str],
        make: Callable[[slice], Arrays],
    ) -> Arrays:
        """Make arrays block by block, store them under ``key`` and return them, memory-mapped.

        Memory holds one block. Each is stored under its own key as soon as it is made, so that an
        interruption costs one block; these go once the whole is there.

        Args:
            key: Of the whole.
            layout: Shapes, the first axis counting rows, and dtypes.
            size: Rows of a block.
            key_of: Rows to the key of their block.
            make: Rows to their arrays.
        """
        rows = next(iter(layout.values()))[0][0]
        blocks = [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
        with create_arrays(self.path(key), layout, lambda a: {"crc32": _checksum(a)}) as whole:
            for block in blocks:
                made = self.get(key_of(block))
                if made is None:
                    made = make(block)
                    self.put(key_of(block), made)
                for name, array in whole.items():
                    array[block] = made[name]
        for block in blocks:
            self.path(key_of(block)).unlink(missing_ok=True)
        found = self.get(key)
        if found is None:
            raise OSError(f"{self.path(key)} was written but cannot be read; is the disk full?")
        return found

    def path(self, key: str) -> Path:
        """File of ``key``.

        Raises:
            ValueError: ``key`` is not one that :meth:`key` returned.
        """
        if not _KEY.fullmatch(key):
            raise InputError(f"key is {key!r}, expected the 64 hex digits of FeatureCache.key")
        return self.root / f"{key}.safetensors"


def _checksum(arrays: Arrays) -> str:
    total = 0
    for name in sorted(arrays):
        total = zlib.crc32(name.encode(), total)
        flat = np.ascontiguousarray(arrays[name]).reshape(-1)
        total = zlib.crc32(flat.view(np.uint8).data, total)
    return str(total)


def _plain(part: Any) -> Any:
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        content = hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()
        return ["array", part.dtype.str, list(part.shape), content]
    if isinstance(part, np.generic):
        return part.item()
    if isinstance(part, Path):
        return str(part)
    raise InputError(
        f"a cache key cannot hold a {type(part).__name__}; give JSON values or arrays of numbers, "
        "texts as digest_texts(texts)"
    )
