"""Films with what is known about them: facts, text, picture; and a table of what is covered.

No value of a rating enters here: the number of ratings of a film weighs the table of coverage and
goes nowhere else.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.enrichment import (
    coverage,
    knowledge,
    posters,
    texts,
    tmdb,
)
from multimodal_study.pipelines.options import known_options
from multimodal_study.pipelines.source_files import sha256

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from multimodal_study.storage.secret import Secret

logger = logging.getLogger(__name__)

OPTIONS = (
    "knowledge",
    "texts",
    "consensus",
    "pictures",
    "plots",
    "posters",
    "cards",
    "tmdb",
)
_TMDB = ("fetch", "cache", "language", "image_size", "requests_per_second", "posters", "attempts")


def locate_enrichment(enrich: dict[str, Any]) -> dict[str, Any]:
    """What lies on disk for :func:`enrich`, by content, as plain JSON values.

    Args:
        enrich: The options of ``OPTIONS``.

    Raises:
        InputError: An option is unknown, or a file that was asked for is missing.
    """
    known_options("movielens.enrich", enrich, OPTIONS)
    known_options("movielens.enrich.tmdb", enrich.get("tmdb") or {}, _TMDB)
    found: dict[str, Any] = {"knowledge": None, "plots": None, "posters": None}
    if enrich.get("knowledge", True):
        found["knowledge"] = {"source": knowledge.NAME, "sha256": knowledge.DIGEST}
        knowledge.database()
    if enrich.get("plots") and "plots" in enrich.get("texts", ()):
        path = Path(str(enrich["plots"])).expanduser().absolute()
        texts.read_plots(path)
        found["plots"] = {"path": str(path), "sha256": sha256(path)}
    if enrich.get("posters") and "folder" in enrich.get("pictures", ()):
        folder = Path(str(enrich["posters"])).expanduser().absolute()
        names = posters.folder_posters(folder)
        state = hashlib.sha256()
        for name in names.values():
            status = (folder / name).stat()
            state.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
        listing = {"path": str(folder), "files": len(names), "listing_sha256": state.hexdigest()}
        found["posters"] = listing
    return found


def fetch(movies: pl.LazyFrame, enrich: dict[str, Any], key: Secret) -> dict[str, Any]:
    """Plots and posters of TMDB into the cache folder, where ``tmdb.fetch`` asks for it.

    Args:
        movies: Table of ``ingest``, for ``tmdb_id``.
        enrich: ``tmdb``: ``fetch``, ``cache``, ``language``, ``image_size``,
            ``requests_per_second``, ``attempts``, ``posters``.
        key: Of the service; empty where there is none.

    Returns:
        ``fetched`` and the counts by state: what the cache holds is part of a run's record.

    Raises:
        InputError: There is no key, the server refuses it, or the source has no TMDB ids.
    """
    import polars as pl

    chosen = dict(enrich.get("tmdb") or {})
    if not chosen.pop("fetch", False):
        return {"fetched": False}
    cache = Path(str(chosen.pop("cache", "data/01_raw/movielens/tmdb"))).absolute()
    ids = movies.lazy().select(pl.col("tmdb_id").drop_nulls()).collect()["tmdb_id"].to_list()
    if not ids:
        raise InputError(
            "movielens.enrich.tmdb.fetch=true needs links.csv, which this source lacks; use "
            "ml-latest-small, ml-20m, ml-25m or ml-32m"
        )
    client = tmdb.TmdbClient(key.reveal(), cache, tmdb.Settings(**chosen))
    return {"fetched": True, "films_asked": len(ids), **client.fetch(ids)}


def enrich(
    movies: pl.LazyFrame,
    ratings: pl.LazyFrame,
    enrich: dict[str, Any],
    enrichment_files: dict[str, Any],
    tmdb_summary: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """The films, the table of coverage, and a summary of joins and refusals.

    Films keep the order of ``movies``. Columns: those of ``ingest``; those of the join
    (``knowledge.FACTS``, ``NAMES``, ``EXTERNAL``, ``consensus``, ``has_knowledge``); ``text``,
    ``text_source``, ``poster`` (file), ``poster_source``, ``poster_sha256``. What is unknown is
    missing.

    Args:
        movies: Table of ``ingest``.
        ratings: Table of ``ingest``; only how many there are of each film.
        enrich: The options of ``OPTIONS``.
        enrichment_files: What ``locate_enrichment`` found.
        tmdb_summary: What ``fetch`` did.
    """
    films = movies.lazy().collect()
    joined: dict[str, int] = {}
    if enrichment_files["knowledge"]:
        films, joined = knowledge.join(films, knowledge.records(knowledge.database()))
    rows = list(films.iter_rows(named=True))
    cache = _cache(enrich, tmdb_summary)
    said, plot_rows = _texts(rows, enrich, enrichment_files["plots"], cache)
    shown, refused = _pictures(rows, enrich, enrichment_files["posters"], cache)
    films = films.with_columns(*said, *shown)
    counted = ratings.lazy().group_by("movie_id").len().collect()
    rated = films.select("movie_id").join(counted, on="movie_id", how="left", maintain_order="left")
    table = coverage.coverage(films, rated["len"].fill_null(0), knowledge.EXTERNAL)
    summary = {
        "knowledge_join": joined,
        "plots": plot_rows,
        "pictures_refused": refused,
        "tmdb": tmdb_summary,
        "texts": _counted(films["text_source"].to_list()),
        "pictures": _counted(films["poster_source"].to_list()),
    }
    logger.info("films: %s", summary)
    return films.to_pandas(), table, summary


def _texts(
    rows: list[dict[str, Any]],
    enrich: dict[str, Any],
    file: dict[str, Any] | None,
    cache: Path | None,
) -> tuple[list[pl.Series], dict[str, int]]:
    """Columns ``text`` and ``text_source``, and the counts of the file of plots."""
    import polars as pl

    plots, counts = texts.read_plots(Path(file["path"])) if file else ({}, {})
    order, consensus = list(enrich.get("texts") or ()), bool(enrich.get("consensus", False))
    said = texts.choose(rows, order, plots, cache, consensus=consensus)
    names = ("text", "text_source")
    columns = [
        pl.Series(name, [found[place] for found in said], dtype=pl.String)
        for place, name in enumerate(names)
    ]
    return columns, counts


def _pictures(
    rows: list[dict[str, Any]],
    enrich: dict[str, Any],
    folder: dict[str, Any] | None,
    cache: Path | None,
) -> tuple[list[pl.Series], dict[str, int]]:
    """Columns ``poster``, ``poster_source``, ``poster_sha256``, and the counts of bad files."""
    import polars as pl

    drawn = Path(str(enrich.get("cards", "data/02_intermediate/movielens/cards"))).absolute()
    order = list(enrich.get("pictures") or ())
    shown, refused = posters.choose(
        rows, order, Path(folder["path"]) if folder else None, cache, drawn
    )
    names = ("poster", "poster_source", "poster_sha256")
    columns = [
        pl.Series(name, [str(found[place]) if found else None for found in shown], dtype=pl.String)
        for place, name in enumerate(names)
    ]
    return columns, refused


def _cache(enrich: dict[str, Any], tmdb_summary: dict[str, Any]) -> Path | None:
    """The folder of the TMDB client, if it is there: a run without network reads it too."""
    cache = Path(
        str((enrich.get("tmdb") or {}).get("cache", "data/01_raw/movielens/tmdb"))
    ).absolute()
    return cache if tmdb_summary["fetched"] or (cache / "films").is_dir() else None


def _counted(sources: list[str | None]) -> dict[str, int]:
    names = sorted({source for source in sources if source})
    return {name: sources.count(name) for name in names} | {"none": sources.count(None)}
