"""The text of a film: a plot where there is one, else a synopsis made of known facts."""

from __future__ import annotations

import csv
import html
import logging
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.enrichment import tmdb_cache
from multimodal_study.pipelines.movielens.enrichment.titles import alternatives

logger = logging.getLogger(__name__)

PLOTS = "plots.csv"
SOURCES = ("plots", "tmdb", "composed")
COMPOSED = "composed"
_COLUMNS = ("movieId", "plot")
_STARS = 3
_LIMIT = 16_384


def read_plots(path: Path) -> tuple[dict[int, str], dict[str, int]]:
    """``movie_id`` to plot from a CSV with the columns movieId and plot, and counts of its rows.

    Raises:
        InputError: The file is missing, is not UTF-8, or lacks a column.
    """
    if not path.is_file():
        raise InputError(
            f"movielens.enrich.plots: {path} does not exist; expected a CSV with the columns "
            f"{', '.join(_COLUMNS)}, or null"
        )
    plots: dict[int, str] = {}
    counts = dict.fromkeys(("rows_read", "kept", "duplicates", "without_text", "bad_id"), 0)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path} lacks the column {', '.join(missing)}, it has {reader.fieldnames}"
                )
            for row in reader:
                counts["rows_read"] += 1
                number = (row["movieId"] or "").strip()
                text = " ".join(html.unescape(row["plot"] or "").split())[:_LIMIT]
                if not (number.isascii() and number.isdigit()):
                    counts["bad_id"] += 1
                elif not text:
                    counts["without_text"] += 1
                else:
                    counts["duplicates"] += int(number) in plots
                    plots[int(number)] = text
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error}); save it as UTF-8") from error
    counts["kept"] = len(plots)
    return plots, counts


def compose(film: dict[str, Any], *, consensus: bool) -> str | None:
    """A synopsis of what is known of ``film``, and of nothing else; None without a title.

    Args:
        film: ``title``, ``year``, ``genres``, and of the knowledge join ``director``, ``writer``,
            ``cast``, ``language``, ``country``, ``consensus``, each of which may be None.
        consensus: Append the critics' consensus, which was written after the film was seen.
    """
    if not film.get("title"):
        return None
    genres = _listed((film.get("genres") or "").split("|"))
    year = f" ({film['year']})" if film.get("year") else ""
    kind = f"{genres} film" if genres else "film"
    article = "an" if kind[0] in "AEIOUaeiou" else "a"
    names = {
        name: (film.get(name) or "").split("|")
        for name in ("director", "cast", "writer", "country")
    }
    people = [
        f"{verb} {_listed(found)}"
        for verb, found in (
            ("directed by", names["director"]),
            ("written by", names["writer"][:_STARS]),
            ("starring", names["cast"]),
            ("made in", names["country"]),
        )
        if _listed(found)
    ]
    head = f"{alternatives(film['title'])[0]}{year} is {article} {kind}"
    text = f"{head} {', '.join(people)}." if people else f"{head}."
    opinion = film.get("consensus") if consensus else None
    return f"{text} {opinion}" if opinion else text


def choose(
    films: list[dict[str, Any]],
    order: list[str],
    plots: dict[int, str],
    cache: Path | None,
    *,
    consensus: bool,
) -> list[tuple[str | None, str | None]]:
    """Text and source of each film: the first of ``order`` that has one.

    Args:
        films: Rows of the joined table.
        order: Some of ``SOURCES``.
        plots: What ``read_plots`` gave.
        cache: Folder of the TMDB client, or None.
        consensus: See :func:`compose`.

    Raises:
        InputError: A source is unknown.
    """
    unknown = sorted(set(order) - set(SOURCES))
    if unknown:
        raise InputError(f"movielens.enrich.texts has {unknown}, expected some of {SOURCES}")

    def text(film: dict[str, Any], source: str) -> str | None:
        if source == "plots":
            return plots.get(film["movie_id"])
        if source == COMPOSED:
            return compose(film, consensus=consensus)
        if cache is None or film.get("tmdb_id") is None:
            return None
        overview = (tmdb_cache.read_film(cache, film["tmdb_id"]) or {}).get("overview")
        return str(overview) if overview else None

    def first(film: dict[str, Any]) -> tuple[str | None, str | None]:
        for source in order:
            found = text(film, source)
            if found:
                return found, source
        return None, None

    return [first(film) for film in films]


def _listed(names: list[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``; nothing for no names."""
    known = [name for name in names if name]
    return " and ".join(filter(None, [", ".join(known[:-1]), *known[-1:]]))
