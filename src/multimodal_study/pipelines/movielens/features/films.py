"""What is known about a film, as numbers: facts, genres, people and, by option, opinions."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Modality
from multimodal_study.pipelines.movielens.enrichment.knowledge import EXTERNAL, NAME
from multimodal_study.pipelines.views import Mask, View

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

MOVIE = "movie"
METADATA = "metadata"
_NUMBERS = ("year", "runtime", "oscars")
_LOG = ("oscars", "imdb_votes", "tomato_reviews", "audience_reviews")
_ERA = 5
_PEOPLE = ("director", "cast", "writer", "country", "language")


def facts_view(table: pd.DataFrame, train: Mask, options: dict[str, Any]) -> View | None:
    """Year, five-year bin, runtime, certificate and Oscars of every film, from the source named.

    Args:
        table: One row per film.
        train: Films with a rating in train: scales and levels are learnt from them.
        options: Of ``fit_tabular``.
    """
    columns = table.reindex(columns=[*_NUMBERS, "certificate"]).copy()
    era = columns["year"].astype("float64") // _ERA * _ERA
    columns["era"] = era.map("{:.0f}".format).where(era.notna())
    categorical = ["era", "certificate"]
    return _tabular(
        "facts", METADATA, columns, table.columns, train, list(_NUMBERS), categorical, options
    )


def external_view(table: pd.DataFrame, train: Mask, options: dict[str, Any]) -> View | None:
    """Opinions of critics and audiences: popularity signals from outside, off by default."""
    columns = table.reindex(columns=list(EXTERNAL))
    return _tabular(
        "external", "external", columns, table.columns, train, list(EXTERNAL), [], options
    )


def genre_matrix(table: pd.DataFrame) -> tuple[np.ndarray[Any, np.dtype[np.float32]], list[str]]:
    """Multi-hot genres float32 ``[i, g]`` and their names, in alphabetical order."""
    listed = [_names(value) for value in table["genres"]]
    names = sorted({name for genres in listed for name in genres})
    place = {name: column for column, name in enumerate(names)}
    array = np.zeros((len(table), len(names)), dtype=np.float32)
    for row, genres in enumerate(listed):
        array[row, [place[name] for name in genres]] = 1
    return array, names


def genres_view(array: np.ndarray[Any, Any], names: list[str]) -> View | None:
    """Genres as the release gives them; a film without any has none, which is missing."""
    if not names:
        return None
    columns = tuple(names)
    modality = Modality(
        "genres", MOVIE, "categorical", len(names), METADATA, "bernoulli", "multi-hot", columns
    )
    return View(modality, array, np.asarray(array.any(axis=1)))


def era_matrix(table: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float32]]:
    """One-hot five-year bins of the films' years: float32 ``[i, e]``, zeros where unknown."""
    import pandas as pd

    era = table["year"].astype("float64") // _ERA
    return pd.get_dummies(era).to_numpy(dtype=np.float32)


def people_view(table: pd.DataFrame, train: Mask, min_films: int) -> View | None:
    """Who made a film, where and in which language: multi-hot CSR, as a bag of names.

    A column is a role and a name (``director: Jane Campion``); only names with ``min_films`` films
    among those that train has ratings of.
    """
    from scipy.sparse import csr_matrix

    bags = [_roles(row) for row in table.reindex(columns=list(_PEOPLE)).itertuples(index=False)]
    counts = Counter(term for bag, seen in zip(bags, train, strict=True) if seen for term in bag)
    terms = sorted(term for term, films in counts.items() if films >= min_films)
    if not terms:
        logger.info("people: left out, nobody has %d films in train", min_films)
        return None
    place = {term: column for column, term in enumerate(terms)}
    kept = [[place[term] for term in bag if term in place] for bag in bags]
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in kept])]).astype(np.int32)
    indices = np.array([column for row in kept for column in sorted(row)], dtype=np.int32)
    array = csr_matrix(
        (np.ones(len(indices), dtype=np.float32), indices, indptr), shape=(len(bags), len(terms))
    )
    note = f"{NAME}, names with {min_films} films in train"
    modality = Modality(
        "people", MOVIE, "words", len(terms), "people", "bernoulli", note, tuple(terms)
    )
    return View(modality, array, np.diff(indptr) > 0)


def _tabular(  # noqa: PLR0917
    name: str,
    origin: str,
    table: pd.DataFrame,
    source: pd.Index[Any],
    train: Mask,
    numeric: list[str],
    categorical: list[str],
    options: dict[str, Any],
) -> View | None:
    from multimodal_study.encoders.tabular import fit_tabular

    present = table.notna().any(axis=1).to_numpy(dtype=bool)
    if not (present & train).any():
        logger.info("%s: left out, nothing is known of the films of train", name)
        return None
    array, columns = fit_tabular(
        table,
        present & train,
        numeric=numeric,
        log=[column for column in numeric if column in _LOG],
        categorical=categorical,
        **options,
    )
    if not columns:
        return None
    array[~present] = 0
    note = NAME if "has_knowledge" in source else "the release's own files"
    modality = Modality(name, MOVIE, "numeric", len(columns), origin, "normal", note, columns)
    return View(modality, array, present)


def _names(value: Any) -> list[str]:
    return [name for name in value.split("|") if name] if isinstance(value, str) else []


def _roles(row: tuple[Any, ...]) -> list[str]:
    return [
        f"{role}: {name}"
        for role, value in zip(_PEOPLE, row, strict=True)
        for name in dict.fromkeys(_names(value))
    ]
