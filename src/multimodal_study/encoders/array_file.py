"""A safetensors file that is filled piece by piece: it may be larger than memory."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from multimodal_study.storage.write_aside import write_aside

Arrays = dict[str, np.ndarray[Any, Any]]
Layout = Mapping[str, tuple[tuple[int, ...], Any]]
"""Name to shape and dtype."""
_CODES = {"float32": "F32", "float16": "F16", "uint8": "U8", "int64": "I64"}
_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 8
_ROOM = 256
"""Bytes kept for the metadata, which are known only at the end."""


@contextmanager
def create_arrays(
    path: Path, layout: Layout, metadata: Callable[[Arrays], dict[str, str]]
) -> Iterator[Arrays]:
    """Yield zeroed, memory-mapped arrays; on a clean end they are the file ``path``.

    The format is that of https://github.com/huggingface/safetensors: the header's length, a JSON
    header, which spaces may end, and the arrays without gaps.

    Args:
        path: Appears only when the block ends well.
        layout: The arrays; none may be empty.
        metadata: Called with the filled arrays, at most ``_ROOM`` bytes as JSON.
    """
    entries: dict[str, dict[str, Any]] = {}
    end = 0
    for name, (shape, dtype) in layout.items():
        start, end = end, end + int(np.prod(shape)) * np.dtype(dtype).itemsize
        code = _CODES[np.dtype(dtype).name]
        entries[name] = {"dtype": code, "shape": list(shape), "data_offsets": [start, end]}
    room = len(json.dumps(entries)) + _ROOM
    room += -room % _ALIGNMENT
    with write_aside(path) as partial:
        with partial.open("wb") as file:
            file.truncate(_LENGTH.size + room + end)
        arrays: dict[str, np.memmap[Any, Any]] = {
            name: np.memmap(
                partial,
                dtype,
                "r+",
                _LENGTH.size + room + entries[name]["data_offsets"][0],
                shape,
            )
            for name, (shape, dtype) in layout.items()
        }
        yield dict(arrays)
        header = json.dumps({"__metadata__": metadata(dict(arrays)), **entries}).encode()
        for array in arrays.values():
            array.flush()
        with partial.open("r+b") as file:
            file.write(_LENGTH.pack(room) + header.ljust(room))
