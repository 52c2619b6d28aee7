"""Batches against plain indexing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.contract import Features, Modality
from multimodal_study.data.batches import FeatureBatches


def test_rows_match_plain_indexing(tiny_features: Any) -> None:
    features = tiny_features(missing="metadata")
    rows = features.rows("train")
    batches = list(FeatureBatches(features, rows, 7))
    assert torch.cat([batch.rows for batch in batches]).tolist() == rows.tolist()
    index = features.examples["review"].to_numpy()[rows]
    for name in features.modalities:
        array = features.arrays[name]
        dense = array.toarray() if name == "words" else array
        found = torch.cat([batch.inputs[name] for batch in batches])
        assert found.dtype == torch.float32
        np.testing.assert_array_equal(found.numpy(), dense[index])
        mask = torch.cat([batch.present[name] for batch in batches])
        assert mask.dtype == torch.bool
        np.testing.assert_array_equal(mask.numpy(), features.present[name][index])
    assert not features.present["metadata"][index].all()


@pytest.mark.parametrize(
    ("kind", "dtype"), [("binary", torch.int64), ("regression", torch.float32)]
)
def test_target_type_follows_the_task(tiny_features: Any, kind: str, dtype: torch.dtype) -> None:
    features = tiny_features(kind)
    batch = next(iter(FeatureBatches(features, features.rows("test"), 4)))
    assert batch.target.dtype == dtype
    expected = features.examples["target"].to_numpy()[batch.rows.numpy()]
    np.testing.assert_allclose(batch.target.numpy(), expected, rtol=1e-6)
    assert len(batch) == 4


def test_memory_mapped_arrays_are_read_and_never_written(tiny_features: Any, tmp_path: Any) -> None:
    features = tiny_features()
    np.save(tmp_path / "text.npy", features.arrays["text"])
    mapped = np.load(tmp_path / "text.npy", mmap_mode="r")
    arrays = {**features.arrays, "text": mapped}
    other = type(features)(
        arrays, features.present, features.examples, features.modalities, features.task
    )
    rows = np.array([3, 1, 2])
    batch = FeatureBatches(other, rows, 3).gather(rows)
    batch.inputs["text"].zero_()
    np.testing.assert_array_equal(mapped, features.arrays["text"])
    assert np.abs(mapped).sum() > 0


@given(seed=st.integers(0, 2**32), epoch=st.integers(0, 1000), size=st.integers(1, 40))
def test_shuffle_is_a_permutation_that_seed_and_epoch_decide(
    tiny_features: Any, seed: int, epoch: int, size: int
) -> None:
    features = tiny_features()
    rows = features.rows("train")

    def order() -> list[int]:
        batches = FeatureBatches(features, rows, size, shuffle_seed=seed)
        list(batches) if epoch % 2 else None  # An earlier pass changes nothing.
        batches.set_epoch(epoch)
        found = [batch.rows.tolist() for batch in batches]
        assert len(found) == len(batches)
        assert all(len(part) == size for part in found[:-1])
        return [row for part in found for row in part]

    first = order()
    assert sorted(first) == sorted(rows.tolist())
    assert first == order()


def test_epochs_differ_only_when_shuffled(tiny_features: Any) -> None:
    features = tiny_features()
    rows = features.rows("train")
    for shuffle_seed, same in ((None, True), (5, False)):
        batches = FeatureBatches(features, rows, 64, shuffle_seed=shuffle_seed)
        first = next(iter(batches)).rows.tolist()
        batches.set_epoch(1)
        assert (next(iter(batches)).rows.tolist() == first) is same


def test_moves_to_a_device(tiny_features: Any) -> None:
    features = tiny_features()
    batch = next(iter(FeatureBatches(features, features.rows("train"), 4))).to("meta")
    tensors = [*batch.inputs.values(), *batch.present.values(), batch.target, batch.rows]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_bad_arguments_are_named(tiny_features: Any) -> None:
    features = tiny_features()
    with pytest.raises(ValueError, match="batch_size is 0"):
        FeatureBatches(features, features.rows("train"), 0)
    with pytest.raises(ValueError, match=r"rows reach 0\.\.60"):
        FeatureBatches(features, np.array([0, 60]), 4)
    assert list(FeatureBatches(features, np.array([], dtype=int), 4)) == []


def _questions(tiny_features: Any) -> Features:
    """Two attributes with two and one-or-two values; every third row asks about the first."""
    base = tiny_features("multiclass", n=30)
    task = replace(
        base.task, classes=("short", "long", "round", "square"), groups=("a", "a", "b", "b")
    )
    asked = np.where(np.arange(30) % 3 == 0, "a", "b")
    target = np.where(asked == "a", 1, 3)
    undecided = np.where(asked == "b", 1 << 2, 0)
    examples = base.examples.assign(group=asked, undecided=undecided, target=target)
    return replace(base, task=task, examples=examples)


def test_only_classes_of_the_asked_attribute_compete(tiny_features: Any) -> None:
    batch = FeatureBatches(_questions(tiny_features), np.arange(6), 6).gather(np.arange(6))
    assert batch.candidates is not None and batch.scored is not None
    assert batch.candidates[0].tolist() == [True, True, False, False]
    assert batch.candidates[1].tolist() == [False, False, True, True]
    # Class 2 is undecided where "b" is asked: it may win a prediction, but the loss leaves it out.
    assert batch.scored[1].tolist() == [False, False, False, True]


def test_a_sequence_without_lengths_is_refused(tiny_features: Any) -> None:
    base = tiny_features("binary", n=10)
    modality = Modality("tokens", "review", "tokens", 4, "text", "normal", "test")
    states = np.zeros((10, 5, 4), np.float16)
    parts = {
        "arrays": {**base.arrays, "tokens": states},
        "present": {**base.present, "tokens": np.ones(10, bool)},
        "modalities": {**base.modalities, "tokens": modality},
    }
    with pytest.raises(ValueError, match="a sequence needs lengths"):
        replace(base, **parts)
    whole = replace(base, **parts, lengths={"tokens": np.arange(10) % 5 + 1})
    batch = FeatureBatches(whole, np.arange(10), 10).gather(np.arange(10))
    assert batch.inputs["tokens"].shape == (10, 5, 4)
    index = base.examples["review"].to_numpy()
    assert batch.lengths["tokens"].tolist() == (index % 5 + 1).tolist()


def test_keys_of_a_pair_tell_which_rows_are_the_same(tiny_features: Any) -> None:
    base = tiny_features("binary", n=10)
    assert FeatureBatches(base, np.arange(10), 10).gather(np.arange(10)).keys == {}
    examples = base.examples.assign(
        text_key=["a", "b"] * 5, metadata_key=[f"m{i}" for i in range(10)]
    )
    paired = replace(base, examples=examples, pair=("text", "metadata"))
    rows = np.array([7, 2, 5])
    batch = FeatureBatches(paired, rows, 3).gather(rows).to("cpu")
    assert set(batch.keys) == {"text", "metadata"}
    text = batch.keys["text"]
    assert text.dtype == torch.int64
    # The codes are those of all examples, so that batches can be compared with each other.
    assert text[0] == text[2] != text[1]
    assert len(set(batch.keys["metadata"].tolist())) == 3
