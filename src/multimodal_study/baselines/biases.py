"""Damped biases: some people rate high, some films are rated high, and nothing else is known.

``r_ui = m + b_u + b_i`` (Koren, Bell and Volinsky 2009, equation 3) with squared error and
``damping_user * b_u^2 + damping_movie * b_i^2``, solved to convergence by alternation. A user or
film that train lacks has the bias 0. Both dampings are chosen by the validation RMSE.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from multimodal_study.baselines.collaborative import Array, Ratings, Selection
from multimodal_study.baselines.result import BaselineResult, Candidate, run
from multimodal_study.contract import Features
from multimodal_study.data.damped_biases import damped_biases
from multimodal_study.errors import InputError


@dataclass(frozen=True)
class Biases:
    """Mean of train and what users and films add to it."""

    mean: float
    user: Array
    """float64 ``[u]``."""
    movie: Array
    """float64 ``[i]``."""

    def predict(self, user: Array, movie: Array) -> Array:
        """Ratings of pairs ``[n]``, not clipped."""
        found: Array = self.mean + self.user[user] + self.movie[movie]
        return found


def fit(train: Ratings, damping_user: float, damping_movie: float) -> Biases:
    """The minimum of the damped squared error on ``train``.

    Raises:
        InputError: A damping is not above 0.
    """
    if min(damping_user, damping_movie) <= 0:
        raise InputError(
            f"biases: damping {damping_user} for users, {damping_movie} for films; expected above 0"
        )
    user, movie = damped_biases(
        train.user,
        train.movie,
        train.value - train.mean,
        (train.users, train.movies),
        (damping_user, damping_movie),
    )
    return Biases(train.mean, user, movie)


def fit_predict(features: Features, parameters: dict[str, Any], seed: int) -> BaselineResult:
    """Fit on train with the dampings that validation chooses.

    Args:
        features: With the entities user and movie.
        parameters: ``damping_user`` and ``damping_movie``, values to try, in ratings.
        seed: Recorded; the solution is unique.

    Raises:
        InputError: The features are no ratings, or there is no damping to try.
    """
    return run(features, seed, lambda: _choose(features, parameters))


def _choose(features: Features, parameters: dict[str, Any]) -> Candidate:
    selection = Selection[Biases](features)
    for user, movie in product(parameters["damping_user"], parameters["damping_movie"]):
        chosen = {"damping_user": float(user), "damping_movie": float(movie)}
        selection.offer(fit(selection.train, **chosen), chosen)
    return selection.candidate(
        lambda model: 1 + len(model.user) + len(model.movie),
        "biases.damping_user and biases.damping_movie need values to try, one is empty",
    )
