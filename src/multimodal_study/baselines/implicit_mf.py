"""Biased factors with implicit feedback: who rated what takes part, whatever the rating.

As ``biased_mf``, and each user weighs columns that say who and how many rated a film, each film
columns that say what and how much a user rated (Koren 2008, section 3, SVD++). There the sets enter
as sums of learnt vectors; here as spectral columns with learnt weights, so that all is solved in
closed form, in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from multimodal_study.baselines.collaborative import Array, Selection
from multimodal_study.baselines.result import BaselineResult, Candidate, run
from multimodal_study.contract import Features
from multimodal_study.data.implicit import activity, implicit_columns
from multimodal_study.data.known_factors import Factorisation, sweeps
from multimodal_study.errors import InputError


@dataclass(frozen=True)
class _Rater:
    model: Factorisation

    def predict(self, user: Array, movie: Array) -> Array:
        found: Array = self.model.mean + self.model.parts(user, movie).sum(1)
        return found


def fit_predict(features: Features, parameters: dict[str, Any], seed: int) -> BaselineResult:
    """Fit on train with the rank and the number of sweeps that validation chooses.

    Args:
        features: With the entities user and movie.
        parameters: ``ranks`` to try; ``implicit_users`` and ``implicit_films``, columns of each;
            ``max_sweeps``; ``patience``, sweeps without a lower validation RMSE after which a fit
            ends.
        seed: Of the first factors.

    Raises:
        InputError: The features are no ratings, or there is no rank or sweep to try.
    """
    return run(features, seed, lambda: _choose(features, parameters, seed))


def _choose(features: Features, parameters: dict[str, Any], seed: int) -> Candidate:
    selection = Selection[_Rater](features)
    train = selection.train
    pairs, sizes = (train.user, train.movie), (train.users, train.movies)
    of_users, _ = implicit_columns(*pairs, sizes, int(parameters["implicit_users"]))
    _, of_films = implicit_columns(*pairs, sizes, int(parameters["implicit_films"]))
    of_users = np.hstack([activity(train.user, train.users), of_users])
    of_films = np.hstack([activity(train.movie, train.movies), of_films])
    for rank in parameters["ranks"]:
        if rank < 1:
            raise InputError(f"implicit_mf.ranks has {rank}, expected whole numbers from 1")
        lowest, since = np.inf, 0
        fits = sweeps(pairs, train.value, (of_users, of_films), rank=int(rank), seed=seed)
        for sweep, model in zip(range(1, int(parameters["max_sweeps"]) + 1), fits, strict=False):
            score = selection.offer(_Rater(model), {"rank": int(rank), "sweeps": sweep})
            lowest, since = (score, 0) if score < lowest else (lowest, since + 1)
            if since >= int(parameters["patience"]):
                break
    return selection.candidate(
        lambda rater: 1 + rater.model.user.mean.size + rater.model.movie.mean.size,
        "implicit_mf.ranks and implicit_mf.max_sweeps leave nothing to try",
    )
