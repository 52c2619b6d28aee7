"""Our own datasets give back what they were given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from kedro.io import DatasetError

from multimodal_study.contract import Features, Modality
from multimodal_study.storage.features import FeaturesDataset
from multimodal_study.storage.parquet_table import ParquetTableDataset


@pytest.mark.parametrize("kind", ["binary", "ordinal", "regression"])
def test_features_survive(tiny_features: Any, tmp_path: Path, kind: str) -> None:
    features = tiny_features(kind, missing="metadata")
    dataset = FeaturesDataset(filepath=str(tmp_path / "features"))
    assert not dataset.exists()
    dataset.save(features)
    dataset.save(features)
    loaded = dataset.load()
    assert loaded.description() == features.description()
    pd.testing.assert_frame_equal(loaded.examples, features.examples)
    for name in features.modalities:
        np.testing.assert_array_equal(loaded.present[name], features.present[name])
    np.testing.assert_array_equal(loaded.arrays["text"], features.arrays["text"])
    assert (loaded.arrays["words"] != features.arrays["words"]).nnz == 0
    assert '"words"' in str(dataset.preview())


def test_sequences_and_pairs_survive(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    n = len(features.arrays["text"])
    modality = Modality("tokens", "review", "tokens", 2, "text", "normal", "test")
    features = Features(
        {**features.arrays, "tokens": np.ones((n, 3, 2), np.float16)},
        {**features.present, "tokens": np.ones(n, bool)},
        features.examples.assign(text_key="a", metadata_key="b"),
        {**features.modalities, "tokens": modality},
        features.task,
        lengths={"tokens": np.arange(n) % 3 + 1},
        pair=("text", "metadata"),
    )
    dataset = FeaturesDataset(filepath=str(tmp_path / "features"))
    dataset.save(features)
    loaded = dataset.load()
    assert loaded.pair == features.pair
    assert loaded.arrays["tokens"].dtype == np.float16
    np.testing.assert_array_equal(loaded.lengths["tokens"], features.lengths["tokens"])


def test_features_that_were_never_saved_say_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="run the data pipeline"):
        FeaturesDataset(filepath=str(tmp_path / "features")).load()


def test_a_lazy_table_survives_and_previews(tmp_path: Path) -> None:
    dataset = ParquetTableDataset(filepath=str(tmp_path / "deep" / "table.parquet"))
    with pytest.raises(DatasetError, match="does not exist"):
        dataset.load()
    table = pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [[1], [], [2, 3]]})
    dataset.save(table.lazy().filter(pl.col("a") > 1))
    assert dataset.load().collect().equals(table.filter(pl.col("a") > 1))
    preview = dataset.preview(1)
    assert preview["columns"] == ["a", "b", "c"]
    assert preview["data"] == [[2, None, "[]"]]
    assert [item.name for item in (tmp_path / "deep").iterdir()] == ["table.parquet"]
