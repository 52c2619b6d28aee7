"""Padded batches hold every row once, in an order that only seed and epoch decide."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.contract import Features
from multimodal_study.data.ragged import LENGTHS, SEQUENCE, RaggedBatches


def ragged(n: int, *, width: int | None = 2, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, n)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    shape = (offsets[-1],) if width is None else (offsets[-1], width)
    values = rng.integers(1, 100, shape)
    return {"values": values.astype(np.int32 if width is None else np.float16), "offsets": offsets}


@pytest.mark.parametrize("width", [2, None])
def test_rows_are_padded_and_follow_the_review_index(
    tiny_features: Callable[..., Features], width: int | None
) -> None:
    features = tiny_features()
    data = ragged(60, width=width)
    rows = features.rows("test")
    for batch in RaggedBatches(features, data, rows, 5):
        for place, row in enumerate(batch.rows.tolist()):
            review = features.examples["review"][row]
            expected = data["values"][data["offsets"][review] : data["offsets"][review + 1]]
            length = int(batch.inputs[LENGTHS][place])
            assert length == len(expected)
            found = batch.inputs[SEQUENCE][place].numpy()
            np.testing.assert_array_equal(found[:length], expected)
            assert not found[length:].any()
            assert float(batch.target[place]) == features.examples["target"][row]


@given(
    count=st.integers(0, 60), size=st.integers(1, 70), seed=st.integers(0, 99), epoch=st.integers(0)
)
def test_property_every_row_once_and_reproducible(
    tiny_features: Callable[..., Features], count: int, size: int, seed: int, epoch: int
) -> None:
    features = tiny_features()
    rows = np.arange(60)[:count]
    batches = RaggedBatches(features, ragged(60), rows, size, shuffle_seed=seed)
    batches.set_epoch(epoch)
    first = [batch.rows.tolist() for batch in batches]
    assert first == [batch.rows.tolist() for batch in batches]
    assert sorted(chain.from_iterable(first)) == rows.tolist()
    assert len(first) == len(batches)


def test_epochs_differ_and_without_a_seed_the_order_stays(
    tiny_features: Callable[..., Features],
) -> None:
    features = tiny_features()
    rows = features.rows("train")
    batches = RaggedBatches(features, ragged(60), rows, 4, shuffle_seed=3)
    first = [batch.rows.tolist() for batch in batches]
    batches.set_epoch(1)
    assert [batch.rows.tolist() for batch in batches] != first
    plain = RaggedBatches(features, ragged(60), rows, 4)
    assert list(chain.from_iterable(batch.rows.tolist() for batch in plain)) == rows.tolist()


def test_batches_are_of_about_the_same_length(tiny_features: Callable[..., Features]) -> None:
    features = tiny_features("binary", 60)
    lengths = np.where(np.arange(60) % 2 == 0, 5, 500)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    data = {"values": np.ones(offsets[-1], dtype=np.int32), "offsets": offsets}
    batches = RaggedBatches(features, data, np.arange(60), 10, shuffle_seed=0)
    for batch in batches:
        assert len(set(batch.inputs[LENGTHS].tolist())) == 1


def test_wrong_sizes_are_refused(tiny_features: Callable[..., Features]) -> None:
    features = tiny_features()
    with pytest.raises(ValueError, match="batch_size is 0"):
        RaggedBatches(features, ragged(60), np.arange(3), 0)
    with pytest.raises(ValueError, match="sequences of 59"):
        RaggedBatches(features, ragged(59), np.arange(3), 4)
