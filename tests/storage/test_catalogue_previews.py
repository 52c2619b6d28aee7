"""What Kedro-Viz shows of the catalogue: a layer for what is on disk, previews of what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.io import AbstractDataset

ROOT = Path(__file__).parents[2]
LAYERS = ("raw", "intermediate", "primary", "feature", "models", "model output", "reporting")
FOLDERS = dict(
    zip(
        ("01_raw", "02_intermediate", "03_primary", "04_feature", "06_models", "07_model_output"),
        LAYERS,
        strict=False,
    )
) | {"08_reporting": "reporting"}
UNSEEN = ("SafetensorsDataset", "SecretDataset", "MemoryDataset")
"""Arrays and what is never shown."""
WHOLE = ("FolderDataset", "ByFolderDataset", "PartitionedDataset", "TextDataset")
"""Pages and folders, which a browser shows better."""


def entries() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path in (ROOT / "conf/base").glob("catalog*.yml"):
        found |= yaml.safe_load(path.read_text())
    return found


@pytest.mark.parametrize("name", list(entries()))
def test_every_entry_has_the_layer_of_its_folder_and_a_preview(name: str) -> None:
    entry = entries()[name]
    kind = entry["type"].rpartition(".")[2]
    if kind in {"SecretDataset", "MemoryDataset"}:
        return
    path = entry.get("filepath") or entry["path"]
    assert entry["metadata"]["kedro-viz"]["layer"] == FOLDERS[path.split("/")[1]]
    if kind in UNSEEN or kind in WHOLE:
        return
    used = {key: value for key, value in entry.items() if key != "credentials"}
    dataset = AbstractDataset.from_config(name, used)
    assert callable(getattr(dataset, "preview", None)), kind
    if kind in {"CSVDataset", "ParquetDataset", "ParquetTableDataset"}:
        assert entry["metadata"]["kedro-viz"]["preview_args"]["nrows"] > 0
