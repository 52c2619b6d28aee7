"""The table of recommenders on ratings: what it may see, and a small whole run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.errors import InputError
from multimodal_study.pipeline_registry import register_pipelines
from multimodal_study.pipelines.movielens.ranking import film_contents, interactions, ranking

USERS, FILMS = 40, 30
OPTIONS: dict[str, Any] = {
    "depth": 5, "neighbours": [5, 10], "l2": [1.0, 10.0], "content_l2": [10.0],
    "content_weights": [0.5, 1.0], "content_min_films": 2,
    "lightgcn": {
        "embed_dim": 8, "layers": [1, 2], "learning_rate": 0.05, "max_epochs": 4, "every": 2,
        "patience": 2, "content_weights": [0.5, 1.0],
    },
}  # fmt: skip
INTERVALS = {"bootstrap": 100}


@pytest.fixture
def features() -> Features:
    random = np.random.default_rng(0)
    pairs = np.sort(random.permutation(USERS * FILMS)[:700])
    user, movie = pairs // FILMS, pairs % FILMS
    liked = random.random(700) < np.where(user % 2 == movie % 2, 0.9, 0.1)
    examples = pd.DataFrame(
        {
            "example_id": [str(pair) for pair in pairs],
            "user": user,
            "movie": movie,
            "split": random.choice(["train", "validation", "test"], 700, p=[0.6, 0.2, 0.2]),
            "target": np.where(liked, 4.0, 2.0),
            "rating": np.where(liked, 4.0, 2.0),
            "cluster": [str(one) for one in user],
        }
    )
    genres = np.stack([np.arange(FILMS) % 2 == side for side in (0, 1)], axis=1).astype(np.float32)
    genres = np.c_[genres, np.ones(FILMS), np.eye(FILMS)[0]].astype(np.float32)
    modality = Modality("genres", "movie", "categorical", 4, "metadata", "bernoulli", "multi-hot")
    return Features(
        arrays={"genres": genres},
        present={"genres": np.ones(FILMS, bool)},
        examples=examples,
        modalities={"genres": modality},
        task=Task("rating", "regression", (), "rmse"),
        provenance={"positive_from": 4.0},
    )


def test_recommenders_stand_side_by_side(features: Features) -> None:
    table = ranking(features, OPTIONS, INTERVALS, 0)
    learnt = {"lightgcn", "lightgcn_contents"}
    assert set(table["recommender"]) == {"popularity", "item_knn", "ease", "ease_contents"} | learnt
    ndcg = table[table["metric"] == "ndcg"].set_index("recommender")["value"]
    assert ndcg["ease"] > ndcg["popularity"] + 0.05
    assert ndcg["lightgcn"] > ndcg["popularity"] + 0.05
    words = table.set_index("recommender")["setting"]
    assert re.fullmatch(r"layers [12], [24] passes", words["lightgcn"].iloc[0])
    assert re.fullmatch(
        r"layers [12], weight (0.5|1), [24] passes", words["lightgcn_contents"].iloc[0]
    )
    assert table.groupby("recommender")["setting"].nunique().eq(1).all()


def test_ratings_of_test_change_no_fit_and_no_choice(features: Features) -> None:
    moved = features.examples.copy()
    test = moved["split"] == "test"
    moved.loc[test, "rating"] = np.random.default_rng(1).permutation(moved.loc[test, "rating"])
    other = replace(features, examples=moved)
    for splits in (("train",), ("validation",), ("train", "validation")):
        one, two = interactions(features, splits), interactions(other, splits)
        assert (one.liked != two.liked).nnz == (one.seen != two.seen).nnz == 0
    assert (film_contents(features, 2) != film_contents(other, 2)).nnz == 0
    tables = [ranking(each, OPTIONS, INTERVALS, 0) for each in (features, other)]
    pd.testing.assert_series_equal(tables[0]["setting"], tables[1]["setting"])
    assert not tables[0]["value"].equals(tables[1]["value"])


def test_seen_holds_every_rating_and_liked_the_high_ones(features: Features) -> None:
    train = interactions(features, ("train",))
    rows = features.examples.query("split == 'train'")
    assert train.seen.nnz == len(rows)
    assert train.liked.nnz == (rows["rating"] >= 4).sum()
    assert train.seen.shape == (USERS, FILMS)


def test_contents_weigh_rare_traits_more_and_drop_single_films(features: Features) -> None:
    contents = film_contents(features, 2).toarray()
    # Half of the films: weight 1, the rarest. A genre of all films says nothing.
    np.testing.assert_allclose(contents.max(0), [1, 1, 0])
    nothing = replace(features, arrays={}, present={}, modalities={})
    assert film_contents(nothing, 2).shape == (FILMS, 0)
    found = set(ranking(nothing, OPTIONS, INTERVALS, 0)["recommender"])
    assert "lightgcn" in found
    assert not found & {"ease_contents", "lightgcn_contents"}
    without = ranking(features, {**OPTIONS, "lightgcn": None}, INTERVALS, 0)
    assert "lightgcn_contents" not in set(without["recommender"])


def test_unknown_options_and_nothing_to_try_are_refused(features: Features) -> None:
    with pytest.raises(InputError, match="neighbors"):
        ranking(features, {**OPTIONS, "neighbors": [3]}, INTERVALS, 0)
    with pytest.raises(InputError, match=r"lightgcn.*layer"):
        ranking(
            features, {**OPTIONS, "lightgcn": {"layer": 1, "content_weights": []}}, INTERVALS, 0
        )
    with pytest.raises(InputError, match="lightgcn nothing"):
        lacking = {**OPTIONS["lightgcn"], "layers": []}
        ranking(features, {**OPTIONS, "lightgcn": lacking}, INTERVALS, 0)
    with pytest.raises(InputError, match="item_knn nothing"):
        ranking(features, {**OPTIONS, "neighbours": []}, INTERVALS, 0)


def test_lists_are_made_by_themselves_or_with_everything() -> None:
    registry = register_pipelines()
    having = {
        name
        for name, pipeline in registry.items()
        if any(node.name == "movielens.ranking" for node in pipeline.nodes)
    }
    complete = {"movielens_all", "movielens_interpretation", "__default__"}
    assert having == {"movielens_ranking", *complete}
