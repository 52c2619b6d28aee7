"""Tables that may be larger than memory: Polars lazy frames on Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset
from kedro_datasets._typing import TablePreview

from multimodal_study.storage.write_aside import write_aside

if TYPE_CHECKING:
    import polars as pl


class ParquetTableDataset(AbstractDataset["pl.LazyFrame | pl.DataFrame", "pl.LazyFrame"]):
    """Streams a lazy frame to one Parquet file and loads it lazily.

    ``kedro_datasets.polars.LazyPolarsDataset`` collects the frame in memory before it writes;
    this one streams it, which is what five million reviews need.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Keep the path; nothing is opened until the table is loaded or saved."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> pl.LazyFrame:
        """The table as a lazy frame; raises FileNotFoundError where it was never saved."""
        import polars as pl

        if not self._filepath.is_file():
            raise FileNotFoundError(f"{self._filepath} does not exist; run the node that makes it")
        return pl.scan_parquet(self._filepath)

    def save(self, data: pl.LazyFrame | pl.DataFrame) -> None:
        """Stream ``data`` to the file, whole or not at all."""
        with write_aside(self._filepath) as partial:
            data.lazy().sink_parquet(partial, compression="zstd")

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows for Kedro-Viz."""
        head = self.load().head(nrows).collect()
        return TablePreview(
            {
                "index": list(range(head.height)),
                "columns": head.columns,
                "data": [[_plain(value) for value in row] for row in head.rows()],
            }
        )

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
