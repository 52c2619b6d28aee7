"""What networks of each kind are given under a condition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from asked_cells import SETTINGS

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.data.ragged import LENGTHS
from multimodal_study.encoders.text_model import find_model
from multimodal_study.encoders.token_states import tokenise
from multimodal_study.pipelines.perturbation.conditions import (
    NOISE,
    SHUFFLED,
    SUBSET,
    Condition,
    Exchange,
    FeatureInputs,
    conditions_of,
    perturbation_of,
)
from multimodal_study.pipelines.perturbation.text_conditions import TextInputs
from tiny_bert import save

BOTH = frozenset({"text", "metadata"})


@pytest.fixture(scope="module")
def texts(tmp_path_factory, tiny_features):
    folder = save(tmp_path_factory.mktemp("bert"))
    features = tiny_features(n=30)
    words = ["good tea", "bad tea is not very good", "very very very bad"]
    table = pd.DataFrame(
        {
            "text": [words[row % 3] for row in range(30)],
            "verified": [row % 2 == 0 for row in range(30)],
            "votes": [float(row) if row % 5 else np.nan for row in range(30)],
        }
    )
    parameters = {
        "encoder": str(folder), "trained_layers": 1, "max_tokens": 60, "keep": "head",
        "fields": None,
    }  # fmt: skip
    rows = features.rows("test")
    return TextInputs(features, table, parameters, rows, seed=0), features, table, folder


def ids(folder, written):
    return [len(one) for one in tokenise(written, find_model(str(folder)), 60, "head")]


def lengths(inputs, condition):
    return torch.cat([batch.inputs[LENGTHS] for batch in inputs.batches(condition)]).tolist()


def test_what_is_missing_is_not_written(texts):
    inputs, features, table, folder = texts
    reviews = features.examples["review"].to_numpy()[features.rows("test")]
    plain = table["text"].iloc[reviews].tolist()
    assert inputs.origins == ["text", "metadata"]
    assert lengths(inputs, Condition(SUBSET, kept=frozenset({"text"}))) == ids(folder, plain)
    assert set(lengths(inputs, Condition(SUBSET))) == {2}  # its two special tokens
    alone = lengths(inputs, Condition(SUBSET, kept=frozenset({"metadata"})))
    whole = lengths(inputs, Condition(SUBSET, kept=BOTH))
    assert all(2 < a < w for a, w in zip(alone, whole, strict=True))


def test_one_pass_encodes_every_condition_as_it_would_alone(texts):
    inputs, *_ = texts
    conditions = conditions_of(inputs.origins, perturbation_of(SETTINGS), 0)
    asked = [next(iter(inputs.batches(one))) for one in conditions]
    inputs.prepare(conditions)
    for one, alone in zip(conditions, asked, strict=True):
        together = next(iter(inputs.batches(one)))
        assert torch.equal(alone.inputs[LENGTHS], together.inputs[LENGTHS])
        for name, states in alone.inputs.items():
            kept = together.inputs[name][:, : states.shape[1]] if states.ndim > 1 else states
            assert kept.numpy() == pytest.approx(states.numpy(), abs=1e-2), one


def test_fewer_words_and_other_rows(texts):
    inputs, *_ = texts
    whole = lengths(inputs, Condition(SUBSET, kept=BOTH))
    fewer = lengths(inputs, Condition(NOISE, origin="text", step=1, severity=1.0, dropped=0.9))
    assert sum(fewer) < sum(whole)
    moved = lengths(inputs, Condition(SHUFFLED, origin="text"))
    assert len(moved) == len(whole)
    again = lengths(inputs, Condition(SHUFFLED, origin="text"))
    assert moved == again


def test_a_crossed_text_has_the_metadata_of_another(texts):
    inputs, *_ = texts
    n = len(inputs.features.examples)
    own = Exchange(np.arange(n), dict.fromkeys(inputs.origins, np.arange(n)))
    same = next(iter(inputs.crossed(own)))
    whole = next(iter(inputs.batches(Condition(SUBSET, kept=BOTH))))
    assert torch.equal(same.inputs[LENGTHS], whole.inputs[LENGTHS])
    first = np.zeros(n, dtype=int)
    mixed = next(iter(inputs.crossed(Exchange(first, {"text": first, "metadata": np.arange(n)}))))
    assert set(mixed.target.tolist()) == {int(whole.target[0])}
    assert len(mixed) == n


def ratings():
    random = np.random.default_rng(0)
    n, users, movies = 40, 5, 9
    examples = pd.DataFrame(
        {
            "example_id": [f"r{i}" for i in range(n)],
            "user": random.integers(0, users, n),
            "movie": random.integers(0, movies, n),
            "split": ["train"] * 20 + ["validation"] * 10 + ["test"] * 10,
            "target": random.normal(size=n),
            "cluster": [f"c{i}" for i in range(n)],
        }
    )
    modalities = {
        "facts": Modality("facts", "movie", "numeric", 3, "metadata", "normal", "test"),
        "plot": Modality("plot", "movie", "text", 4, "text", "normal", "test"),
    }
    arrays = {
        name: random.normal(size=(movies, item.width)).astype(np.float32)
        for name, item in modalities.items()
    }
    present = {name: np.ones(movies, dtype=bool) for name in arrays}
    return Features(arrays, present, examples, modalities, Task("r", "regression", (), "rmse"))


def test_a_graph_is_read_whole_and_its_nodes_are_not_exchanged():
    features = ratings()
    rows = features.rows("test")
    inputs = FeatureInputs(features, ("user", "movie"), rows, 0)
    batch = next(iter(inputs.batches(Condition(SUBSET, kept=frozenset({"text"})))))
    assert batch.rows.tolist() == rows.tolist()
    assert batch.inputs["facts"].shape == (9, 3)
    assert not batch.present["facts"].any() and batch.present["plot"].all()
    noisy = next(iter(inputs.batches(Condition(NOISE, origin="text", step=1, severity=1.0))))
    assert not torch.equal(noisy.inputs["plot"], batch.inputs["plot"])
    assert torch.equal(noisy.inputs["facts"], batch.inputs["facts"])
    pair = Exchange(np.arange(2), dict.fromkeys(inputs.origins, np.arange(2)))
    assert inputs.crossed(pair) is None
