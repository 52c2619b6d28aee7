"""Parquet parts that ingest writes on its way: bounded memory for any number of rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import polars as pl

FOLDER = "amazon_ingest"
KINDS = ("reviews", "meta", "quarantine")


class Scratch:
    """Folder of parts, one file per batch and kind; emptied when the next ingest begins."""

    def __init__(self, parent: str) -> None:
        """Empty ``<parent>/amazon_ingest``; nothing else in ``parent`` is touched."""
        self.root = Path(parent).absolute() / FOLDER
        shutil.rmtree(self.root, ignore_errors=True)
        for kind in (*KINDS, "spill"):
            (self.root / kind).mkdir(parents=True)

    def write(self, kind: str, number: int, frame: pl.DataFrame) -> None:
        """Write one part; an empty one leaves no file."""
        if frame.height:
            frame.write_parquet(self.root / kind / f"{number:08d}.parquet", compression="lz4")

    def parts(self, kind: str) -> list[Path]:
        """The parts of ``kind``, in the order of their numbers."""
        return sorted((self.root / kind).glob("*.parquet"))

    def table(
        self, kind: str, columns: dict[str, pl.DataType], dropped: pl.DataFrame | None = None
    ) -> pl.LazyFrame:
        """All parts of ``kind`` as one lazy table without the rows ``dropped``, in order."""
        import polars as pl

        parts = self.parts(kind)
        if not parts:
            return pl.LazyFrame(schema=columns)
        table = pl.scan_parquet(parts)
        if dropped is not None and dropped.height:
            table = table.join(
                dropped.lazy().select("row"), on="row", how="anti", maintain_order="left"
            )
        return table.select(list(columns))

    def connect(self, memory: str) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection that spills into this folder beyond ``memory`` (for example 2GB)."""
        import duckdb

        settings: dict[str, Any] = {
            "memory_limit": memory,
            "temp_directory": str(self.root / "spill"),
        }
        return duckdb.connect(":memory:", config=settings)
