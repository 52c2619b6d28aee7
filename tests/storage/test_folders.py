"""Folders of pages, pictures that can be read back, and files that may not be there."""

from __future__ import annotations

from pathlib import Path

import pytest
from kedro.io import DatasetError
from matplotlib.figure import Figure
from PIL import Image

from multimodal_study.storage.by_folder import ByFolderDataset
from multimodal_study.storage.folder import FolderDataset
from multimodal_study.storage.picture import PictureDataset

PNG = b"\x89PNG"


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    dataset = FolderDataset(filepath=str(tmp_path / "pages"))
    dataset.save({"a.html": "old", "inner/b.bin": b"\x00"})
    assert dataset.load() == {"a.html": b"old", "inner/b.bin": b"\x00"}
    dataset.save({"c.html": "new"})
    assert dataset.load() == {"c.html": b"new"}
    for name in ("../out", "/out", ""):
        with pytest.raises(DatasetError, match="leaves its folder"):
            dataset.save({name: "x"})
    assert dataset.load() == {"c.html": b"new"}


def test_a_picture_is_read_back(tmp_path: Path) -> None:
    dataset = PictureDataset(filepath=str(tmp_path / "one.png"))
    for picture in (Figure(figsize=(1, 1)), Image.new("RGB", (2, 2))):
        dataset.save(picture)
        assert dataset.load().startswith(PNG)
        assert dataset.preview()
    dataset.save(b"bytes")
    assert dataset.load() == b"bytes"
    several = PictureDataset(filepath=str(tmp_path / "several"))
    several.save({"a.png": Figure(figsize=(1, 1))})
    assert several.load()["a.png"].startswith(PNG)


def test_files_by_folder_are_optional(tmp_path: Path) -> None:
    dataset = ByFolderDataset(
        path=str(tmp_path / "reports"), file="one.json", dataset={"type": "json.JSONDataset"}
    )
    assert dataset.load() == {}
    (tmp_path / "reports/a/b").mkdir(parents=True)
    (tmp_path / "reports/a/b/one.json").write_text('{"x": 1}')
    (tmp_path / "reports/a/other.json").write_text("{}")
    found = dataset.load()
    assert list(found) == ["a/b"]
    assert found["a/b"]() == {"x": 1}
    with pytest.raises(DatasetError, match="read here"):
        dataset.save({})
