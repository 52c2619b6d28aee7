"""Lines of a large text file, gzipped or plain, as Arrow batches with line numbers.

A line is never lost in silence: what cannot be read comes out as a row with a ``fault``. Memory is
bounded by a few blocks of ``BLOCK`` bytes, whatever the size of the file.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

BLOCK = 32 * 2**20
"""Most bytes of text in one block."""
COMPRESSED = 8 * 2**20
"""Compressed bytes read at once."""
LONGEST_LINE = 64 * 2**20
"""A longer line stops the run: such a file is not one object per line."""
EXCERPT = 200
"""Characters of a bad line that are kept."""
MORSEL = 4096
"""Rows per Arrow record batch: the unit that DuckDB's threads share out."""

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class CutShortError(Exception):
    """The rest of a compressed file cannot be read; ``reason`` is a quarantine code."""

    def __init__(self, reason: str) -> None:
        """Keep the quarantine code."""
        super().__init__(reason)
        self.reason = reason


def line_batches(path: Path) -> Iterator[pa.Table]:
    """Yield the lines of ``path`` in order.

    Each table has the columns ``line`` (string, with its line end), ``source_line`` (int64, from 1)
    and ``fault`` (string, null for a good line). Decompression runs one block ahead in a thread.

    Raises:
        ValueError: The file is empty, is not text, or has a line longer than ``LONGEST_LINE``.
    """
    blocks = _blocks(path)
    carry, line = b"", 1
    with ThreadPoolExecutor(1) as ahead:
        future = ahead.submit(next, blocks, None)
        while True:
            try:
                block = future.result()
            except CutShortError as cut:
                yield _faulty(carry, line, cut.reason)
                return
            if block is None:
                break
            future = ahead.submit(next, blocks, None)
            head, newline, tail = block.rpartition(b"\n")
            if newline:
                table = _table(carry + head + newline, line)
                line += table.num_rows
                carry = tail
                yield table
            else:
                carry += block
            if len(carry) > LONGEST_LINE:
                raise InputError(
                    f"{path}: line {line} is longer than {LONGEST_LINE} bytes; expected one JSON "
                    "object per line (a file that is one JSON list must be split into lines)"
                )
    if carry:
        yield _table(carry + b"\n", line)


def _blocks(path: Path) -> Iterator[bytes]:
    """Blocks of decoded bytes; raises CutShortError where a compressed file breaks off."""
    with path.open("rb") as file:
        start = file.read(512)
        if not start:
            raise InputError(f"{path} is empty (0 bytes); download it again")
        file.seek(0)
        if start.startswith(_GZIP):
            blocks = _gunzip(file, path)
        else:
            _refuse_unless_json(start, path)
            blocks = iter(lambda: file.read(BLOCK), b"")
        for number, block in enumerate(blocks):
            yield block.removeprefix(_BYTE_ORDER_MARK) if number == 0 else block


def _refuse_unless_json(start: bytes, path: Path) -> None:
    """Stop at a page or archive that was saved under the name of a data file."""
    text = start.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if path.suffix == ".gz" and not text.startswith(b"{"):
        raise InputError(
            f"{path} is named .gz but is not gzip; it starts with {start[:40]!r}: probably an "
            "error page saved by the browser; download it again"
        )
    if path.suffix == ".gz":
        logger.warning("%s is named .gz but holds plain text; read as such", path)


def _gunzip(file: Any, path: Path) -> Iterator[bytes]:
    """Decompress every member of a gzip file, keeping all that stands before a fault."""
    unpacker = zlib.decompressobj(wbits=31)
    data = file.read(COMPRESSED)
    while data:
        checkpoint = unpacker.copy()
        try:
            block = unpacker.decompress(data, BLOCK)
        except zlib.error:
            yield from _salvage(checkpoint, data)
            raise CutShortError("corrupt_gzip") from None
        if block:
            yield block
        data = unpacker.unconsumed_tail
        if unpacker.eof:
            data = unpacker.unused_data.lstrip(b"\0") or file.read(COMPRESSED).lstrip(b"\0")
            if not data:
                return
            unpacker = zlib.decompressobj(wbits=31)
        elif not data:
            data = file.read(COMPRESSED)
    logger.warning("%s breaks off before its end", path)
    raise CutShortError("truncated_gzip")


def _salvage(unpacker: Any, data: bytes) -> Iterator[bytes]:
    """What can still be decompressed of a block that holds a fault."""
    step = 1024
    for start in range(0, len(data), step):
        try:
            yield unpacker.decompress(data[start : start + step])
        except zlib.error:
            return


def _table(text: bytes, first: int) -> pa.Table:
    """Lines of ``text``, which ends in a line end, numbered from ``first``; nothing is copied."""
    import pyarrow as pa

    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")) + 1
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    count = len(ends)
    lines: Any = pa.Array.from_buffers(
        pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    )
    faults: Any = pa.nulls(count, pa.string())
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        lines, faults = _decode_each(text)
    return _in_morsels(lines, np.arange(first, first + count, dtype=np.int64), faults)


def _decode_each(text: bytes) -> tuple[pa.Array, pa.Array]:
    """Slow path for a block with bytes that are not UTF-8: finds the lines at fault."""
    import pyarrow as pa

    lines, faults = [], []
    for piece in text.split(b"\n")[:-1]:
        line = piece + b"\n"
        decoded = line.decode("utf-8", errors="replace")
        lines.append(decoded)
        faults.append("not_utf8" if "\ufffd" in decoded and not _is_utf8(line) else None)
    return pa.array(lines, pa.string()), pa.array(faults, pa.string())


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _faulty(rest: bytes, line: int, reason: str) -> pa.Table:
    """One row that stands for everything lost from ``line`` on."""
    import pyarrow as pa

    excerpt = rest[: 4 * EXCERPT].decode("utf-8", errors="replace")
    found = f"last good line {line - 1}; then {excerpt}"[:EXCERPT]
    return _in_morsels(pa.array([found]), np.array([line], dtype=np.int64), pa.array([reason]))


def _in_morsels(lines: Any, numbers: np.ndarray[Any, Any], faults: Any) -> pa.Table:
    import pyarrow as pa

    whole = pa.table({"line": lines, "source_line": pa.array(numbers), "fault": faults})
    return pa.Table.from_batches(whole.to_batches(max_chunksize=MORSEL), schema=whole.schema)
