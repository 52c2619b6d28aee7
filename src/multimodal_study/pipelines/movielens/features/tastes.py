"""What a person should make of a film, as the ratings of train tell without the example's fold.

Unlike an aggregate, which has a row per user or per film, these numbers are about a pair: a rating
that :mod:`multimodal_study.data.known_factors` expects and the summands of it, with genres and
five-year bins of films and who rated what as known columns; and what the person thought of films
with the same people, of the same genres, and that the same people saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from multimodal_study.contract import Modality
from multimodal_study.data import known_factors
from multimodal_study.data.implicit import activity, implicit_columns
from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.features.aggregates import biases
from multimodal_study.pipelines.movielens.features.slots import Floats, Ints, Mask, TrainRatings
from multimodal_study.pipelines.options import known_options
from multimodal_study.pipelines.views import View
from multimodal_study.side_by_side import side_by_side

if TYPE_CHECKING:
    import pandas as pd

PAIR = "pair"
"""Entity with a row per example."""
EXPECTED = ("expected", "biases", "factors", "contents", "viewers")
VIEWERS = "viewers"
_OPTIONS = ("rank", "sweeps", "implicit_users", "implicit_films")


@dataclass(frozen=True)
class Pairs:
    """Users and films of all examples, and the fold that each must not learn from."""

    user: Ints
    """Index of the user ``[n]``."""
    movie: Ints
    fold: Ints
    """As in ``TrainRatings``; ``folds`` for examples that are not of train."""


def taste_view(  # noqa: PLR0917
    ratings: TrainRatings,
    pairs: Pairs,
    known: Floats,
    bags: dict[str, Any],
    options: dict[str, Any],
    smoothing: float,
    tabular: dict[str, Any],
    seed: int,
) -> View:
    """``tastes``: scaled; missing where there is no rating to learn from.

    Args:
        ratings: Of train.
        pairs: Of all examples ``[n]``.
        known: What is known of films ``[i, c]``, such as multi-hot genres.
        bags: Name to non-negative terms of films, dense or CSR ``[i, t]``: films are alike by the
            cosine.
        options: ``rank``, ``sweeps``, ``implicit_users``, ``implicit_films``.
        smoothing: Of biases and of means over like films, in ratings.
        tabular: Of ``fit_tabular``.
        seed: Of the first factors.

    Raises:
        InputError: An option is unknown or out of range.
    """
    from multimodal_study.encoders.tabular import fit_tabular

    known_options("movielens.featurise.tastes", options, _OPTIONS)
    table = tastes(ratings, pairs, known, bags, smoothing=smoothing, seed=seed, **options)
    present = table["expected"].notna().to_numpy(dtype=bool)
    names = [str(column) for column in table.columns]
    of_train = pairs.fold < ratings.folds
    array, columns = fit_tabular(table, present & of_train, numeric=names, log=[], **tabular)
    array[~present] = 0
    note = f"train without the example's fold ({ratings.history}), {options}, seed {seed}"
    modality = Modality("tastes", PAIR, "numeric", len(columns), "tastes", "normal", note, columns)
    return View(modality, array, present)


def tastes(
    ratings: TrainRatings,
    pairs: Pairs,
    known: Floats,
    bags: dict[str, Any],
    *,
    rank: int,
    sweeps: int,
    implicit_users: int,
    implicit_films: int,
    smoothing: float,
    seed: int,
) -> pd.DataFrame:
    """One row per pair, in ratings; missing where nothing may be learnt from.

    Columns: ``expected`` and its summands ``biases``, ``factors``, ``contents`` (weights of known
    columns of films) and ``viewers`` (of users); for each bag, and for who saw a film with the
    weights of tf-idf (``viewers``), ``alike:<bag>``, the damped mean
    ``sum(c e) / (s + sum c)`` of the user's residuals ``e`` over biases, weighted by the cosine
    ``c`` of the films' terms, and ``weight:<bag>``, ``log(1 + sum c)``.
    """
    import pandas as pd
    from joblib import cpu_count

    _in_range(rank=(rank, 1), sweeps=(sweeps, 1))
    _in_range(implicit_users=(implicit_users, 0), implicit_films=(implicit_films, 0))
    terms = {name: _unit(bag) for name, bag in bags.items()}
    named = (f"{what}:{name}" for name in [*terms, VIEWERS] for what in ("alike", "weight"))
    columns = [*EXPECTED, *named]
    found = np.full((len(pairs.user), len(columns)), np.nan)
    blocks = [
        (rows, np.flatnonzero(pairs.fold == s)) for s, rows in enumerate(ratings.learnt_from())
    ]
    blocks = [(rows, asked) for rows, asked in blocks if rows.any() and len(asked)]

    def of_block(block: tuple[Mask, Ints]) -> Floats:
        rows, asked = block
        pair = pairs.user[asked], pairs.movie[asked]
        implicit = (implicit_users, implicit_films)
        expected = _expected(ratings, rows, known, implicit, rank, sweeps, seed, pair)
        like = {**terms, VIEWERS: _viewers(ratings, rows)}
        return np.hstack([expected, *_alike(ratings, rows, like, smoothing, pair)])

    made = side_by_side(of_block, blocks, min(cpu_count(), len(blocks)) or 1)
    for (_, asked), values in zip(blocks, made, strict=True):
        found[asked] = values
    return pd.DataFrame(found, columns=columns)


def _in_range(**options: tuple[int, int]) -> None:
    for name, (value, low) in options.items():
        if value < low:
            raise InputError(f"movielens.featurise.tastes.{name} is {value}, at least {low}")


def _viewers(ratings: TrainRatings, rows: Mask) -> csr_matrix:
    """Who saw a film, films of length 1: ``[i, u]``."""
    from sklearn.feature_extraction.text import TfidfTransformer

    seen = csr_matrix(
        (np.ones(int(rows.sum())), (ratings.movie[rows], ratings.user[rows])),
        shape=(ratings.movies, ratings.users),
    )
    return _unit(TfidfTransformer().fit_transform(seen))


def _expected(  # noqa: PLR0917
    ratings: TrainRatings,
    rows: Mask,
    known: Floats,
    implicit: tuple[int, int],
    rank: int,
    count: int,
    seed: int,
    asked: tuple[Ints, Ints],
) -> Floats:
    """Columns ``EXPECTED`` of the pairs ``asked``: float64 ``[n, 5]``."""
    user, movie, value = ratings.user[rows], ratings.movie[rows], ratings.rating[rows]
    sizes = ratings.users, ratings.movies
    of_users, _ = implicit_columns(user, movie, sizes, implicit[0])
    _, of_films = implicit_columns(user, movie, sizes, implicit[1])
    columns = (
        np.hstack([activity(user, sizes[0]), of_users]),
        np.hstack([known, activity(movie, sizes[1]), of_films]),
    )
    *_, model = islice(
        known_factors.sweeps((user, movie), value, columns, rank=rank, seed=seed), count
    )
    parts = model.parts(*asked)
    return np.hstack([model.mean + parts.sum(1, keepdims=True), parts])


def _alike(
    ratings: TrainRatings,
    rows: Mask,
    terms: dict[str, csr_matrix],
    smoothing: float,
    asked: tuple[Ints, Ints],
) -> list[Floats]:
    """For each bag the mean and its weight: float64 ``[n, 2]``."""
    user, movie = ratings.user[rows], ratings.movie[rows]
    known = biases(ratings, rows, smoothing)
    residual = ratings.rating[rows] - known.mean - known.user[user] - known.movie[movie]
    shape = ratings.users, ratings.movies
    found = []
    for bag in terms.values():
        of_pair = bag[asked[1]]
        place = np.repeat(np.arange(len(asked[0])), np.diff(of_pair.indptr))
        summed, weight = (
            np.bincount(place, of_pair.data * by_term, len(asked[0]))
            for by_term in (
                # What each user's films have of each term; only what a pair asks for is read.
                (csr_matrix((value, (user, movie)), shape=shape) @ bag).toarray()[
                    asked[0][place], of_pair.indices
                ]
                for value in (residual, np.ones(len(user)))
            )
        )
        found.append(np.stack([summed / (smoothing + weight), np.log1p(weight)], axis=1))
    return found


def _unit(bag: Any) -> csr_matrix:
    """Rows of length 1, but for empty ones."""
    from sklearn.preprocessing import normalize

    return csr_matrix(normalize(csr_matrix(bag, dtype=np.float64)))
