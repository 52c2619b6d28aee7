"""What a MovieLens release must say about itself, and the columns that all of them share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

Role = Literal["ratings", "movies", "links", "users", "archive"]

EARLIEST = 788_918_400
"""1995-01-01 in unix seconds: MovieLens had no ratings before."""
SITE = "https://files.grouplens.org/datasets/movielens"

EXPECTED = {
    "wrong_field_count": "as many fields as the release has",
    "not_utf8": "UTF-8 text",
    "bad_user": "a whole number above 0 and below 2^31",
    "bad_movie": "a whole number above 0 and below 2^31",
    "bad_rating": "a number",
    "rating_out_of_scale": "a step of the release's scale",
    "bad_time": "unix seconds between 1995 and tomorrow",
    "bad_link": "a whole number or nothing",
}
"""Reason code of a quarantined row, and what was expected in its place."""


@dataclass(frozen=True)
class Release:
    """Files of one MovieLens release, as GroupLens distributes them."""

    name: str
    files: dict[Role, str]
    """Role to file name; ``links`` and ``users`` may be absent on disk."""
    separator: str
    header: bool
    lowest: float
    step: float
    """Ratings run from ``lowest`` to 5 by ``step``."""
    archive: str = ""
    """Name of the zip; empty: the release's name and ``.zip``."""
    movie_fields: tuple[str, ...] = ("movieId", "title", "genres")
    genre_flags: tuple[str, ...] = field(default=())
    """Genres of one-or-zero columns at the end of a line of ``movies``, in their order."""

    @property
    def url(self) -> str:
        """Where GroupLens offers the zip."""
        return f"{SITE}/{self.archive or f'{self.name}.zip'}"

    @property
    def download(self) -> str:
        """How to get the files, in words."""
        return f"{self.url} (or set movielens.ingest.download=true)"


RATING_FIELDS = ("userId", "movieId", "rating", "timestamp")
HIGHEST = 5.0
NO_GENRES = ("(no genres listed)", "unknown")

_CSV: dict[Role, str] = {"ratings": "ratings.csv", "movies": "movies.csv", "links": "links.csv"}
_DAT: dict[Role, str] = {"ratings": "ratings.dat", "movies": "movies.dat", "users": "users.dat"}
_TAB: dict[Role, str] = {"ratings": "u.data", "movies": "u.item", "users": "u.user"}
_GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
_ITEM = ("movieId", "title", "released", "video_released", "url")

RELEASES: dict[str, Release] = {
    release.name: release
    for release in (
        Release("ml-latest-small", _CSV, ",", True, 0.5, 0.5),
        Release("ml-20m", _CSV, ",", True, 0.5, 0.5),
        Release("ml-25m", _CSV, ",", True, 0.5, 0.5),
        Release("ml-32m", _CSV, ",", True, 0.5, 0.5),
        Release("ml-1m", _DAT, "::", False, 1.0, 1.0),
        Release("ml-10m", _DAT, "::", False, 0.5, 0.5),
        Release("ml-100k", _TAB, "\t", False, 1.0, 1.0, movie_fields=_ITEM, genre_flags=_GENRES),
    )
}


def rating_columns() -> dict[str, pl.DataType]:
    """Columns of the table of ratings and their types."""
    import polars as pl

    return {
        "user_id": pl.Int32(),
        "movie_id": pl.Int32(),
        "rating": pl.Float32(),
        "timestamp": pl.Int64(),
    }


def movie_columns() -> dict[str, pl.DataType]:
    """Columns of the table of films and their types; ``genres`` is separated by ``|``."""
    import polars as pl

    return {
        "movie_id": pl.Int32(),
        "title": pl.String(),
        "year": pl.Int32(),
        "genres": pl.String(),
        "imdb_id": pl.Int64(),
        "tmdb_id": pl.Int64(),
    }


def quarantine_columns() -> dict[str, pl.DataType]:
    """Columns of the quarantine table and their types."""
    import polars as pl

    return {
        "file": pl.String(),
        "line": pl.Int64(),
        "reason": pl.String(),
        "value": pl.String(),
        "expected": pl.String(),
    }
