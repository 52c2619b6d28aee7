"""Films, ratings and splits to :class:`multimodal_study.contract.Features`.

Entities: ``movie`` (a row per film), ``user`` (an index alone: nothing is known of a user but the
ratings), ``movie_fold`` and ``user_fold`` (a row per fold, see :mod:`.features`), ``pair`` (a row
per example). Times of ratings stand in the examples to lead back to the source; no feature is made
of them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Features
from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens import task as tasks
from multimodal_study.pipelines.movielens.features import contents, films
from multimodal_study.pipelines.movielens.features import ratings as learnt
from multimodal_study.pipelines.movielens.features.slots import TrainRatings, slot_rows
from multimodal_study.pipelines.movielens.features.tastes import PAIR, Pairs, taste_view
from multimodal_study.pipelines.options import known_options

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from multimodal_study.pipelines.views import Mask, View

logger = logging.getLogger(__name__)

OPTIONS = (
    "cache", "text", "tokens", "words", "pictures", "regions", "facts", "genres",
    "people_min_films", "external", "aggregates", "graph", "tastes", "smoothing", "tabular",
)  # fmt: skip
_BOTH = ("image", "text")
_PEOPLE = 3


def featurise(  # noqa: PLR0917 - a node's inputs come by position
    ratings: pl.LazyFrame,
    splits: pl.LazyFrame,
    table: pd.DataFrame,
    task: dict[str, Any],
    featurise: dict[str, Any],
    image: dict[str, Any],
    ingest_summary: dict[str, Any],
    split_summary: dict[str, Any],
    enrich_summary: dict[str, Any],
    seed: int,
) -> Features:
    """Features of all ratings.

    Args:
        ratings: Table of ``ingest``, ``n`` rows.
        splits: Table of ``split``, the same rows.
        table: Films of ``enrich``, in the order of the index ``movie``.
        task: ``kind``, ``decides``, ``positive_from``.
        featurise: The options of ``OPTIONS``; see ``conf/base/parameters_movielens.yml``.
        image: Of the image encoder.
        ingest_summary: For the source and the provenance.
        split_summary: For the provenance.
        enrich_summary: For the provenance.
        seed: Of the graph factors.

    Raises:
        InputError: An option is unknown or out of range, or nothing is left.
    """
    known_options("movielens.featurise", featurise, OPTIONS)
    rows = _rows(ratings, splits)
    chosen = tasks.task_of(task, ingest_summary["source"])
    train, known = _train(rows, len(table), split_summary)
    views = _of_films(table, known, featurise, image)
    views += _of_ratings(train, table, featurise, seed)
    views += _of_pairs(train, rows, table, views, featurise, seed)
    kept = {view.modality.name: view for view in views}
    if not kept:
        raise InputError("movielens.featurise leaves no modality; switch some of them on")
    pair = _BOTH if set(_BOTH) <= {view.modality.origin for view in views} else None
    return Features(
        arrays={name: view.array for name, view in kept.items()},
        present={name: view.present for name, view in kept.items()},
        examples=_examples(rows, table, tasks.target(rows["rating"], chosen), train.slots, pair),
        modalities={name: view.modality for name, view in kept.items()},
        task=chosen,
        provenance={
            "dataset": "movielens",
            "source": ingest_summary["source"],
            "ingest": ingest_summary,
            "split": split_summary,
            "enrich": enrich_summary,
            "positive_from": float(task.get("positive_from", 4.0)),
            "encoders": {name: view.modality.encoder for name, view in kept.items()},
        },
        lengths={name: view.lengths for name, view in kept.items() if view.lengths is not None},
        pair=pair,
    )


def _train(
    rows: dict[str, Any], movies: int, split_summary: dict[str, Any]
) -> tuple[TrainRatings, Mask]:
    """The ratings that may be learnt from, and the films that they are about: bool ``[i]``."""
    mine = rows["split"] == "train"
    known = np.zeros(movies, dtype=bool)
    known[rows["movie"][mine]] = True
    train = TrainRatings(
        rows["user"][mine],
        rows["movie"][mine],
        rows["rating"][mine],
        rows["fold"][mine],
        users=int(rows["user"].max()) + 1,
        movies=movies,
        folds=int(split_summary["folds"]),
        history=str(split_summary["history"]),
    )
    return train, known


def _rows(ratings: pl.LazyFrame, splits: pl.LazyFrame) -> dict[str, Any]:
    """Columns of ratings and splits side by side, and ``cluster``."""
    import polars as pl

    table = pl.concat([ratings.lazy().collect(), splits.lazy().collect()], how="horizontal")
    rows: dict[str, Any] = {
        name: table[name].to_numpy() for name in table.columns if name != "split"
    }
    rows["rating"] = rows["rating"].astype(np.float64)
    rows["split"] = table["split"].cast(pl.String).to_numpy()
    return rows


def _of_films(
    table: pd.DataFrame, train: Mask, options: dict[str, Any], image: dict[str, Any]
) -> list[View]:
    """Views of the entity ``movie``."""
    cache = Path(options.get("cache") or "data/04_feature/cache")
    tabular = dict(options.get("tabular") or {})
    array, names = films.genre_matrix(table)
    people = options.get("people_min_films", _PEOPLE)
    made = [
        films.facts_view(table, train, tabular) if options.get("facts", True) else None,
        films.genres_view(array, names) if options.get("genres", True) else None,
        films.people_view(table, train, int(people)) if people else None,
        films.external_view(table, train, tabular) if options.get("external", False) else None,
        *contents.text_views(table, train, options, cache),
    ]
    if options.get("pictures", True):
        regions = bool(options.get("regions", True))
        made += contents.picture_views(table, image, cache, regions=regions)
    return [view for view in made if view is not None]


def _of_ratings(
    train: TrainRatings, table: pd.DataFrame, options: dict[str, Any], seed: int
) -> list[View]:
    """Views of the entities ``user_fold`` and ``movie_fold``."""
    smoothing = float(options.get("smoothing", 4.0))
    made: list[View] = []
    if options.get("aggregates", True):
        tabular = dict(options.get("tabular") or {})
        made += learnt.aggregate_views(train, *films.genre_matrix(table), smoothing, tabular)
    if options.get("graph"):
        made += learnt.graph_views(train, dict(options["graph"]), smoothing, seed)
    return made


def _of_pairs(  # noqa: PLR0917
    train: TrainRatings,
    rows: dict[str, Any],
    table: pd.DataFrame,
    views: list[View],
    options: dict[str, Any],
    seed: int,
) -> list[View]:
    """View of the entity ``pair``; films are alike by genres and, where there are any, people."""
    if not options.get("tastes"):
        return []
    genres, _ = films.genre_matrix(table)
    bags = {"genres": genres}
    bags |= {view.modality.name: view.array for view in views if view.modality.name == "people"}
    return [
        taste_view(
            train,
            Pairs(rows["user"], rows["movie"], rows["fold"]),
            np.hstack([genres, films.era_matrix(table)]),
            bags,
            dict(options["tastes"]),
            float(options.get("smoothing", 4.0)),
            dict(options.get("tabular") or {}),
            seed,
        )
    ]


def _examples(
    rows: dict[str, Any],
    table: pd.DataFrame,
    target: Any,
    slots: int,
    pair: tuple[str, str] | None,
) -> pd.DataFrame:
    """One row per rating; people are clusters: ratings of one person are not independent."""
    import pandas as pd

    users = pd.Series(rows["user_id"]).astype("str")
    examples = pd.DataFrame(
        {
            "example_id": users + ":" + pd.Series(rows["movie_id"]).astype("str"),
            "user": rows["user"].astype(np.int64),
            "movie": rows["movie"].astype(np.int64),
            learnt.USER: slot_rows(rows["user"], rows["fold"], slots),
            learnt.MOVIE: slot_rows(rows["movie"], rows["fold"], slots),
            PAIR: np.arange(len(users)),
            "split": rows["split"],
            "target": target,
            "cluster": users,
            "rating": rows["rating"],
            "user_id": rows["user_id"],
            "movie_id": rows["movie_id"],
            "timestamp": rows["timestamp"],
        }
    )
    if pair is not None:
        # A film without a picture or text shares its key with no other film.
        missing = "missing:" + table["movie_id"].astype("str")
        codes = {
            "image_key": table["poster_sha256"].fillna(missing),
            "text_key": table["text"].fillna(missing),
        }
        for name, values in codes.items():
            examples[name] = pd.factorize(values)[0][rows["movie"]]
    return examples
