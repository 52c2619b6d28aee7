"""Columns are scaled and encoded by what the training rows say, and by nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from multimodal_study.encoders.tabular import fit_tabular

TRAIN = 40
COLUMNS: dict[str, Any] = {
    "numeric": ["age", "votes", "gap"],
    "log": ["votes"],
    "categorical": ["colour"],
    "hashed": ["brand"],
    "min_count": 5,
    "hash_width": 8,
}


def _table(n: int = TRAIN, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(5, 2, n),
            "votes": rng.poisson(3, n).astype(float),
            "gap": np.where(np.arange(n) % 4 == 0, np.nan, rng.normal(size=n)),
            "colour": rng.choice(["red", "blue", "rare"], n, p=[0.6, 0.36, 0.04]),
            "brand": rng.choice([f"b{i}" for i in range(30)], n),
            "same": 1.0,
        }
    )


def test_values() -> None:
    table = _table()
    values, names = fit_tabular(table, np.ones(TRAIN, dtype=bool), **COLUMNS)
    column = dict(zip(names, values.T, strict=True))
    assert values.dtype == np.float32 and np.isfinite(values).all()
    for name, raw in (("age", table["age"]), ("votes", np.log1p(table["votes"]))):
        np.testing.assert_allclose(column[name], (raw - raw.mean()) / raw.std(ddof=0), atol=1e-5)
    np.testing.assert_array_equal(column["missingindicator_gap"], table["gap"].isna())
    assert not column["gap"][table["gap"].isna()].any()
    np.testing.assert_array_equal(column["colour_red"], table["colour"] == "red")
    assert "missingindicator_age" not in names
    hashes = values[:, [name.startswith("brand#") for name in names]]
    assert hashes.shape == (TRAIN, 8) and (hashes.sum(axis=1) == 1).all()


def test_rare_unknown_and_missing_levels() -> None:
    table = pd.DataFrame({"c": ["a"] * 5 + ["b"] * 5 + ["x", "y", "new", None]})
    values, names = fit_tabular(table, np.arange(14) < 12, categorical=["c"], min_count=3)
    assert names == ("c_a", "c_b", "c_infrequent_sklearn")
    assert (values.argmax(axis=1)[10:] == 2).all() and (values.sum(axis=1) == 1).all()


@given(
    arrays(np.float64, (5, 3), elements=st.floats(-1e9, 1e9) | st.just(np.nan)),
    st.lists(st.sampled_from(["red", "new", None]), min_size=5, max_size=5),
)
def test_other_rows_change_nothing_in_train(
    numbers: np.ndarray[Any, Any], levels: list[str | None]
) -> None:
    train = _table()
    other = _table(5, seed=1)
    other[["age", "votes", "gap"]] = np.abs(numbers)
    other["colour"] = other["brand"] = levels
    both = pd.concat([train, other], ignore_index=True)
    alone, names = fit_tabular(train, np.ones(TRAIN, dtype=bool), **COLUMNS)
    beside, same = fit_tabular(both, np.arange(TRAIN + 5) < TRAIN, **COLUMNS)
    assert names == same
    np.testing.assert_array_equal(alone, beside[:TRAIN])
    assert np.isfinite(beside).all() and np.abs(beside).max() <= 10


def test_columns_with_one_value_are_left_out() -> None:
    table = _table().assign(none=np.nan, level="a")
    values, names = fit_tabular(
        table, np.ones(TRAIN, dtype=bool), numeric=["same", "none"], categorical=["level"]
    )
    assert names == () and values.shape == (TRAIN, 0)


def test_infinity_is_missing() -> None:
    table = pd.DataFrame({"a": [1.0, np.inf, 3.0, -np.inf]})
    values, names = fit_tabular(table, np.ones(4, dtype=bool), numeric=["a"])
    assert names == ("a", "missingindicator_a")
    assert values[:, 1].tolist() == [0, 1, 0, 1]


def test_booleans_and_nullable_numbers() -> None:
    table = pd.DataFrame(
        {"flag": pd.array([True, False, None, True], dtype="boolean"), "plain": [True, False] * 2}
    )
    values, names = fit_tabular(table, np.ones(4, dtype=bool), numeric=["flag", "plain"])
    assert names == ("flag", "plain", "missingindicator_flag")
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_count": 0}, "tabular.min_count is 0"),
        ({"max_levels": 1}, "tabular.max_levels is 1"),
        ({"hash_width": 0}, "tabular.hash_width is 0"),
        ({"clip": 0.5}, "tabular.clip is 0.5"),
        ({"numeric": ["nobody"]}, "nobody"),
        ({"categorical": ["age"]}, "more than one role"),
        ({"log": ["age"]}, "below 0"),
    ],
)
def test_out_of_range(change: dict[str, Any], message: str) -> None:
    table = _table().assign(age=-1.0)
    with pytest.raises(ValueError, match=message):
        fit_tabular(table, np.ones(TRAIN, dtype=bool), **{**COLUMNS, **change})


def test_no_training_rows() -> None:
    with pytest.raises(ValueError, match="there are none"):
        fit_tabular(_table(), np.zeros(TRAIN, dtype=bool), numeric=["age"])
