"""Features of MovieLens: no example meets its own rating, none meets validation, test or later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import issparse

from multimodal_study.contract import Features
from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.features import films
from multimodal_study.pipelines.movielens.features.aggregates import aggregates, biases
from multimodal_study.pipelines.movielens.features.factors import factors
from multimodal_study.pipelines.movielens.features.slots import TrainRatings
from multimodal_study.pipelines.movielens.features.tastes import Pairs, tastes
from multimodal_study.pipelines.movielens.featurise import featurise
from multimodal_study.pipelines.movielens.split import split

USERS, FILMS, N = 25, 30, 420
GRAPH = {"rank": 3, "iterations": 3, "regularisation": 1.0}
TASTES = {"rank": 2, "sweeps": 2, "implicit_users": 2, "implicit_films": 2}
OPTIONS: dict[str, Any] = {
    "text": None, "tokens": None, "pictures": False, "people_min_films": 2, "external": True,
    "words": {"view": "tfidf", "ngram_range": [1, 1], "min_df": 1, "max_features": 50},
    "graph": GRAPH, "tastes": TASTES, "tabular": {"min_count": 2},
}  # fmt: skip


def make_ratings(seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(USERS * FILMS)[:N]
    return pl.DataFrame(
        {
            "user_id": pl.Series(pairs // FILMS + 1, dtype=pl.Int32),
            "movie_id": pl.Series(pairs % FILMS + 1, dtype=pl.Int32),
            "rating": pl.Series(rng.integers(1, 11, N) / 2, dtype=pl.Float32),
            "timestamp": pl.Series(10**9 + rng.permutation(N)),
        }
    )


def make_films() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = np.arange(1, FILMS + 1)
    frame = pd.DataFrame(
        {
            "movie_id": n,
            "title": [f"Film {k}" for k in n],
            "year": rng.integers(1960, 2010, FILMS),
            "genres": rng.choice(["Drama", "Comedy", "Drama|War", ""], FILMS),
            "runtime": np.where(n % 4 == 0, np.nan, 90.0 + n),
            "oscars": (n % 3).astype(float),
            "certificate": np.where(n % 5 == 0, None, "PG"),
            "director": [f"D{k % 6}|D{k % 4}" for k in n],
            "imdb_rating": 5 + n / 10,
            "has_knowledge": True,
            "text": [f"story of {k % 7}" if k % 5 else None for k in n],
            "text_source": ["plots" if k % 5 else None for k in n],
            "poster": None,
            "poster_source": None,
            "poster_sha256": None,
        }
    )
    return frame


def make(
    ratings: pl.DataFrame,
    splits: pl.DataFrame | None = None,
    options: dict[str, Any] | None = None,
    task: dict[str, Any] | None = None,
    **chosen: Any,
) -> tuple[Features, pl.DataFrame]:
    """Features of ``ratings``; split anew unless ``splits`` are given."""
    movies = pl.DataFrame({"movie_id": pl.Series(range(1, FILMS + 1), dtype=pl.Int32)})
    users = ratings.select(pl.col("user_id").unique().sort())
    made, summary = split(
        ratings.lazy(), movies.lazy(), users.lazy(), {"folds": 5, **chosen}, seed=42
    )
    splits = made if splits is None else splits
    features = featurise(
        ratings.lazy(), splits.lazy(), make_films(), task or {}, {**OPTIONS, **(options or {})},
        {}, {"source": "sample"}, summary, {}, 42,
    )  # fmt: skip
    return features, splits


def dense(array: Any) -> np.ndarray[Any, Any]:
    return array.toarray() if issparse(array) else np.asarray(array)


def equal(one: Features, two: Features, rows: Any = None) -> list[str]:
    """Names of the modalities whose numbers differ for the examples ``rows``."""
    rows = np.arange(len(one.examples)) if rows is None else rows
    different = []
    for name, modality in one.modalities.items():
        pairs = []
        for features in (one, two):
            index = features.examples[modality.entity].to_numpy()[rows]
            pairs.append((dense(features.arrays[name])[index], features.present[name][index]))
        if any((a.shape != b.shape) or (a != b).any() for a, b in zip(*pairs, strict=True)):
            different.append(name)
    return different


STRATEGIES = ["random", "user_last20", "global_time", "cold_movie", "cold_user"]
LEARNT = {"user", "popularity", "graph_user", "graph_movie", "tastes"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_permuted_ratings_of_validation_and_test_change_no_feature(strategy: str) -> None:
    ratings = make_ratings()
    one, splits = make(ratings, strategy=strategy)
    rows = np.flatnonzero((splits["split"] != "train").to_numpy())
    values = ratings["rating"].to_numpy().copy()
    values[rows] = np.random.default_rng(3).permutation(values[rows])[::-1]
    assert (values != ratings["rating"].to_numpy()).any()
    two, same = make(ratings.with_columns(pl.Series("rating", values)), strategy=strategy)
    assert same.equals(splits)
    assert set(one.modalities) >= LEARNT
    assert equal(one, two) == []
    for name in one.arrays:
        assert (dense(one.arrays[name]) == dense(two.arrays[name])).all(), name


def test_permuted_ratings_of_train_do_change_what_is_learnt_and_nothing_else() -> None:
    ratings = make_ratings()
    one, splits = make(ratings)
    rows = np.flatnonzero((splits["split"] == "train").to_numpy())
    values = ratings["rating"].to_numpy().copy()
    values[rows] = np.random.default_rng(3).permutation(values[rows])
    two, _ = make(ratings.with_columns(pl.Series("rating", values)))
    assert set(equal(one, two)) == LEARNT


def test_no_example_of_train_sees_its_own_rating_before_scaling() -> None:
    """Aggregates and factors of a fold do not move when the ratings of that fold do."""
    train = _train("others")
    genres, names = films.genre_matrix(make_films())
    for fold in range(train.folds):
        changed = train.rating.copy()
        changed[train.fold == fold] = 5.5 - changed[train.fold == fold]
        moved = TrainRatings(**{**train.__dict__, "rating": changed})
        before = aggregates(train, genres, names, smoothing=4.0)
        after = aggregates(moved, genres, names, smoothing=4.0)
        for one, two in zip(before, after, strict=True):
            pd.testing.assert_frame_equal(one[fold :: train.slots], two[fold :: train.slots])
            assert not one[train.folds :: train.slots].equals(two[train.folds :: train.slots])


def test_dot_products_of_a_fold_do_not_depend_on_its_own_ratings() -> None:
    """Turning moves the axes, never the products."""
    train = _train("others")
    fold = 2
    changed = train.rating.copy()
    changed[train.fold == fold] = 5.5 - changed[train.fold == fold]
    moved = TrainRatings(**{**train.__dict__, "rating": changed})
    products = []
    for ratings in (train, moved):
        user, movie = factors(ratings, smoothing=4.0, seed=1, **GRAPH)
        products.append(user[fold :: train.slots] @ movie[fold :: train.slots].T)
    np.testing.assert_allclose(products[0], products[1], atol=1e-5)


def test_with_history_before_the_future_does_not_reach_the_past() -> None:
    """Ratings after a moment change no number of the examples of train before it."""
    train = _train("before")
    genres, names = films.genre_matrix(make_films())
    late = train.fold >= 3
    changed = np.where(late, 5.5 - train.rating, train.rating)
    moved = TrainRatings(**{**train.__dict__, "rating": changed})
    tables = [aggregates(r, genres, names, smoothing=4.0) for r in (train, moved)]
    graphs = [factors(r, smoothing=4.0, seed=1, **GRAPH) for r in (train, moved)]
    for slot in range(4):
        for one, two in zip(*tables, strict=True):
            pd.testing.assert_frame_equal(one[slot :: train.slots], two[slot :: train.slots])
        for one, two in zip(*graphs, strict=True):
            assert (one[slot :: train.slots] == two[slot :: train.slots]).all()
    assert not tables[0][0][4 :: train.slots].equals(tables[1][0][4 :: train.slots])
    first = tables[0][0][0 :: train.slots]
    assert (first["count"] == 0).all() and first["mean"].isna().all()


@pytest.mark.parametrize("history", ["others", "before"])
def test_later_ratings_change_nothing_for_earlier_examples_of_the_time_split(history: str) -> None:
    """What is after train may be anything at all: other films, other people, other ratings."""
    ratings = make_ratings()
    one, splits = make(ratings, strategy="global_time", history=history)
    test = (splits["split"] == "test").to_numpy()
    times = ratings["timestamp"].to_numpy()
    assert times[test].min() > times[~test].max()
    other = ratings["movie_id"].to_numpy().copy()
    other[test] = other[test][::-1]
    new = splits.with_columns(pl.Series("movie", other - 1, dtype=pl.Int32))
    two, _ = make(
        ratings.with_columns(pl.Series("movie_id", other)), new, strategy="global_time",
        history=history,
    )  # fmt: skip
    assert equal(one, two, np.flatnonzero(~test)) == []


def test_times_are_kept_and_are_no_feature() -> None:
    ratings = make_ratings()
    one, _ = make(ratings)
    shifted = ratings.with_columns(pl.col("timestamp") + 10**6)
    two, _ = make(shifted)
    assert equal(one, two) == []
    assert (one.examples["timestamp"].to_numpy() == ratings["timestamp"].to_numpy()).all()
    assert not any("timestamp" in c for m in one.modalities.values() for c in m.columns)


def test_biases_are_those_of_the_formula() -> None:
    train = _train("others")
    rows = np.ones(len(train.rating), dtype=bool)
    found = biases(train, rows, 4.0)
    residual = train.rating - found.mean - found.movie[train.movie]
    for user in range(train.users):
        mine = train.user == user
        assert found.user[user] == pytest.approx(residual[mine].sum() / (4.0 + mine.sum()))


def test_factors_find_the_rank_one_pattern_that_is_there() -> None:
    rng = np.random.default_rng(0)
    user, movie = np.divmod(np.arange(40 * 50), 50)
    taste, style = rng.choice([-1.0, 1.0], 40), rng.choice([-1.0, 1.0], 50)
    rating = 3.0 + taste[user] * style[movie]
    kept = rng.random(2000) < 0.5
    train = TrainRatings(
        user[kept], movie[kept], rating[kept], np.arange(kept.sum()) % 4, 40, 50, 4, "others"
    )
    p, q = factors(train, rank=2, iterations=10, regularisation=0.5, smoothing=4.0, seed=0)
    for slot in range(5):
        predicted = (p[slot::5][user] * q[slot::5][movie]).sum(1)
        assert np.corrcoef(predicted[~kept], (rating - 3)[~kept])[0, 1] > 0.95
    # Turned alike: the vectors of one film point the same way in every fold.
    for slot in range(1, 5):
        cosine = (q[slot::5] * q[0::5]).sum(1) / (
            np.linalg.norm(q[slot::5], axis=1) * np.linalg.norm(q[0::5], axis=1)
        )
        assert np.median(cosine) > 0.8


def test_what_is_missing_is_masked_and_zero() -> None:
    features, _ = make(make_ratings())
    words = features.present["words"]
    assert (~words).sum() == FILMS // 5
    assert dense(features.arrays["words"])[~words].sum() == 0
    genres = make_films()["genres"].to_numpy()
    assert (features.present["genres"] == (genres != "")).all()
    for name in features.modalities:
        assert (dense(features.arrays[name])[~features.present[name]] == 0).all()


def test_external_opinions_are_a_modality_of_their_own_and_can_be_absent() -> None:
    features, _ = make(make_ratings(), options={"external": False})
    assert "external" not in features.modalities
    columns = [c for m in features.modalities.values() for c in m.columns]
    assert not any("imdb" in c or "tomato" in c or "audience" in c for c in columns)
    with_them, _ = make(make_ratings())
    assert with_them.modalities["external"].origin == "external"


def test_both_kinds_of_task() -> None:
    ratings = make_ratings()
    number, _ = make(ratings)
    assert number.task.kind == "regression" and number.task.decides == "rmse"
    steps, _ = make(ratings, task={"kind": "ordinal"})
    assert steps.task.classes[0] == "0.5" and len(steps.task.classes) == 10
    values = np.array(steps.task.values)[steps.examples["target"].to_numpy()]
    assert np.allclose(values, number.examples["target"].to_numpy())
    with pytest.raises(InputError, match="expected one of"):
        make(ratings, task={"kind": "binary"})


def test_arrays_are_per_entity_and_only_what_is_about_a_pair_per_example() -> None:
    features, splits = make(make_ratings())
    slots = int(splits["fold"].max()) + 1
    for name, modality in features.modalities.items():
        rows = {"movie": FILMS, "movie_fold": FILMS * slots, "user_fold": USERS * slots}
        rows["pair"] = N
        assert features.arrays[name].shape[0] == rows[modality.entity]
    test = features.rows("test")
    assert (features.examples["user_fold"].to_numpy()[test] % slots == slots - 1).all()


def test_options_that_nobody_reads_are_refused() -> None:
    with pytest.raises(InputError, match="imdb"):
        make(make_ratings(), options={"imdb": True})
    with pytest.raises(InputError, match="ranks"):
        make(make_ratings(), options={"graph": {"ranks": 3}})
    with pytest.raises(InputError, match="folds is 1"):
        make(make_ratings(), folds=1)
    with pytest.raises(InputError, match="history is 'after'"):
        make(make_ratings(), history="after")


def _train(history: str) -> TrainRatings:
    ratings = make_ratings()
    _, splits = make(ratings, history=history)
    rows = (splits["split"] == "train").to_numpy()
    return TrainRatings(
        splits["user"].to_numpy()[rows],
        splits["movie"].to_numpy()[rows],
        ratings["rating"].to_numpy().astype(np.float64)[rows],
        splits["fold"].to_numpy()[rows],
        USERS,
        FILMS,
        5,
        history,
    )


def test_tastes_of_a_fold_do_not_depend_on_its_own_ratings() -> None:
    train = _train("others")
    pairs = Pairs(train.user, train.movie, train.fold)
    genres, _ = films.genre_matrix(make_films())
    for fold in (0, 3):
        changed = train.rating.copy()
        changed[train.fold == fold] = 5.5 - changed[train.fold == fold]
        moved = TrainRatings(**{**train.__dict__, "rating": changed})
        before, after = (
            tastes(r, pairs, genres, {"genres": genres}, smoothing=4.0, seed=1, **TASTES)
            for r in (train, moved)
        )
        mine = train.fold == fold
        pd.testing.assert_frame_equal(before[mine], after[mine])
        assert not before[~mine].equals(after[~mine])


def test_what_was_thought_of_like_films_is_the_weighted_mean() -> None:
    train = _train("others")
    genres, _ = films.genre_matrix(make_films())
    asked = Pairs(np.array([3]), np.array([5]), np.array([train.folds]))
    chosen = {"rank": 1, "sweeps": 1, "implicit_users": 0, "implicit_films": 0}
    found = tastes(train, asked, genres, {"genres": genres}, smoothing=4.0, seed=1, **chosen)
    known = biases(train, np.ones(len(train.rating), dtype=bool), 4.0)
    mine = train.user == 3
    residual = train.rating[mine] - known.mean - known.user[3] - known.movie[train.movie[mine]]
    length = np.linalg.norm(genres, axis=1)
    cosine = genres @ genres[5] / np.maximum(length * length[5], 1e-9)
    weight = cosine[train.movie[mine]]
    assert found["alike:genres"][0] == pytest.approx((weight @ residual) / (4 + weight.sum()))
    assert found["weight:genres"][0] == pytest.approx(np.log1p(weight.sum()))
    summands = found[["biases", "factors", "contents", "viewers"]].sum(axis=1)
    assert found["expected"][0] == pytest.approx(train.rating.mean() + summands[0])
