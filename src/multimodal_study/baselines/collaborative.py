"""What the rows share that know a rating's user and film by number alone, and nothing of either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from scipy.sparse import csr_matrix

from multimodal_study.baselines.result import Candidate, target_of
from multimodal_study.contract import Features, Task
from multimodal_study.errors import InputError

Array = np.ndarray[Any, Any]
ENTITIES = ("user", "movie")


@dataclass(frozen=True)
class Ratings:
    """Ratings of one split, in the units of the scale."""

    user: Array
    """int64 ``[n]``."""
    movie: Array
    """int64 ``[n]``."""
    value: Array
    """float64 ``[n]``."""
    users: int
    movies: int
    """Numbers of users and films in all splits: what a film unseen in train is an index into."""

    @property
    def mean(self) -> float:
        """Mean rating."""
        return float(self.value.mean())

    def matrix(self, values: Array) -> csr_matrix:
        """``values`` ``[n]`` at their users and films ``[u, i]``; those of equal pairs add up."""
        return csr_matrix((values, (self.user, self.movie)), shape=(self.users, self.movies))


def ratings_of(features: Features, rows: Array) -> Ratings:
    """The examples ``rows`` as ratings.

    Raises:
        InputError: Examples have no users or films, or the task's classes are no numbers.
    """
    missing = [name for name in ENTITIES if name not in features.examples]
    if missing or features.task.kind not in {"regression", "ordinal"}:
        raise InputError(
            f"collaborative rows need a rating task and the columns {ENTITIES}; the task is "
            f"{features.task.kind} and {missing} is missing: place them on a ratings dataset"
        )
    user, movie = (features.examples[name].to_numpy(dtype=np.int64) for name in ENTITIES)
    target = target_of(features, rows)
    if features.task.kind == "ordinal":
        target = np.asarray(features.task.values)[target]
    users, movies = (int(index.max()) + 1 for index in (user, movie))
    return Ratings(user[rows], movie[rows], target, users, movies)


def bounds(train: Ratings) -> tuple[float, float]:
    """Lowest and highest rating of train: predictions are clipped to them."""
    return float(train.value.min()), float(train.value.max())


def rmse(predicted: Array, held_out: Ratings) -> float:
    """Root mean squared error over all ratings, in the units of the scale."""
    return float(np.sqrt(np.mean((predicted - held_out.value) ** 2)))


class Rater(Protocol):
    """A fitted model of ratings."""

    def predict(self, user: Array, movie: Array) -> Array:
        """Ratings of pairs ``[n]``, not clipped."""


Model = TypeVar("Model", bound=Rater)


class Selection(Generic[Model]):
    """Models fitted on ``train``, of which the lowest RMSE on validation keeps one.

    Raises:
        InputError: The features are no ratings.
    """

    def __init__(self, features: Features) -> None:
        self._features = features
        self.train = ratings_of(features, features.rows("train"))
        self._held_out = ratings_of(features, features.rows("validation"))
        self._bounds = bounds(self.train)
        self._tried: list[dict[str, Any]] = []
        self._best: tuple[float, Model, dict[str, Any]] | None = None

    def offer(self, model: Model, chosen: dict[str, Any]) -> float:
        """RMSE of ``model`` on validation; ``chosen`` is what it was fitted with."""
        score = rmse(self._predict(model, self._held_out), self._held_out)
        self._tried.append({**chosen, "validation_rmse": score})
        if self._best is None or score < self._best[0]:
            self._best = score, model, chosen
        return score

    def candidate(self, parameters: Callable[[Model], int], nothing: str) -> Candidate:
        """The best model, with its number of learned ``parameters``.

        Raises:
            InputError: No model was offered; ``nothing`` says why.
        """
        if self._best is None:
            raise InputError(nothing)
        _, model, chosen = self._best

        def predict(rows: Array) -> Array:
            ratings = ratings_of(self._features, rows)
            return as_output(self._predict(model, ratings), self._features.task)

        return Candidate(predict, parameters(model), chosen, self._tried)

    def _predict(self, model: Model, ratings: Ratings) -> Array:
        return np.clip(model.predict(ratings.user, ratings.movie), *self._bounds)


def as_output(predicted: Array, task: Task) -> Array:
    """Predicted ratings ``[n]`` in the form of the task's output.

    Returns:
        ``[n, 1]`` for a regression. For an ordinal task ``[n, c]``: the two steps next to the
        prediction share the probability so that the expected value is the prediction. Such rows
        give no calibrated distribution: read their RMSE and MAE, not their log-likelihood.
    """
    if task.kind == "regression":
        return predicted.reshape(-1, 1)
    values = np.asarray(task.values)
    inside = np.clip(predicted, values[0], values[-1])
    upper = np.clip(np.searchsorted(values, inside), 1, len(values) - 1)
    share = (inside - values[upper - 1]) / (values[upper] - values[upper - 1])
    output = np.zeros((len(predicted), len(values)))
    rows = np.arange(len(predicted))
    output[rows, upper - 1] = 1 - share
    output[rows, upper] = share
    return output
