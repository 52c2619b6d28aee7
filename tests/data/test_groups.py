from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multimodal_study.data.groups import connected, first_of, side_by_hash


def test_rows_are_connected_through_others() -> None:
    keys = pd.DataFrame(
        {"picture": ["a", "b", "b", "c", None, None], "text": ["x", "x", "y", "z", "z", "w"]}
    )
    # 0 and 1 share a text, 1 and 2 a picture; 3 and 4 a text; missing pictures connect nothing.
    assert connected(keys).tolist() == [0, 0, 0, 1, 1, 2]


def test_no_key_at_all() -> None:
    assert connected(pd.DataFrame(index=range(3))).tolist() == [0, 1, 2]
    assert connected(pd.DataFrame({"text": pd.Series([], dtype=object)})).tolist() == []


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_connected_as_a_plain_closure_says(pairs: list[tuple[int, int]]) -> None:
    keys = pd.DataFrame(pairs, columns=["a", "b"]).astype(str)
    group = list(range(len(pairs)))
    for _ in pairs:
        for i, one in enumerate(pairs):
            for j, other in enumerate(pairs):
                if one[0] == other[0] or one[1] == other[1]:
                    group[i] = group[j] = min(group[i], group[j])
    found = connected(keys)
    same = found[:, None] == found
    assert (same == (np.array(group)[:, None] == np.array(group))).all()


def test_first_name_of_each_group() -> None:
    names = first_of(np.array([0, 1, 0, 1, 2]), ["b", "z", "a", "y", "q"])
    assert names.tolist() == ["a", "y", "a", "y", "q"]


@pytest.mark.parametrize("title", ["puma men blue tee", "", "é 雨"])
def test_side_is_the_last_decimal_digit_of_sha1(title: str) -> None:
    last = str(int(hashlib.sha1(title.encode(), usedforsecurity=False).hexdigest(), 16))[-1]
    assert side_by_hash(title) == {"8": "validation", "9": "test"}.get(last, "train")
