"""What was stored comes back, and anything else is a miss."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.encoders.cache import FeatureCache, digest_texts

ARRAYS = {
    "text": np.arange(12, dtype=np.float32).reshape(3, 4),
    "offsets": np.array([0, 2, 3], dtype=np.int64),
    "empty": np.empty((0, 4), dtype=np.float16),
}


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache")


def test_arrays_come_back(cache: FeatureCache) -> None:
    key = cache.key({"what": "text"})
    assert cache.get(key) is None
    path = cache.put(key, ARRAYS)
    found = cache.get(key)
    assert found is not None and found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
    assert list(path.parent.iterdir()) == [path], "nothing is left beside the file"


def test_hits_and_misses_are_logged(cache: FeatureCache, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    key = cache.key({})
    cache.get(key)
    cache.put(key, ARRAYS)
    cache.get(key)
    assert [record.getMessage() for record in caplog.records] == [
        f"feature cache: miss {key[:12]}",
        f"feature cache: hit {key[:12]}",
    ]


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text"])
def test_a_damaged_file_is_a_miss(
    cache: FeatureCache, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    key = cache.key({})
    path = cache.put(key, ARRAYS)
    raw = path.read_bytes()
    path.write_bytes(
        {
            "cut": raw[:-7],
            "empty": b"",
            "flipped": raw[:-1] + bytes([raw[-1] ^ 1]),
            "text": b"not safetensors at all",
        }[damage]
    )
    assert cache.get(key) is None
    assert "a miss" in caplog.text
    cache.put(key, ARRAYS)
    assert cache.get(key) is not None


@pytest.mark.parametrize("key", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_a_key_cannot_leave_the_folder(cache: FeatureCache, key: str) -> None:
    with pytest.raises(ValueError, match="64 hex digits"):
        cache.get(key)


def test_the_key_depends_on_every_part(cache: FeatureCache) -> None:
    rows = np.arange(4)
    parts = {"rows": rows, "options": {"a": 1, "b": [1, 2]}, "path": Path("x"), "n": np.int64(3)}
    key = cache.key(parts)
    assert key == cache.key(dict(reversed(parts.items())))
    changes = [
        {"rows": rows[::-1]},
        {"rows": rows.astype(np.int32)},
        {"rows": rows.reshape(2, 2)},
        {"options": {"a": 1, "b": [2, 1]}},
        {"path": Path("y")},
        {"more": None},
    ]
    keys = {cache.key({**parts, **change}) for change in changes}
    assert len(keys) == len(changes) and key not in keys


def test_the_key_refuses_what_it_cannot_hash(cache: FeatureCache) -> None:
    with pytest.raises(ValueError, match="cannot hold a set"):
        cache.key({"rows": {1, 2}})


@given(st.lists(st.text(st.characters(), max_size=5), max_size=5))
def test_texts_are_told_apart_by_content_and_bounds(texts: list[str]) -> None:
    assert digest_texts(texts) == digest_texts(iter(texts))
    assert digest_texts([*texts, ""]) != digest_texts(texts)
    assert digest_texts(["a", *texts]) != digest_texts(["", *texts])


def test_bounds_of_texts_count() -> None:
    assert digest_texts(["ab", "c"]) != digest_texts(["a", "bc"])
    assert digest_texts(["\ud800"]) != digest_texts(["\ud801"])
