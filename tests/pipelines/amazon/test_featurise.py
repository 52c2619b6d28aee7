"""Features of the amazon table: what they hold, and that test rows teach them nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from multimodal_study.contract import Features
from multimodal_study.pipelines.amazon.featurise import featurise
from tiny_bert import save

ROWS = 60
SUMMARY = {"source": "amazon_2018"}
SPLIT = {"digest": "0" * 64}
TASK = {"name": "stars", "decides": None}
WORDS = ("good", "bad", "tea", "is", "not", "very")


def _table(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    text = [" ".join(rng.choice(WORDS, rng.integers(2, 9))) for _ in range(ROWS)]
    rating = rng.integers(1, 6, ROWS).astype(float)
    return pd.DataFrame(
        {
            "review_id": [f"r{row}" for row in range(ROWS)],
            "reviewer_id": [f"u{row % 7}" for row in range(ROWS)],
            "product_id": [f"p{row % 12}" for row in range(ROWS)],
            "text": text,
            "split": ["train"] * 40 + ["validation"] * 10 + ["test"] * 10,
            "cluster": [f"u{row % 7}" for row in range(ROWS)],
            "target": rating.astype(int) - 1,
            "rating": rating,
            "has_product": [row % 12 < 8 for row in range(ROWS)],
            "verified": rng.integers(0, 2, ROWS).astype(float),
            "votes": rng.poisson(2, ROWS).astype(float),
            "year": rng.integers(2010, 2018, ROWS).astype(float),
            "month": rng.integers(1, 4, ROWS).astype(float),
            "days_since_first": rng.integers(0, 3000, ROWS).astype(float),
            "words": [float(len(words.split())) for words in text],
            "product_count": rng.integers(0, 9, ROWS).astype(float),
            "product_mean": rng.normal(4, 1, ROWS),
        }
    )


def _products(n: int = 8) -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            "product_id": [f"p{row}" for row in range(n)],
            "price": [None if row == 3 else 2.0 + row for row in range(n)],
            "rank": [10 * row + 1 for row in range(n)],
            "brand": [f"b{row % 3}" for row in range(n)],
            "category": ["tea" if row % 2 else "coffee" for row in range(n)],
            "main_category": ["Grocery"] * n,
        },
        schema_overrides={"price": pl.Float64},
    )


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("featurise")
    return {
        "cache": str(folder / "cache"),
        "text": {"model": str(save(folder / "bert")), "max_tokens": 32},
        "words": {"view": "tfidf", "ngram_range": [1, 2], "min_df": 2, "max_features": 50},
        "metadata": {},
        "product": True,
        "tabular": {"min_count": 2, "hash_width": 8},
    }


def _features(table: pd.DataFrame, options: dict[str, Any], **changes: Any) -> Features:
    given = {"products": _products(), "task": TASK, **changes}
    return featurise(table, given["products"], given["task"], options, SUMMARY, SPLIT)


def _dense(features: Features, name: str) -> np.ndarray[Any, Any]:
    array = features.arrays[name]
    return array if isinstance(array, np.ndarray) else array.toarray()


def test_modalities(options: dict[str, Any]) -> None:
    table = _table()
    features = _features(table, options)
    assert list(features.modalities) == ["text", "words", "metadata", "product"]
    for name, array in features.arrays.items():
        assert array.dtype == np.float32 and np.isfinite(_dense(features, name)).all()
    assert features.modalities["text"].width == 16
    assert features.modalities["words"].origin == features.modalities["text"].origin == "text"
    columns = features.modalities["metadata"].columns
    assert {"verified", "votes", "product_mean", "month_1.0"} <= set(columns)
    assert features.task.kind == "ordinal"
    assert features.provenance["split"] == SPLIT
    pd.testing.assert_series_equal(
        features.examples["review_id"], table["review_id"], check_dtype=False
    )
    assert features.examples["review"].tolist() == list(range(ROWS))


def test_each_example_points_at_its_product(options: dict[str, Any]) -> None:
    table = _table()
    features = _features(table, options)
    index = features.examples["product"].to_numpy()
    np.testing.assert_array_equal(features.present["product"][index], table["has_product"])
    columns = features.modalities["product"].columns
    assert features.arrays["product"].shape == (12, len(columns))
    assert not _dense(features, "product")[~features.present["product"]].any()
    tea = _dense(features, "product")[index, columns.index("category_tea")]
    number = table["product_id"].str[1:].astype(int)
    np.testing.assert_array_equal(tea, (number < 8) & (number % 2 == 1))
    assert "missingindicator_price" in columns
    assert not any(column.startswith("main_category") for column in columns), "says nothing"


def test_other_rows_change_nothing_in_train(options: dict[str, Any]) -> None:
    table = _table()
    changed = _table(seed=1)
    changed.loc[:39] = table.loc[:39]
    changed.loc[40:, "text"] = "good unheard words that are in no training review"
    changed.loc[40:, "votes"] = 1e6
    changed.loc[40:, "year"] = np.nan
    changed.loc[40:, "month"] = 12.0
    changed.loc[40:, "product_id"] = "p99"
    strange = _products().collect()
    far = strange.head(1).with_columns(product_id=pl.lit("p99"), price=pl.lit(1e9))
    before = _features(table, options)
    after = _features(changed, options, products=pl.concat([strange, far]).lazy())
    assert before.modalities.keys() == after.modalities.keys()
    rows = before.rows("train")
    for name, modality in before.modalities.items():
        assert modality.columns == after.modalities[name].columns
        place = [side.examples[modality.entity].to_numpy()[rows] for side in (before, after)]
        np.testing.assert_allclose(
            _dense(before, name)[place[0]], _dense(after, name)[place[1]], atol=1e-6
        )


@pytest.mark.parametrize("products", [_products(0), _products().filter(pl.col("price") < 0)])
def test_without_described_products(options: dict[str, Any], products: pl.LazyFrame) -> None:
    features = _features(_table(), options, products=products)
    assert "product" not in features.modalities and "product" not in features.examples


def test_products_of_test_reviews_alone_do_not_make_a_modality(options: dict[str, Any]) -> None:
    table = _table()
    table.loc[:39, "product_id"] = "nobody"
    assert "product" not in _features(table, options).modalities


def test_products_as_pandas_and_missing_ids(options: dict[str, Any]) -> None:
    table = _table()
    table.loc[:3, "product_id"] = None
    features = _features(table, options, products=_products().collect().to_pandas())
    assert not features.present["product"][features.examples["product"].to_numpy()[:4]].any()


def test_groups_and_views_can_be_switched_off(options: dict[str, Any]) -> None:
    groups = {"verified": False, "votes": True, "time": False, "history": False}
    some = _features(
        _table(),
        {**options, "metadata": {**groups, "text_statistics": False}, "product": False},
    )
    assert some.modalities["metadata"].columns == ("votes",)
    assert "product" not in some.modalities
    alone = _features(_table(), {**options, "text": None, "metadata": dict.fromkeys(groups, False)})
    assert "text" not in alone.modalities
    assert alone.modalities["metadata"].columns == ("words",)
    none = {**options, "text": None, "words": None, "product": False}
    with pytest.raises(ValueError, match="leaves no modality"):
        _features(
            _table().drop(columns=["words"]), {**none, "metadata": dict.fromkeys(groups, False)}
        )


def test_counts(options: dict[str, Any]) -> None:
    words = _features(_table(), {**options, "words": {"view": "counts"}})
    array = _dense(words, "words")
    np.testing.assert_array_equal(array, array.round())


@pytest.mark.parametrize(
    "change",
    [
        {"txt": {}},
        {"text": {"max_token": 3}},
        {"words": {"ngrams": 2}},
        {"metadata": {"summary": True}},
        {"tabular": {"scale": 1}},
    ],
)
def test_unknown_options_are_refused(options: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected some of"):
        _features(_table(), {**options, **change})


def test_importing_stays_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, multimodal_study.pipelines.amazon.featurise; "
        "heavy = {'torch', 'sklearn', 'transformers', 'polars', 'pandas', 'onnxruntime'}; "
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    path = str(Path(__file__).parents[3] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
