"""Content towers: aligned item by item without a label, frozen, fused example by example."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny_pairs
from multimodal_study.contract import Features, Task
from multimodal_study.data.gallery import gallery_of, saved_matches
from multimodal_study.errors import InputError
from multimodal_study.models import early, vilbert
from multimodal_study.pipelines.evaluation.retrieval import retrieve
from multimodal_study.pipelines.paradigms import contents

TOWER, FUSION = (vilbert.Vilbert, vilbert.Config), (early.EarlyFusion, early.Config)
N, TIMES = 40, 3


def rated(seed: int = 0) -> Features:
    """Each of 40 items with three examples; every split shares items with the one before."""
    items = tiny_pairs.paired(N, further=True)
    index = np.tile(np.arange(N), TIMES)
    examples = items.examples.iloc[index].reset_index(drop=True)
    examples["example_id"] = [f"e{row}" for row in range(len(examples))]
    split = examples["split"].to_numpy(dtype=object).copy()
    split[N : N + N // 4], split[2 * N : 2 * N + N // 4] = "validation", "test"
    target = np.random.default_rng(seed).normal(3.5, 1.0, len(examples))
    examples = examples.assign(split=split, target=target)
    return replace(items, examples=examples, task=Task("rating", "regression", (), "rmse"))


@pytest.fixture
def budget(tmp_path: Path) -> dict[str, Any]:
    return {
        "seeds": 2,
        "max_epochs": 2,
        "patience": 2,
        "batch_size": 8,
        "gradient_clip": 1.0,
        "precision": "32",
        "device": "cpu",
        "checkpoints": str(tmp_path / "checkpoints"),
    }


def made(features: Features, budget: dict[str, Any], **changes: Any) -> contents.Contents:
    parameters = tiny_pairs.config(task=0.0, candidates=3, **changes)
    weights, config, _, cost = contents.align(TOWER, features, parameters, budget, 7)
    assert list(cost["seed"]) == [7]
    return contents.Contents(
        "vilbert", contents.read_contents(TOWER, features, weights, config), config
    )


FUSED = {
    "embed_dim": 8, "dropout": 0.0, "words_dropout": 0.0, "modality_dropout": 0.0,
    "learning_rate": 1e-3, "weight_decay": 0.0, "label_smoothing": 0.0, "class_weights": "none",
}  # fmt: skip


def test_an_item_belongs_to_the_first_split_that_names_it() -> None:
    features = rated()
    items = contents.items_of(features, attends=True)
    home = dict(zip(items.examples["item"], items.examples["split"], strict=True))
    assert len(home) == len(items.examples) == N
    for split, names in features.examples.groupby("item")["split"].agg(set).items():
        first = next(one for one in ("train", "validation", "test") if one in names)
        assert home[split] == first
    galleries = [set(gallery_of(features, s).rows) for s in ("train", "validation", "test")]
    assert not set.intersection(*galleries)
    assert sum(map(len, galleries)) == N


def test_no_rating_reaches_the_contents(budget: dict[str, Any]) -> None:
    one, other = (made(rated(seed), budget).arrays for seed in (0, 1))
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_fusion_reads_contents_in_the_place_of_the_pair(budget: dict[str, Any]) -> None:
    features = rated()
    features.present["regions"][5] = features.present["image"][5] = False
    tower = made(features, budget)
    assert tower.arrays["vectors"].shape[0] == N
    assert tower.arrays["present"].all()
    weights, config, _, cost = contents.fit(FUSION, features, tower, dict(FUSED), budget, 7)
    assert config["modalities"] == ["numbers", "contents"]
    assert config["made"]["contents"]["missing"] == 0.0
    assert len(cost) == 2
    predictions, found, _ = contents.predict(FUSION, features, tower, weights, config)
    assert len(predictions) == 2 * len(found["rows"])
    assert saved_matches(found, 7, "test", "image", "text") is not None
    ranks, retrieval = retrieve(features, found, config, {"bootstrap": 100, "splits": ["test"]})
    assert retrieval["space"] == "shared"
    assert retrieval["reranked"]["test"] == 3
    assert retrieval["queries"]["test"] == len(gallery_of(features, "test"))
    assert len(ranks)


def test_a_tower_that_aligns_nothing_retrieves_nothing(budget: dict[str, Any]) -> None:
    features = rated()
    tower = made(features, budget, contrastive=0.0)
    weights, config, _, _ = contents.fit(FUSION, features, tower, dict(FUSED), budget, 7)
    _, found, _ = contents.predict(FUSION, features, tower, weights, config)
    _, retrieval = retrieve(features, found, config, {"bootstrap": 100, "splits": ["test"]})
    assert retrieval["space"] == "not applicable: it has no representation of image alone"


def test_what_a_tower_cannot_do_is_said(budget: dict[str, Any]) -> None:
    features = rated()
    texts = features.select(["text", "numbers"])
    with pytest.raises(InputError, match="needs a pair of origins"):
        contents.items_of(texts, attends=True)
    only = features.examples.assign(split="train")
    only.loc[only.index[:N], "split"] = "validation"
    with pytest.raises(InputError, match="some in validation that train lacks"):
        contents.items_of(replace(features, examples=only), attends=True)
    _, retrieval = retrieve(
        replace(features, examples=only), {"rows": np.array([])},
        {"capabilities": [], "modalities": []}, {},
    )  # fmt: skip
    assert "belongs to validation and test alone" in retrieval["space"]


def test_the_cost_of_a_tower_is_part_of_its_paradigms() -> None:
    cost = pd.DataFrame(
        {
            "seed": [1, 2],
            "parameters": [10, 10],
            "fit_seconds": [1.0, 2.0],
            "peak_memory_mb": [5.0, 9.0],
        }
    )
    tower = pd.DataFrame({"parameters": [100], "fit_seconds": [4.0], "peak_memory_mb": [7.0]})
    whole = contents.with_tower_cost(cost, tower)
    assert whole["parameters"].tolist() == [110, 110]
    assert whole["fit_seconds"].tolist() == [5.0, 6.0]
    assert whole["peak_memory_mb"].tolist() == [7.0, 9.0]
