"""The modalities that are learnt from ratings of train: aggregates and graph factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Modality
from multimodal_study.pipelines.movielens.features.aggregates import COUNT, aggregates
from multimodal_study.pipelines.movielens.features.factors import factors
from multimodal_study.pipelines.options import known_options
from multimodal_study.pipelines.views import View

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.pipelines.movielens.features.slots import Floats, TrainRatings

USER, MOVIE = "user_fold", "movie_fold"
"""Entities with a row per fold: a user, a film, as known without that fold of train."""
_GRAPH = ("rank", "iterations", "regularisation")


def aggregate_views(
    ratings: TrainRatings,
    genres: Floats,
    genre_names: list[str],
    smoothing: float,
    tabular: dict[str, Any],
) -> list[View]:
    """``user`` and ``popularity``: scaled aggregates; who has no other rating is missing."""
    users, movies = aggregates(ratings, genres, genre_names, smoothing=smoothing)
    note = f"train without the example's fold ({ratings.history}), smoothing {smoothing:g}"
    return [
        _scaled("user", USER, "user", users, ratings.slots, tabular, note),
        _scaled("popularity", MOVIE, "popularity", movies, ratings.slots, tabular, note),
    ]


def graph_views(
    ratings: TrainRatings, options: dict[str, Any], smoothing: float, seed: int
) -> list[View]:
    """``graph_user`` and ``graph_movie``: matrix factors of the ratings."""
    known_options("movielens.featurise.graph", options, _GRAPH)
    user, movie = factors(ratings, smoothing=smoothing, seed=seed, **options)
    note = f"CCD++ on residuals of train without the example's fold, {options}, seed {seed}"
    return [
        View(
            Modality(name, entity, "graph", array.shape[1], "graph", "normal", note),
            array,
            np.asarray(array.any(axis=1)),
        )
        for name, entity, array in (("graph_user", USER, user), ("graph_movie", MOVIE, movie))
    ]


def _scaled(  # noqa: PLR0917
    name: str,
    entity: str,
    origin: str,
    table: pd.DataFrame,
    slots: int,
    options: dict[str, Any],
    note: str,
) -> View:
    from multimodal_study.encoders.tabular import fit_tabular

    present = (table[COUNT] > 0).to_numpy(dtype=bool)
    of_train = np.arange(len(table)) % slots < slots - 1
    numeric = [str(column) for column in table.columns]
    array, columns = fit_tabular(table, present & of_train, numeric=numeric, log=[COUNT], **options)
    array[~present] = 0
    modality = Modality(name, entity, "numeric", len(columns), origin, "normal", note, columns)
    return View(modality, array, present)
