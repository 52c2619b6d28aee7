from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from multimodal_study.contract import Modality
from multimodal_study.data.degradation import (
    crossed,
    noisy,
    origins_of,
    restricted,
    shuffled,
    spread,
    without,
)
from multimodal_study.errors import InputError


def with_tokens(features):
    rng = np.random.default_rng(2)
    n = len(features.examples)
    tokens = rng.normal(size=(n, 5, 4)).astype(np.float16)
    item = Modality("tokens", "review", "tokens", 4, "text", "normal", "test")
    return replace(
        features,
        arrays={**features.arrays, "tokens": tokens},
        present={**features.present, "tokens": np.ones(n, dtype=bool)},
        lengths={"tokens": rng.integers(1, 6, n)},
        modalities={**features.modalities, "tokens": item},
    )


def gathered(features, name):
    index = features.examples[features.modalities[name].entity].to_numpy()
    array = features.arrays[name]
    return np.asarray(array[index].toarray() if hasattr(array, "toarray") else array[index])


def test_restriction_keeps_what_an_example_is(tiny_features):
    features = with_tokens(tiny_features())
    rows = features.rows("test")[::-1]
    small = restricted(features, rows)
    assert len(small.arrays["text"]) == len(rows)
    for name in features.modalities:
        assert np.array_equal(gathered(small, name), gathered(features, name)[rows])
    assert small.examples["example_id"].tolist() == features.examples["example_id"][rows].tolist()


def test_origins_are_hidden_and_nothing_else(tiny_features):
    features = tiny_features()
    assert origins_of(features.modalities) == ["text", "metadata"]
    poorer = without(features, ["text"])
    assert not poorer.present["text"].any() and not poorer.present["words"].any()
    assert poorer.present["metadata"].all() and features.present["text"].all()
    with pytest.raises(ValueError, match="no origin \\['sound'\\]"):
        without(features, ["sound"])


def test_noise_has_the_asked_deviation(tiny_features):
    features = tiny_features(n=4000)
    deviations = spread(features, 0)
    assert set(deviations) == {"text", "metadata"}
    train = features.examples["review"].to_numpy()[features.rows("train")]
    assert deviations["text"] == pytest.approx(features.arrays["text"][train].std(0), rel=0.15)
    worse = noisy(features, "text", deviations, 2.0, 0.5, np.random.default_rng(0))
    added = worse.arrays["text"] - features.arrays["text"]
    assert added.std(0) == pytest.approx(2.0 * deviations["text"], rel=0.05)
    assert np.array_equal(worse.arrays["metadata"], features.arrays["metadata"])
    kept = worse.arrays["words"].nnz / features.arrays["words"].nnz
    assert kept == pytest.approx(0.5, abs=0.02)
    same = noisy(features, "text", deviations, 0.0, 0.0, np.random.default_rng(0))
    assert (same.arrays["words"] != features.arrays["words"]).nnz == 0
    assert np.array_equal(same.arrays["text"], features.arrays["text"])
    with pytest.raises(InputError, match="expected from 0"):
        noisy(features, "text", deviations, -1.0, 0.0, np.random.default_rng(0))


def test_dropped_tokens_leave_the_others_in_order(tiny_features):
    features = with_tokens(tiny_features(n=300))
    worse = noisy(features, "text", spread(features, 0), 0.1, 0.9, np.random.default_rng(0))
    lengths, before = worse.lengths["tokens"], features.lengths["tokens"]
    assert (lengths >= 1).all() and (lengths <= before).all() and lengths.sum() < before.sum()
    for new, old, n in zip(worse.arrays["tokens"], features.arrays["tokens"], lengths, strict=True):
        places = [int(np.flatnonzero((old == row).all(1))[0]) for row in new[:n]]
        assert places == sorted(places)
        assert not new[n:].any()


def test_pixels_stay_pixels(tiny_features):
    features = tiny_features(n=20)
    pictures = np.full((20, 2, 2, 3), 250, dtype=np.uint8)
    item = Modality("pixels", "review", "pixels", 3, "image", "normal", "test")
    features = replace(
        features,
        arrays={"pixels": pictures},
        present={"pixels": np.ones(20, dtype=bool)},
        modalities={"pixels": item},
    )
    worse = noisy(
        features, "image", {"pixels": np.full(3, 9.0)}, 1.0, 0.0, np.random.default_rng(0)
    )
    assert worse.arrays["pixels"].dtype == np.uint8
    assert worse.arrays["pixels"].min() > 200  # no wrap-around at 255


def test_rows_are_exchanged_together(tiny_features):
    features = with_tokens(tiny_features())
    moved = shuffled(features, "text", np.random.default_rng(3))
    where = [
        int(np.flatnonzero((features.arrays["text"] == r).all(1))[0]) for r in moved.arrays["text"]
    ]
    assert sorted(where) == list(range(60)) and where != list(range(60))
    assert np.array_equal(moved.arrays["tokens"], features.arrays["tokens"][where])
    assert np.array_equal(moved.lengths["tokens"], features.lengths["tokens"][where])
    assert np.array_equal(moved.arrays["metadata"], features.arrays["metadata"])


def test_a_crossed_example_has_each_origin_of_its_source(tiny_features):
    features = restricted(tiny_features(), np.arange(10))
    base, other = np.array([0, 0, 4]), np.array([7, 0, 2])
    made = crossed(features, base, {"text": base, "metadata": other})
    for name in ("text", "words"):
        assert np.array_equal(gathered(made, name), gathered(features, name)[base])
    assert np.array_equal(gathered(made, "metadata"), gathered(features, "metadata")[other])
    assert made.examples["target"].tolist() == features.examples["target"].to_numpy()[base].tolist()
