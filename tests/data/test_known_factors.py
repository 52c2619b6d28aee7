"""The factorisation with known columns, and who rated what as columns."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from multimodal_study.data.implicit import implicit_columns
from multimodal_study.data.known_factors import Rated, Side, _solve, sweeps

USERS, FILMS = 40, 50


def _pairs(share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    user, movie = np.divmod(np.flatnonzero(rng.random(USERS * FILMS) < share), FILMS)
    return user, movie, rng


def test_a_user_s_posterior_is_that_of_ridge_regression_on_what_is_known() -> None:
    """With films that have no factors but known ones the solution is that of a textbook."""
    user, movie, rng = _pairs(0.4)
    x = rng.normal(size=(FILMS, 3))
    residual = rng.normal(size=len(user))
    none = np.zeros((USERS, 0))
    prior = np.array([0.5, 0.2, 0.3, 0.7, 0.4])
    own = Side(1, none, np.zeros((USERS, 5)), np.zeros((USERS, 5, 5)), np.full(5, 0.1), prior)
    films = np.c_[rng.normal(size=FILMS), rng.normal(size=FILMS)]
    other = Side(1, x, films, np.zeros((FILMS, 2, 2)), np.zeros(2), np.ones(2))
    found, _ = _solve(Rated(user, movie, residual, none, x), own, other, 0.8)
    for row in range(3):
        mine = user == row
        design = np.c_[films[movie[mine], 0], x[movie[mine]], np.ones(mine.sum())]
        precision = design.T @ design / 0.8 + np.diag(1 / prior)
        target = residual[mine] - films[movie[mine], 1]
        mean = np.linalg.solve(precision, design.T @ target / 0.8 + 0.1 / prior)
        np.testing.assert_allclose(found.mean[row], mean)
        np.testing.assert_allclose(found.covariance[row], np.linalg.inv(precision))


def test_tastes_for_known_columns_are_found() -> None:
    user, movie, rng = _pairs(0.4)
    x = rng.choice([0.0, 1.0], (FILMS, 4))
    taste = rng.normal(size=(USERS, 4))
    truth = 3 + (taste @ x.T)
    kept = rng.random(len(user)) < 0.7
    value = truth[user, movie] + rng.normal(0, 0.1, len(user))
    *_, model = islice(
        sweeps((user[kept], movie[kept]), value[kept], (np.zeros((USERS, 0)), x), rank=1, seed=0),
        8,
    )
    predicted = model.mean + model.parts(user[~kept], movie[~kept]).sum(1)
    assert np.sqrt(np.mean((predicted - truth[user, movie][~kept]) ** 2)) < 0.3
    assert truth.std() > 0.9


def test_without_ratings_a_user_likes_what_all_do() -> None:
    """The weights of a user whom train lacks are the mean ones; factors and variance stay prior."""
    user, movie, rng = _pairs(0.4)
    x = rng.choice([0.0, 1.0], (FILMS, 2))
    value = 3 + 0.8 * x[movie, 0] + rng.normal(0, 0.1, len(user))
    kept = user > 0
    *_, model = islice(
        sweeps((user[kept], movie[kept]), value[kept], (np.zeros((USERS, 0)), x), rank=1, seed=0),
        5,
    )
    np.testing.assert_allclose(model.user.mean[0], model.user.mean[1:].mean(0), atol=0.05)
    films = np.arange(FILMS)
    predicted = model.mean + model.parts(np.zeros(FILMS, dtype=int), films).sum(1)
    np.testing.assert_allclose(predicted, 3 + 0.8 * x[:, 0], atol=0.15)


def test_people_who_see_the_same_films_lie_together() -> None:
    rng = np.random.default_rng(0)
    group_of_user, group_of_film = np.arange(USERS) % 2, np.arange(FILMS) % 2
    share = np.where(group_of_user[:, None] == group_of_film, 0.6, 0.05)
    user, movie = np.nonzero(rng.random((USERS, FILMS)) < share)
    users, films = implicit_columns(user, movie, (USERS, FILMS), 2)
    for vectors, group in ((users, group_of_user), (films, group_of_film)):
        cosine = vectors @ vectors.T
        same = group[:, None] == group
        assert cosine[same].mean() > cosine[~same].mean() + 0.5
    count = np.bincount(user, minlength=USERS)
    np.testing.assert_allclose(np.linalg.norm(users, axis=1), np.sqrt(count / (count + 3)))


@pytest.mark.parametrize("columns", [0, 3])
def test_rows_without_a_rating_are_zero(columns: int) -> None:
    user, movie = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    users, films = implicit_columns(user, movie, (4, 5), columns)
    assert users.shape == (4, columns) and films.shape == (5, columns)
    assert (users[3] == 0).all() and (films[3:] == 0).all()
    assert np.isfinite(users).all() and np.isfinite(films).all()
