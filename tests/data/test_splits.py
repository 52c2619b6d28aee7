from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimodal_study.data.splits import COLUMNS, assign, digest, hashes

FRACTIONS = {"validation": 0.1, "test": 0.1}
GROUPED = ("random", "reviewer", "product", "temporal")


def table(rows: int, groups: int, seed: int = 0, texts: int | None = None) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    ids = generator.integers(0, groups, rows)
    ids[:groups] = np.arange(groups)
    text = np.arange(rows) if texts is None else generator.integers(0, texts, rows)
    return pd.DataFrame(
        {
            "review_id": [f"r{n}" for n in range(rows)],
            "text_key": [f"t{n}" for n in text],
            "reviewer_id": [f"u{n}" for n in ids],
            "product_id": [f"p{n}" for n in ids],
            "time": ids * 1000,
            "official_split": np.where(generator.random(rows) < 0.2, "test", "train"),
            "label": np.where(generator.random(rows) < 0.7, "great", "other"),
        }
    )


def straddling(keys: pd.Series[Any], split: pd.Series[Any]) -> int:
    sides = pd.DataFrame({"key": keys, "split": split.astype("object")}).dropna()
    return int((sides.groupby("key")["split"].nunique() > 1).sum())


@settings(max_examples=40)
@given(
    rows=st.integers(60, 400),
    groups=st.integers(20, 60),
    seed=st.integers(0, 2**32),
    strategy=st.sampled_from(GROUPED),
    repeated=st.booleans(),
)
def test_no_group_and_no_text_straddles(
    rows: int, groups: int, seed: int, strategy: str, repeated: bool
) -> None:
    keys = table(rows, groups, seed, rows * 3 if repeated else None)
    split = assign(keys, strategy=strategy, fractions=FRACTIONS, seed=seed)
    assert straddling(keys[COLUMNS[strategy]], split) == 0
    assert straddling(keys["text_key"], split) == 0
    if not repeated:
        assert split.notna().all()
        largest = keys[COLUMNS[strategy]].value_counts().max()
        for name, share in FRACTIONS.items():
            assert abs((split == name).sum() - share * rows) <= 2 * largest


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), strategy=st.sampled_from(tuple(COLUMNS)))
def test_the_order_of_the_rows_does_not_matter(seed: int, strategy: str) -> None:
    keys = table(200, 40, seed, 150)
    split = assign(keys, strategy=strategy, fractions=FRACTIONS, seed=seed)
    shuffled = keys.sample(frac=1.0, random_state=1)
    again = assign(shuffled, strategy=strategy, fractions=FRACTIONS, seed=seed)
    pd.testing.assert_series_equal(again.sort_index(), split)
    test = split == "test"
    assert digest(keys.loc[test, "review_id"]) == digest(shuffled.loc[again == "test", "review_id"])


def test_the_seed_matters_and_is_kept() -> None:
    keys = table(500, 100)
    one, same, other = (
        assign(keys, strategy="reviewer", fractions=FRACTIONS, seed=seed) for seed in (1, 1, 2)
    )
    assert one.equals(same) and not one.equals(other)


def test_a_published_split_stays_as_it_was() -> None:
    keys = table(300, 60)
    split = assign(keys, strategy="reviewer", fractions=FRACTIONS, seed=42)
    assert list(hashes(pd.Series(["a", "b"]), 42)) == [1210154352185274294, 16845669352945590215]
    assert digest(keys.loc[split == "test", "review_id"]) == (
        "a650182a34e3696a88d28baeb2b9fcf0387a73a9f475d5b3e846f5fffa8e73c2"
    )


def test_temporal_puts_the_latest_into_test() -> None:
    keys = table(400, 50)
    split = assign(keys, strategy="temporal", fractions=FRACTIONS, seed=0)
    times = {name: keys.loc[split == name, "time"] for name in ("train", "validation", "test")}
    assert times["train"].max() < times["validation"].min()
    assert times["validation"].max() < times["test"].min()


def test_official_keeps_test_and_stratifies_validation() -> None:
    keys = table(4000, 10)
    split = assign(keys, strategy="official", fractions={"validation": 0.1}, seed=3)
    given_test = keys["official_split"] == "test"
    assert (split[given_test] == "test").all()
    assert not (split[~given_test] == "test").any()
    train = keys[~given_test]
    shares = [
        (train.loc[split[~given_test] == name, "label"] == "great").mean()
        for name in ("train", "validation")
    ]
    assert abs(shares[0] - shares[1]) < 0.005
    assert abs((split == "validation").sum() - 0.1 * len(train)) <= 2


def test_official_train_rows_with_a_text_of_test_are_dropped() -> None:
    keys = table(60, 10)
    keys.loc[0, "official_split"], keys.loc[1, "official_split"] = "train", "test"
    keys.loc[[0, 1], "text_key"] = "same"
    split = assign(keys, strategy="official", fractions=FRACTIONS, seed=3)
    assert pd.isna(split[0]) and split[1] == "test"


def test_official_validation_of_the_source_is_kept() -> None:
    keys = table(60, 10)
    keys.loc[:9, "official_split"] = "validation"
    split = assign(keys, strategy="official", fractions=FRACTIONS, seed=3)
    assert set(keys.index[split == "validation"]) == set(range(10))
    keys.loc[0, "official_split"] = "dev"
    with pytest.raises(ValueError, match="'dev'"):
        assign(keys, strategy="official", fractions=FRACTIONS, seed=3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "magic"}, "split.strategy is 'magic'"),
        ({"fractions": {"validation": 0.6, "test": 0.5}}, "sum below 1"),
        ({"fractions": {"validation": 0.1}}, "split.fractions"),
        ({"keys": table(50, 2)}, "2 groups of 'reviewer_id'"),
        ({"keys": table(50, 9).drop(columns="reviewer_id")}, "50 of 50 rows lack"),
        ({"keys": table(50, 9).assign(reviewer_id=None)}, "50 of 50 rows lack"),
        ({"keys": table(50, 9).iloc[:0]}, "no rows"),
        ({"keys": table(50, 9).assign(text_key="same")}, r"leaves \['train', 'validation'\] empty"),
    ],
)
def test_what_cannot_be_split_says_why(changes: dict[str, Any], message: str) -> None:
    arguments = {
        "keys": table(50, 9),
        "strategy": "reviewer",
        "fractions": FRACTIONS,
        "seed": 1,
    } | changes
    keys = arguments.pop("keys")
    with pytest.raises(ValueError, match=message):
        assign(keys, **arguments)


def test_digest_is_that_of_the_sorted_lines() -> None:
    expected = hashlib.sha256(b"a\nb\nc\n").hexdigest()
    assert digest(["c", "a", "b"]) == digest(pd.Series(["b", "c", "a"])) == expected
    assert digest([]) == hashlib.sha256(b"").hexdigest()
