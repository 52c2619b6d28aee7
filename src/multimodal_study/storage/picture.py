"""Figures in the catalogue that a page can read back: Kedro's own dataset only writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro_datasets.matplotlib import MatplotlibDataset


class PictureDataset(MatplotlibDataset):  # type: ignore[misc]
    """Saves a matplotlib figure, or several by name, and loads the bytes of the files.

    Bytes, and pictures of Pillow, are written as they are. Kedro-Viz shows the preview.
    """

    def save(self, data: Any) -> None:
        """Write the figure, or the folder of figures."""
        if isinstance(data, bytes):
            with self._fs.open(str(self._get_save_path()), mode="wb") as file:
                file.write(data)
            return
        if hasattr(data, "save") and not hasattr(data, "savefig"):
            import io

            stream = io.BytesIO()
            data.save(stream, format="PNG")
            self.save(stream.getvalue())
            return
        super().save(data)

    def load(self) -> Any:
        """Bytes of the file; of a folder, by the names of its files."""
        path = Path(str(self._get_load_path()))
        if path.is_dir():
            return {one.name: one.read_bytes() for one in sorted(path.iterdir()) if one.is_file()}
        return path.read_bytes()
