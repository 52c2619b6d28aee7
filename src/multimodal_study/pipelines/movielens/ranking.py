"""Top-N recommendation on the dataset's own split: recommenders side by side.

Settings are chosen by the NDCG on validation of fits on train; each recommender is then fitted once
more, on train and validation with that setting, and reads test once. Items that a user has rated
before, whatever the rating, do not compete; a film is to be found if its rating is at least
``movielens.task.positive_from``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix, hstack, vstack

from multimodal_study.baselines import ease, neighbours
from multimodal_study.errors import InputError
from multimodal_study.metrics.ranking import Scorer, TopN, evaluate
from multimodal_study.metrics.ranking_table import ranking_table
from multimodal_study.metrics.statistics import Array
from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.options import known_options

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Features

logger = logging.getLogger(__name__)

AGAINST = "ease"
CONTENTS = ("genres", "people")
OPTIONS = ("depth", "neighbours", "l2", "content_l2", "content_weights", "content_min_films")
Fit = Callable[[csr_matrix], Scorer]


@dataclass(frozen=True)
class Interactions:
    """Ratings of some splits as matrices ``[u, i]`` of ones."""

    seen: csr_matrix
    """Any rating."""
    liked: csr_matrix
    """Ratings that count as positive."""


def ranking(
    features: Features, ranking: dict[str, Any], evaluation: dict[str, Any]
) -> pd.DataFrame:
    """The table of recommenders; see :func:`.ranking_table`, and ``setting`` beside it.

    Args:
        features: With ``user``, ``movie`` and ``rating`` in their examples.
        ranking: The options of ``OPTIONS``; see ``conf/base/parameters_movielens.yml``.
        evaluation: How intervals are made.

    Raises:
        InputError: An option is unknown or out of range, or a split has no positive.
    """
    known_options("movielens.ranking", ranking, OPTIONS)
    depth = int(ranking["depth"])
    train, validation = (interactions(features, (name,)) for name in ("train", "validation"))
    before, test = (interactions(features, names) for names in (("train", "validation"), ("test",)))
    contents = film_contents(features, int(ranking["content_min_films"]))
    found: dict[str, TopN] = {}
    settings: dict[str, str] = {}
    for name, tried in recommenders(ranking, contents).items():
        setting, fit = _chosen(name, tried, train, validation.liked, depth)
        found[name] = evaluate(fit(before.liked), before.seen, test.liked, depth=depth)
        settings[name] = setting
        logger.info("ranking: %s (%s) %s", name, setting, found[name].means())
    table = ranking_table(found, AGAINST, resampling_of(evaluation))
    return table.assign(setting=table["recommender"].map(settings))


def recommenders(options: dict[str, Any], contents: csr_matrix) -> dict[str, list[tuple[str, Fit]]]:
    """What is compared: for each its settings to try, in words, with how they are fitted."""

    def near(number: int) -> Fit:
        return lambda liked: neighbours.fit(liked, number)

    def linear(l2: float) -> Fit:
        return lambda liked: ease.fit(liked, l2)

    def with_contents(l2: float, weight: float) -> Fit:
        rows = csr_matrix(contents.T * weight)
        return lambda liked: ease.fit(csr_matrix(vstack([liked, rows])), l2)

    named: dict[str, list[tuple[str, Fit]]] = {
        "popularity": [("", ease.popularity)],
        "item_knn": [(f"neighbours {n}", near(int(n))) for n in options["neighbours"]],
        AGAINST: [(f"l2 {l2:g}", linear(float(l2))) for l2 in options["l2"]],
    }
    if contents.shape[1]:
        named["ease_contents"] = [
            (f"l2 {l2:g}, weight {weight:g}", with_contents(float(l2), float(weight)))
            for l2, weight in product(options["content_l2"], options["content_weights"])
        ]
    return named


def interactions(features: Features, splits: tuple[str, ...]) -> Interactions:
    """Ratings of ``splits``; users and films are those of all examples."""
    examples = features.examples
    mine = examples["split"].isin(splits).to_numpy()
    user, movie = (examples[name].to_numpy(dtype=np.int64) for name in ("user", "movie"))
    shape = int(user.max()) + 1, int(movie.max()) + 1
    liked = mine & (examples["rating"].to_numpy() >= features.provenance["positive_from"])

    def matrix(kept: Array) -> csr_matrix:
        ones = np.ones(int(kept.sum()))
        return csr_matrix((ones, (user[kept], movie[kept])), shape=shape)

    return Interactions(matrix(mine), matrix(liked))


def film_contents(features: Features, min_films: int) -> csr_matrix:
    """Genres and people of every film ``[i, f]``, without those of fewer than ``min_films``.

    A column counts as a user who likes these films (Jeunen, Van Balen and Goethals 2020, "Closed-
    form models for collaborative filtering with side-information"), and is scaled by
    its inverse document frequency: that two films are dramas says less than who directed them.
    """
    movies = int(features.examples["movie"].max()) + 1
    parts = [csr_matrix(features.arrays[name]) for name in CONTENTS if name in features.arrays]
    if not parts:
        return csr_matrix((movies, 0))
    stacked = csr_matrix(hstack(parts))[:movies]
    films = np.asarray((stacked != 0).sum(0)).ravel()
    kept = films >= max(min_films, 1)
    scale = np.log(movies / films[kept])
    return csr_matrix(stacked[:, kept].multiply(scale / max(scale.max(initial=0.0), 1e-12)))


def _chosen(
    name: str, tried: list[tuple[str, Fit]], train: Interactions, wanted: csr_matrix, depth: int
) -> tuple[str, Fit]:
    def reached() -> Iterator[float]:
        for _, fit in tried:
            yield evaluate(fit(train.liked), train.seen, wanted, depth=depth).means()["ndcg"]

    if not tried:
        raise InputError(f"movielens.ranking leaves {name} nothing to try; give it a value")
    return tried[0] if len(tried) == 1 else tried[int(np.argmax(list(reached())))]
