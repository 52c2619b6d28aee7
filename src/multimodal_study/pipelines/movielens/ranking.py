"""Top-N recommendation on the dataset's own split: recommenders side by side.

Settings are chosen by the NDCG on validation of fits on train; each recommender is then fitted once
more, on train and validation with that setting, and reads test once. Items that a user has rated
before, whatever the rating, do not compete; a film is to be found if its rating is at least
``movielens.task.positive_from``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from joblib import cpu_count
from scipy.sparse import csr_matrix, hstack, vstack

from multimodal_study.baselines import ease, neighbours
from multimodal_study.errors import InputError
from multimodal_study.metrics.ranking import Scorer, TopN, evaluate
from multimodal_study.metrics.ranking_table import ranking_table
from multimodal_study.metrics.statistics import Array
from multimodal_study.models import lightgcn
from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.options import known_options
from multimodal_study.side_by_side import side_by_side

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Features

logger = logging.getLogger(__name__)

Part = TypeVar("Part")
Result = TypeVar("Result")

AGAINST = "ease"
CONTENTS = ("genres", "people")
OPTIONS = (
    "depth", "neighbours", "l2", "content_l2", "content_weights", "content_min_films", "lightgcn",
)  # fmt: skip
Fit = Callable[[csr_matrix], Scorer]
Reached = tuple[float, str, Fit]
"""NDCG on validation, the setting in words, and how it is fitted."""
Try = Callable[["Interactions", csr_matrix, int], Reached]
"""Train, what is to be found on validation, and the depth, to what one setting reached."""


@dataclass(frozen=True)
class Interactions:
    """Ratings of some splits as matrices ``[u, i]`` of ones."""

    seen: csr_matrix
    """Any rating."""
    liked: csr_matrix
    """Ratings that count as positive."""


def ranking(
    features: Features, ranking: dict[str, Any], evaluation: dict[str, Any], seed: int
) -> pd.DataFrame:
    """The table of recommenders; see :func:`.ranking_table`, and ``setting`` beside it.

    Args:
        features: With ``user``, ``movie`` and ``rating`` in their examples.
        ranking: The options of ``OPTIONS``; see ``conf/base/parameters_movielens.yml``.
        evaluation: How intervals are made.
        seed: Of what is learnt by steps.

    Raises:
        InputError: An option is unknown or out of range, or a split has no positive.
    """
    known_options("movielens.ranking", ranking, OPTIONS)
    depth = int(ranking["depth"])
    train, validation = (interactions(features, (name,)) for name in ("train", "validation"))
    before, test = (interactions(features, names) for names in (("train", "validation"), ("test",)))
    contents = film_contents(features, int(ranking["content_min_films"]))
    named = recommenders(ranking, contents, seed)

    tried = [(name, each) for name, tries in named.items() for each in tries]
    reached = parallel(lambda each: each[1](train, validation.liked, depth), tried)
    best: dict[str, Reached] = {}
    for (name, _), one in zip(tried, reached, strict=True):
        best[name] = max(best.get(name, one), one, key=lambda each: each[0])
    if lacking := named.keys() - best:
        raise InputError(
            f"movielens.ranking leaves {sorted(lacking)[0]} nothing to try; give it a value"
        )

    def found_by(name: str) -> TopN:
        return evaluate(best[name][2](before.liked), before.seen, test.liked, depth=depth)

    found = dict(zip(named, parallel(found_by, list(named)), strict=True))
    for name, lists in found.items():
        logger.info("ranking: %s (%s) %s", name, best[name][1], lists.means())
    settings = {name: setting for name, (_, setting, _) in best.items()}
    table = ranking_table(found, AGAINST, resampling_of(evaluation))
    return table.assign(setting=table["recommender"].map(settings))


def parallel(work: Callable[[Part], Result], parts: list[Part]) -> list[Result]:
    """``work`` on every part, on all cores, the last part first: those learn longest."""
    done = side_by_side(work, parts[::-1], min(cpu_count(), len(parts)) or 1)
    return list(done)[::-1]


def recommenders(options: dict[str, Any], contents: csr_matrix, seed: int) -> dict[str, list[Try]]:
    """What is compared, by name, with the settings to try; what learns longest comes last."""

    def near(number: int) -> Fit:
        return lambda liked: neighbours.fit(liked, number)

    def linear(l2: float, weight: float = 0.0) -> Fit:
        return lambda liked: ease.fit(_with_contents(liked, contents, weight), l2)

    named: dict[str, list[Try]] = {
        "popularity": _each([("", ease.popularity)]),
        "item_knn": _each([(f"neighbours {n}", near(int(n))) for n in options["neighbours"]]),
        AGAINST: _each([(f"l2 {l2:g}", linear(float(l2))) for l2 in options["l2"]]),
    }
    weights = [float(weight) for weight in options["content_weights"]]
    if contents.shape[1]:
        named["ease_contents"] = _each(
            [
                (f"l2 {l2:g}, weight {weight:g}", linear(float(l2), weight))
                for l2, weight in product(options["content_l2"], weights)
            ]
        )
    learnt = options.get("lightgcn")
    if learnt:
        named["lightgcn"] = graph_tries(learnt, contents, [0.0], seed)
        if contents.shape[1] and learnt["content_weights"]:
            tried = [float(weight) for weight in learnt["content_weights"]]
            named["lightgcn_contents"] = graph_tries(learnt, contents, tried, seed)
    return named


def graph_tries(
    options: dict[str, Any], contents: csr_matrix, weights: list[float], seed: int
) -> list[Try]:
    """LightGCN; a list among its options is a list to try, the number of passes is chosen too.

    Raises:
        InputError: An option is unknown or out of range.
    """
    known = [field.name for field in fields(lightgcn.Config)]
    own = ("every", "patience", "content_weights")
    known_options("movielens.ranking.lightgcn", options, (*known, *own))
    every, patience = int(options["every"]), int(options["patience"])
    given = {name: value for name, value in options.items() if name not in own}
    lists = {name: value for name, value in given.items() if isinstance(value, list)}
    rest = {name: value for name, value in given.items() if name not in lists}

    def refitted(config: lightgcn.Config, weight: float) -> Fit:
        return lambda liked: lightgcn.fit(
            _with_contents(liked, contents, weight), config, seed
        ).scores()

    def one(chosen: dict[str, Any], weight: float) -> Try:
        def reach(train: Interactions, wanted: csr_matrix, depth: int) -> Reached:
            def measure(score: Scorer) -> float:
                return evaluate(score, train.seen, wanted, depth=depth).means()["ndcg"]

            config = lightgcn.Config(**rest, **chosen)
            rows = _with_contents(train.liked, contents, weight)
            reached = lightgcn.follow(rows, config, seed, measure, every=every, patience=patience)
            epochs, best = max(reached, key=lambda each: each[1])
            words = [f"{name} {value}" for name, value in chosen.items()]
            words += [f"weight {weight:g}"] if weight else []
            fit = refitted(replace(config, max_epochs=epochs), weight)
            return best, ", ".join([*words, f"{epochs} passes"]), fit

        return reach

    combined = product(*lists.values(), weights)
    return [one(dict(zip(lists, values, strict=True)), weight) for *values, weight in combined]


def _with_contents(liked: csr_matrix, contents: csr_matrix, weight: float) -> csr_matrix:
    """``liked`` ``[u, i]`` and, unless ``weight`` is 0, the contents as more users below it."""
    return csr_matrix(vstack([liked, contents.T * weight])) if weight else liked


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


def _each(settings: list[tuple[str, Fit]]) -> list[Try]:
    """Fit each; a single setting has nothing to be compared with, and is not."""

    def one(words: str, fit: Fit) -> Try:
        def reach(train: Interactions, wanted: csr_matrix, depth: int) -> Reached:
            if len(settings) == 1:
                return 0.0, words, fit
            found = evaluate(fit(train.liked), train.seen, wanted, depth=depth)
            return found.means()["ndcg"], words, fit

        return reach

    return [one(*each) for each in settings]
