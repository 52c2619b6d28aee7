"""Biases against a dense ridge solution, factors against the ratings that they generated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multimodal_study.baselines import biased_mf, biases, implicit_mf, majority
from multimodal_study.baselines.collaborative import Ratings, as_output, ratings_of, rmse
from multimodal_study.contract import Features, Modality, Task
from multimodal_study.errors import InputError

DAMPING = {"damping_user": [1.0, 4.0], "damping_movie": [1.0, 4.0]}
FACTORS = {"ranks": [1, 2], "max_sweeps": 12, "patience": 12}
IMPLICIT = {**FACTORS, "implicit_users": 2, "implicit_films": 2}
ALL = [(biases, DAMPING), (biased_mf, FACTORS), (implicit_mf, IMPLICIT)]
USERS, MOVIES = 60, 40
STEPS = tuple(float(step) for step in np.arange(0.5, 5.5, 0.5))


def _ratings(seed: int = 0, noise: float = 0.1) -> tuple[Any, Any, Any]:
    """Every second pair, rated by biases and two factors."""
    random = np.random.default_rng(seed)
    user, movie = np.nonzero(random.random((USERS, MOVIES)) < 0.5)
    p, q = random.normal(size=(USERS, 2)), random.normal(size=(MOVIES, 2))
    b, c = random.normal(0, 0.3, USERS), random.normal(0, 0.3, MOVIES)
    value = 3 + b[user] + c[movie] + 0.4 * (p[user] * q[movie]).sum(1)
    return user, movie, np.clip(value + random.normal(0, noise, len(user)), 0.5, 5)


def _features(kind: str = "regression") -> Features:
    user, movie, value = _ratings()
    split = np.random.default_rng(1).choice(
        ["train", "validation", "test"], len(user), p=[0.7, 0.15, 0.15]
    )
    target = value if kind == "regression" else np.rint(value * 2).astype(int) - 1
    task = Task("rating", "regression", (), "rmse")
    if kind == "ordinal":
        task = Task("rating", "ordinal", tuple(map(str, STEPS)), "rmse", STEPS)
    return Features(
        arrays={"facts": np.zeros((MOVIES, 1), np.float32)},
        present={"facts": np.ones(MOVIES, bool)},
        examples=pd.DataFrame(
            {
                "example_id": [f"{u}:{m}" for u, m in zip(user, movie, strict=True)],
                "user": user,
                "movie": movie,
                "split": split,
                "target": target,
                "cluster": user.astype(str),
            }
        ),
        modalities={"facts": Modality("facts", "movie", "numeric", 1, "numeric", "normal", "")},
        task=task,
    )


@pytest.mark.parametrize("kind", ["regression", "ordinal"])
@pytest.mark.parametrize(("row", "parameters"), ALL)
def test_rows_beat_the_mean_and_choose_on_validation(row: Any, parameters: Any, kind: str) -> None:
    features = _features(kind)
    result = row.fit_predict(features, parameters, 3)
    column = "prediction" if kind == "regression" else "expected"
    floor = majority.fit_predict(features, {}, 3).predictions
    truth = ratings_of(features, features.rows("test"))

    def error(table: pd.DataFrame) -> float:
        return rmse(table.loc[table["split"] == "test", column].to_numpy(), truth)

    assert error(result.predictions) < 0.9 * error(floor)
    lowest = min(result.history, key=lambda tried: tried["validation_rmse"])
    assert result.chosen.items() <= lowest.items()


@pytest.mark.parametrize(("row", "parameters"), ALL)
def test_ratings_of_test_change_no_prediction(row: Any, parameters: Any) -> None:
    features = _features()
    before = row.fit_predict(features, parameters, 3).predictions["prediction"]
    test = features.rows("test")
    target = features.examples["target"].to_numpy().copy()
    target[test] = target[test][::-1]
    features.examples["target"] = target
    after = row.fit_predict(features, parameters, 3).predictions["prediction"]
    np.testing.assert_array_equal(before, after)


def test_biases_are_the_ridge_solution() -> None:
    user, movie, value = _ratings()
    found = biases.fit(Ratings(user, movie, value, USERS, MOVIES), 2.0, 5.0)
    design = np.zeros((len(value), USERS + MOVIES))
    design[np.arange(len(value)), user] = 1
    design[np.arange(len(value)), USERS + movie] = 1
    penalty = np.diag(np.r_[np.full(USERS, 2.0), np.full(MOVIES, 5.0)])
    exact = np.linalg.solve(design.T @ design + penalty, design.T @ (value - value.mean()))
    np.testing.assert_allclose(np.r_[found.user, found.movie], exact, atol=1e-4)


def test_factors_find_what_biases_cannot() -> None:
    user, movie, value = _ratings()
    held = np.random.default_rng(5).random(len(user)) < 0.2
    train, test = (
        Ratings(user[part], movie[part], value[part], USERS, MOVIES) for part in (~held, held)
    )
    fits = biased_mf.sweeps(train, 2, 0)
    for _ in range(30):
        model = next(fits)
    alone = biases.fit(train, 1.0, 1.0).predict(test.user, test.movie)
    assert rmse(model.predict(test.user, test.movie), test) < 0.5 * rmse(alone, test)


def test_expected_squared_error_is_that_of_sampled_factors() -> None:
    user, movie, value = _ratings()
    train = Ratings(user, movie, value, USERS, MOVIES)
    model = next(biased_mf.sweeps(train, 2, 0))
    residual = value - train.mean
    found = biased_mf._squared_error(
        float((residual**2).sum()),
        train.matrix(np.ones(len(value))),
        train.matrix(residual),
        model.user,
        model.movie,
    )
    random = np.random.default_rng(0)
    sums = []
    for _ in range(400):
        p, q = (
            side.mean
            + np.einsum(
                "rij,rj->ri", np.linalg.cholesky(side.covariance), random.normal(size=(rows, 3))
            )
            for side, rows in ((model.user, USERS), (model.movie, MOVIES))
        )
        fitted = (p[user, :2] * q[movie, :2]).sum(1) + p[user, 2] + q[movie, 2]
        sums.append(((residual - fitted) ** 2).sum())
    assert found == pytest.approx(np.mean(sums), rel=0.02)


def test_an_entity_without_ratings_falls_back_to_the_mean() -> None:
    user, movie, value = _ratings()
    train = Ratings(user, movie, value, USERS + 1, MOVIES + 1)
    strangers = np.array([USERS]), np.array([MOVIES])
    assert biases.fit(train, 1.0, 1.0).predict(*strangers) == pytest.approx(train.mean)
    model = next(biased_mf.sweeps(train, 2, 0))
    assert model.predict(*strangers) == pytest.approx(train.mean)


def test_an_ordinal_output_expects_the_prediction() -> None:
    task = Task("rating", "ordinal", tuple(map(str, STEPS)), "rmse", STEPS)
    predicted = np.array([0.5, 0.6, 3.0, 4.99, 5.0, 7.0])
    output = as_output(predicted, task)
    np.testing.assert_allclose(output.sum(1), 1)
    np.testing.assert_allclose(output @ np.array(STEPS), np.clip(predicted, 0.5, 5))


@pytest.mark.parametrize(
    ("row", "parameters"),
    [
        (biases, {"damping_user": [], "damping_movie": [1.0]}),
        (biases, {"damping_user": [0.0], "damping_movie": [1.0]}),
        (biased_mf, {**FACTORS, "ranks": []}),
        (biased_mf, {**FACTORS, "ranks": [0]}),
        (biased_mf, {**FACTORS, "max_sweeps": 0}),
        (implicit_mf, {**IMPLICIT, "ranks": []}),
        (implicit_mf, {**IMPLICIT, "ranks": [0]}),
    ],
)
def test_nothing_to_try_is_refused(row: Any, parameters: Any) -> None:
    with pytest.raises(InputError, match=r"biases|biased_mf|implicit_mf"):
        row.fit_predict(_features(), parameters, 0)


def test_examples_without_users_are_refused(tiny_features: Any) -> None:
    with pytest.raises(InputError, match="user"):
        biases.fit_predict(tiny_features("regression"), DAMPING, 0)
