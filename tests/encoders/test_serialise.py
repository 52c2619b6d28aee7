"""Metadata as words: what is there is written, what is missing is not, in every row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.encoders.serialise import FIELDS, fields_of, serialise

TABLE = pd.DataFrame(
    {
        "text": ["Good tea", "Bad tea", None],
        "verified": [1.0, 0.0, np.nan],
        "votes": [3.0, np.nan, np.nan],
        "helpful_ratio": [0.254, np.nan, np.nan],
        "year": [2012.0, 2013.0, np.nan],
        "product_mean": [4.25, np.nan, np.nan],
        "brand": ["A. B: C", None, None],
        "product_id": ["P1", "P2", "P3"],
    }
)


def test_every_style_and_missing_values() -> None:
    fields = ["verified", "votes", "helpful_ratio", "year", "product_mean", "brand"]
    assert serialise(TABLE, fields) == [
        "verified: yes. votes: 3. found helpful: 25 percent. year: 2012. product mean: 4.2. "
        "brand: A B C. review: Good tea",
        "verified: no. year: 2013. review: Bad tea",
        "",
    ]


def test_without_fields_the_text_alone() -> None:
    assert serialise(TABLE, []) == ["Good tea", "Bad tea", ""]
    assert serialise(TABLE.iloc[:0], ["votes"]) == []


def test_null_takes_what_the_source_has_and_no_identifier() -> None:
    found = fields_of(TABLE, None)
    assert found == ["verified", "votes", "helpful_ratio", "year", "brand", "product_mean"]
    assert fields_of(TABLE[["text", "product_id"]], None) == []
    assert fields_of(TABLE, ["votes"]) == ["votes"]
    assert not any(name.endswith("_id") for name in FIELDS)


@pytest.mark.parametrize(
    ("fields", "text", "message"),
    [
        (["product_id"], "text", "product_id.*expected some of"),
        (["price"], "text", "no .'price'"),
        ([], "body", "no .'body'"),
    ],
)
def test_what_cannot_be_written_is_refused(fields: list[str], text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        serialise(TABLE, fields, text)


@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.none() | st.integers(0, 10**6)), min_size=1, max_size=8
    )
)
def test_property_text_is_kept_whole_and_order_is_kept(rows: list[tuple[str, int | None]]) -> None:
    table = pd.DataFrame(
        {
            "text": pd.Series([text for text, _ in rows], dtype=object),
            "votes": pd.Series([votes for _, votes in rows], dtype="float64"),
        }
    )
    for (text, votes), written in zip(rows, serialise(table, ["votes"]), strict=True):
        expected = text if votes is None else f"votes: {votes}. review: {text}"
        assert written == expected
