"""A file is whole or not there, whatever happens to the writer."""

import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets_experimental.safetensors import SafetensorsDataset

from multimodal_study.storage import write_aside
from multimodal_study.storage.write_aside import WriteAsideFileSystem

write_aside.install()


@pytest.mark.parametrize(
    ("dataset", "value"),
    [
        (JSONDataset, {"a": 1}),
        (CSVDataset, pd.DataFrame({"a": [1, 2]})),
        (ParquetDataset, pd.DataFrame({"a": [1, 2]})),
        (SafetensorsDataset, {"a": np.ones(3)}),
    ],
)
def test_kedro_datasets_write_through_it(tmp_path: Path, dataset: type, value: object) -> None:
    path = tmp_path / "new" / "file"
    stored = dataset(filepath=str(path))
    assert isinstance(stored._fs, WriteAsideFileSystem)
    stored.save(value)
    stored.save(value)
    assert [item.name for item in path.parent.iterdir()] == ["file"]
    assert str(stored.load()) == str(value)


def test_an_error_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=str(tmp_path / "x.json"))
    dataset.save({"a": 1})
    with pytest.raises(DatasetError):
        dataset.save({"a": 2, "b": object()})
    assert dataset.load() == {"a": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["x.json"]


def test_binary_writes_are_discarded_on_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    with pytest.raises(RuntimeError), fsspec.filesystem("file").open(str(path), "wb") as file:
        file.write(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_no_file_under_the_name(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    script = (
        "import os, fsspec\n"
        "from multimodal_study.storage import write_aside\n"
        "write_aside.install()\n"
        f"file = fsspec.open({str(path)!r}, 'wb').open()\n"
        "file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert not path.exists()


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for text in ("old", "new"):
        with write_aside.write_aside(target) as partial:
            partial.mkdir()
            (partial / text).write_text(text)
    assert [item.name for item in target.iterdir()] == ["new"]
    with pytest.raises(RuntimeError), write_aside.write_aside(target) as partial:
        partial.mkdir()
        raise RuntimeError
    assert [item.name for item in tmp_path.iterdir()] == ["folder"]


def test_reading_and_appending_are_untouched(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("a")
    with fsspec.open(str(path), "ab") as file:
        file.write(b"b")
    with fsspec.open(str(path), "rt", encoding="utf-8") as file:
        assert file.read() == "ab"
