"""Raw files to a table of ratings, of films and of users, and a table of refused rows.

Polars streams the ratings through Parquet on disk; what stays in memory is twelve bytes per rating
while duplicates are looked for.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.locate import resolve
from multimodal_study.pipelines.movielens.sources import RELEASES, films, ratings, sample
from multimodal_study.pipelines.movielens.sources.schema import (
    EXPECTED,
    movie_columns,
    quarantine_columns,
    rating_columns,
)
from multimodal_study.pipelines.quarantine import check_share

if TYPE_CHECKING:
    import polars as pl

    Tables = tuple[pl.LazyFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame, dict[str, Any]]

logger = logging.getLogger(__name__)

FOLDER = "movielens_ingest"


def ingest(source_files: dict[str, Any], ingest: dict[str, Any]) -> Tables:
    """Ratings (lazy, on scratch Parquet), films, users, quarantine and a summary that adds up.

    Ratings keep the order of their lines. Of two ratings of one film by one user the later in time
    stays, at equal times the later line. Films are those that are described or rated, by id;
    users those with a rating, by id: an index into either is a position in these tables.

    Args:
        source_files: What ``locate`` found.
        ingest: ``max_quarantined_share``, ``scratch``.

    Raises:
        InputError: A file is damaged or of another kind, too many rows are refused, or none is
            left.
    """
    import polars as pl

    root = Path(str(ingest.get("scratch", "data/02_intermediate/scratch"))).absolute() / FOLDER
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    source = _read(source_files, root)
    judged = root / "judged.parquet"
    verdicts = ratings.judged(source.lines, source.lowest, source.step)
    verdicts.sink_parquet(judged, compression="lz4", engine="streaming")
    kept, counts = _kept(judged)
    refused = [_refused(judged, source.name)]
    files = [{"path": source.name, "role": "ratings", **counts}]
    for name, (role, part) in source.described.items():
        files.append({"path": name, "role": role, **part.counts, "reasons": _reasons(part)})
        refused.append(_quarantined(name, part.refused))
    quarantine = pl.concat(refused)
    allowed = float(ingest.get("max_quarantined_share", 0.05))
    for file in files:
        check_share(quarantine.lazy(), files, str(file["role"]), allowed)
    if not counts["kept"]:
        raise InputError(f"no rating is left of {counts['rows_read']} rows of {source.name}")
    movies = source.movies
    users, movies, undescribed = _entities(kept, movies)
    summary = _summary(source_files, files, movies.height, users.height, undescribed)
    logger.info("ratings: %s", summary["ratings"])
    return kept, movies, users, quarantine, summary


@dataclass(frozen=True)
class _Source:
    """What a source gives: lines of ratings as they stand, and films."""

    name: str
    lines: pl.LazyFrame
    lowest: float
    step: float
    movies: pl.DataFrame
    described: dict[str, tuple[str, films.Parsed]] = field(default_factory=dict)
    """File name to role and content of the small files."""


def _read(source_files: dict[str, Any], root: Path) -> _Source:
    if source_files["source"] == sample.NAME:
        frame, known = sample.read()
        movies = _sample_movies(known)
        return _Source(sample.FILE, frame.lazy(), sample.LOWEST, sample.STEP, movies)
    release = RELEASES[source_files["source"]]
    paths = resolve(source_files, root / "unpacked")
    parsed = {"movies": films.read_movies(paths["movies"], release)}
    if "links" in paths:
        parsed["links"] = films.read_links(paths["links"])
    described = {release.files[role]: (role, parsed[role]) for role in parsed}  # type: ignore[index]
    lines = ratings.scan(paths["ratings"], release)
    name = release.files["ratings"]
    return _Source(name, lines, release.lowest, release.step, _movies(parsed), described)


def _sample_movies(described: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    rows = [
        {
            "movie_id": number,
            "title": (title or "").strip() or None,
            "year": None if year is None else int(year),
            "genres": films.genres_of(genres or ""),
        }
        for number, title, year, genres in described.iter_rows()
    ]
    return _with_columns(
        pl.DataFrame(rows, schema_overrides=dict(list(movie_columns().items())[:4]))
    )


def _movies(parsed: dict[str, films.Parsed]) -> pl.DataFrame:
    import polars as pl

    columns = movie_columns()
    schema = {name: columns[name] for name in ("movie_id", "title", "year", "genres")}
    movies = pl.DataFrame(parsed["movies"].rows, schema=schema)
    if "links" in parsed:
        linked = {name: columns[name] for name in ("movie_id", "imdb_id", "tmdb_id")}
        links = pl.DataFrame(parsed["links"].rows, schema=linked)
        movies = movies.join(links, on="movie_id", how="left", maintain_order="left")
    return _with_columns(movies)


def _with_columns(movies: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    columns = movie_columns()
    absent = [pl.lit(None, dtype=columns[n]).alias(n) for n in columns if n not in movies.columns]
    return movies.with_columns(absent).select(pl.col(n).cast(kind) for n, kind in columns.items())


def _kept(judged: Path) -> tuple[pl.LazyFrame, dict[str, Any]]:
    """The ratings that stay, and the counts of the file."""
    import polars as pl

    table = pl.scan_parquet(judged)
    by_reason = table.group_by("reason").len().collect(engine="streaming")
    reasons = Counter({row[0]: int(row[1]) for row in by_reason.iter_rows()})
    good, blanks = reasons.pop(None, 0), reasons.pop(ratings.BLANK, 0)
    keys = table.filter(pl.col("reason").is_null()).select("line", "user_id", "movie_id")
    dropped, same = _duplicates(keys.collect(engine="streaming"), table)
    kept = table.filter(pl.col("reason").is_null())
    if len(dropped):
        lines = pl.LazyFrame({"line": dropped})
        kept = kept.join(lines, on="line", how="anti", maintain_order="left")
    counts = {
        "rows_read": good + reasons.total(),
        "kept": good - len(dropped),
        "duplicates": len(dropped),
        "duplicates_with_other_rating": len(dropped) - same,
        "quarantined": reasons.total(),
        "blank_lines": blanks,
        "reasons": dict(sorted(reasons.items())),
    }
    return kept.select(list(rating_columns())), counts


def _duplicates(keys: pl.DataFrame, table: pl.LazyFrame) -> tuple[pl.Series, int]:
    """Lines that give way to a later rating of the same pair, and how many agree with it."""
    import polars as pl

    pairs = (keys["user_id"].to_numpy().astype(np.int64) << 32) | keys["movie_id"].to_numpy()
    ordered = np.sort(pairs)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return keys["line"].head(0), 0
    # Both sides are numbers and one is sorted: far quicker than a test of membership by sorting.
    place = np.minimum(np.searchsorted(repeated, pairs), len(repeated) - 1)
    lines = keys["line"].filter(pl.Series(repeated[place] == pairs))
    rows = table.join(pl.LazyFrame({"line": lines}), on="line", how="semi").collect()
    last = pl.col("line").sort_by("timestamp", "line").last().over("user_id", "movie_id")
    stays = pl.col("rating").sort_by("timestamp", "line").last().over("user_id", "movie_id")
    gone = rows.with_columns(last.alias("last"), stays.alias("stays")).filter(
        pl.col("line") != pl.col("last")
    )
    return gone["line"], int((gone["rating"] == gone["stays"]).sum())


def _refused(judged: Path, name: str) -> pl.DataFrame:
    import polars as pl

    bad = pl.col("reason").is_not_null() & (pl.col("reason") != ratings.BLANK)
    rows = pl.scan_parquet(judged).filter(bad).select("line", "reason", "value")
    return _quarantined(name, rows.collect(engine="streaming").rows())


def _quarantined(file: str, refused: list[Any]) -> pl.DataFrame:
    import polars as pl

    rows = [(file, line, reason, value, EXPECTED[reason]) for line, reason, value in refused]
    return pl.DataFrame(rows, schema=quarantine_columns(), orient="row")


def _reasons(part: films.Parsed) -> dict[str, int]:
    return dict(sorted(Counter(reason for _, reason, _ in part.refused).items()))


def _entities(kept: pl.LazyFrame, movies: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Users, films (described or rated) and the number of films that nothing describes."""
    import polars as pl

    def distinct(name: str) -> pl.DataFrame:
        return kept.select(pl.col(name).unique()).collect(engine="streaming").sort(name)

    rated = distinct("movie_id").join(movies.select("movie_id"), on="movie_id", how="anti")
    if rated.height:
        logger.warning("%d rated films are not in the file of films: no title", rated.height)
        movies = pl.concat([movies, _with_columns(rated)]).sort("movie_id")
    return distinct("user_id"), movies, rated.height


def _summary(
    source_files: dict[str, Any],
    files: list[dict[str, Any]],
    movies: int,
    users: int,
    undescribed: int,
) -> dict[str, Any]:
    digests = {file["path"]: file["sha256"] for file in source_files["files"]}
    packed = next((f["sha256"] for f in source_files["files"] if f["role"] == "archive"), None)
    reasons = sum((Counter(file["reasons"]) for file in files), Counter[str]())
    return {
        "source": source_files["source"],
        "ratings": {k: value for k, value in files[0].items() if k not in ("path", "role")},
        "users": users,
        "movies": movies,
        "movies_undescribed": undescribed,
        "reasons": dict(sorted(reasons.items())),
        "files": [{**file, "sha256": packed or digests[file["path"]]} for file in files],
        "note": "rows_read = kept + duplicates + quarantined; blank lines are not rows",
    }
