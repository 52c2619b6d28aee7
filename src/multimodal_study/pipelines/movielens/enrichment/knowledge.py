"""Facts about films from ``movies.db`` of the PyPI package bokeh-sampledata, by exact joins only.

The file holds OMDb's and Rotten Tomatoes' records of 2014. It is opened read-only and only after
its digest was compared: release 2025.0 has the critics' consensus, 2026.1 does not.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.enrichment.titles import alternatives, key

if TYPE_CHECKING:
    import polars as pl

logger = logging.getLogger(__name__)

NAME = "bokeh-sampledata 2025.0 movies.db (OMDb and Rotten Tomatoes, 2014)"
GET = "pip install bokeh-sampledata==2025.0"
DIGEST = "f3233f214298e92d374c9df019a0fd506c855c76bff11c9411beaaeb02361ea3"
NAMES = ("director", "writer", "cast", "language", "country")
"""Columns of names separated by ``|``."""
FACTS = ("runtime", "certificate", "oscars")
EXTERNAL = (
    "imdb_rating", "imdb_votes", "metacritic", "tomato_meter", "tomato_rating", "tomato_reviews",
    "audience_meter", "audience_rating", "audience_reviews",
)  # fmt: skip
"""Opinions of critics and audiences, gathered after many of the ratings were given."""
_YEARS_APART = 1
_QUERY = """
    SELECT o.ID AS db_id, o.imdbID AS imdb, o.Title AS title, o.Year AS year, o.Runtime AS runtime,
        o.Rating AS certificate, o.Oscars AS oscars, o.Director AS director, o.Writer AS writer,
        o."Cast" AS "cast", o.Language AS language, o.Country AS country,
        o.imdbRating AS imdb_rating, o.imdbVotes AS imdb_votes, o.Metacritic AS metacritic,
        t.Meter AS tomato_meter, t.Rating AS tomato_rating, t.Reviews AS tomato_reviews,
        t.userMeter AS audience_meter, t.userRating AS audience_rating,
        t.userReviews AS audience_reviews, t.Consensus AS consensus
    FROM omdb o LEFT JOIN tomatoes t ON t.ID = o.ID ORDER BY o.ID
"""
_NOTHING = ("", "N/A", "None")


def database() -> Path:
    """The file, found without importing the package, once its digest agrees.

    Raises:
        InputError: The package or the file is missing, or is of another release.
    """
    spec = importlib.util.find_spec("bokeh_sampledata")
    if spec is None or spec.origin is None:
        raise InputError(f"movielens.enrich.knowledge needs bokeh-sampledata: {GET}")
    path = Path(spec.origin).resolve().parent / "_data" / "movies.db"
    if not path.is_file():
        raise InputError(f"{path} is missing; reinstall it with: {GET}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != DIGEST:
        raise InputError(
            f"{path} has SHA-256 {digest}, expected {DIGEST}: another release lacks fields that "
            f"are read here. Reinstall it with: {GET}"
        )
    return path


def records(path: Path) -> list[dict[str, Any]]:
    """Every film of the database; names become ``a|b``, what is empty or N/A becomes None."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows = [dict(row) for row in connection.execute(_QUERY)]
    for row in rows:
        for name, value in row.items():
            row[name] = None if value in _NOTHING else value
        for name in NAMES:
            row[name] = names_of(row[name])
        # 0 minutes, votes or reviews stand for "not known" there.
        for name in ("runtime", "imdb_votes", "audience_reviews", "tomato_reviews"):
            row[name] = row[name] or None
    return rows


def names_of(raw: str | None) -> str | None:
    """``A (story), B (screenplay), A`` to ``A|B``: commas inside brackets do not separate."""
    if not raw:
        return None
    parts, depth, word = [], 0, ""
    for letter in f"{raw},":
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth <= 0:
            parts.append(word.split("(", maxsplit=1)[0].strip().replace("|", "/"))
            word, depth = "", 0
        else:
            word += letter
    if word.strip():
        parts.append(word.split("(")[0].strip().rstrip(","))
    return "|".join(dict.fromkeys(part for part in parts if part)) or None


def match(
    movies: Iterable[dict[str, Any]], known: list[dict[str, Any]]
) -> tuple[dict[int, int], Counter[str]]:
    """``movie_id`` to position in ``known``, and how many films went which way.

    By the IMDb id where the film has one. Else by title and year: the title as it stands before
    its alternatives, the same year before one year off; the first of these that finds anything
    decides, and it is refused where it finds two films, or where two films find the same one.

    Args:
        movies: ``movie_id``, ``title``, ``year``, ``imdb_id``; the last three may be None.
        known: ``title``, ``year``, ``imdb``.
    """
    by_imdb: dict[int, int] = {}
    by_title: dict[tuple[str, int], set[int]] = defaultdict(set)
    for place, row in enumerate(known):
        if row["imdb"]:
            by_imdb[int(str(row["imdb"]).removeprefix("tt"))] = place
        if row["title"] and row["year"]:
            by_title[key(row["title"]), int(row["year"])].add(place)
    found: dict[int, int] = {}
    how: dict[int, str] = {}
    for movie in movies:
        number = movie["movie_id"]
        hit, how[number] = _match_one(movie, by_imdb, by_title)
        if hit is not None:
            found[number] = hit
    claims = Counter(found.values())
    for number, place in list(found.items()):
        if claims[place] > 1:
            del found[number]
            how[number] = "refused_two_films_one_record"
    return found, Counter(how.values())


def _match_one(
    movie: dict[str, Any],
    by_imdb: dict[int, int],
    by_title: dict[tuple[str, int], set[int]],
) -> tuple[int | None, str]:
    if movie["imdb_id"] is not None:
        place = by_imdb.get(movie["imdb_id"])
        return place, "by_imdb_id" if place is not None else "not_found"
    if not movie["title"] or movie["year"] is None:
        return None, "no_title_or_year"
    titles = [key(title) for title in alternatives(movie["title"])]
    for years in ((movie["year"],), (movie["year"] - _YEARS_APART, movie["year"] + _YEARS_APART)):
        for title in titles:
            hits = set().union(*(by_title.get((title, year), set()) for year in years))
            if len(hits) > 1:
                return None, "refused_ambiguous"
            if hits:
                return hits.pop(), "by_title_and_year" if len(years) == 1 else "by_title_year_off"
    return None, "not_found"


def join(movies: pl.DataFrame, known: list[dict[str, Any]]) -> tuple[pl.DataFrame, dict[str, int]]:
    """``movies`` with the facts, names, opinions and ``consensus`` of the films that were found."""
    import polars as pl

    found, how = match(movies.iter_rows(named=True), known)
    columns: dict[str, Any] = {
        **dict.fromkeys((*FACTS[:1], FACTS[2], *EXTERNAL), pl.Float64()),
        **dict.fromkeys((FACTS[1], *NAMES, "consensus"), pl.String()),
    }
    ids = movies["movie_id"].to_list()
    rows = [known[found[number]] if number in found else None for number in ids]
    added = [
        pl.Series(name, [None if row is None else row[name] for row in rows], dtype=kind)
        for name, kind in columns.items()
    ]
    known_mask = pl.Series("has_knowledge", [row is not None for row in rows])
    logger.info("knowledge: %s", dict(how))
    return movies.with_columns(*added, known_mask), dict(sorted(how.items()))
