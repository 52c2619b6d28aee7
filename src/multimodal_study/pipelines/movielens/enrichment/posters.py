"""The picture of a film: a poster where there is one, else a title card that says it is one."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.enrichment import cards, tmdb_cache

logger = logging.getLogger(__name__)

SOURCES = ("folder", "tmdb", "rendered")
RENDERED = "rendered"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
Poster = tuple[Path, str, str]
"""File, source, SHA-256 of its bytes."""


def folder_posters(folder: Path) -> dict[int, str]:
    """``movie_id`` to file name in ``folder``; a name that is no id is passed over.

    Raises:
        InputError: The folder is missing, or two files claim one film.
    """
    if not folder.is_dir():
        raise InputError(
            f"movielens.enrich.posters: {folder} is not a folder; expected one of pictures named "
            "<movieId>.jpg, or null"
        )
    found: dict[int, str] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or not (path.stem.isascii() and path.stem.isdigit()):
            continue
        number = int(path.stem)
        if number in found:
            raise InputError(
                f"{folder} has {found[number]} and {path.name} for film {number}; remove one"
            )
        found[number] = path.name
    return found


def choose(
    films: list[dict[str, Any]],
    order: list[str],
    folder: Path | None,
    cache: Path | None,
    cards_folder: Path,
) -> tuple[list[Poster | None], dict[str, int]]:
    """Picture of each film, the first of ``order`` that is a picture, and how many were refused.

    Args:
        films: Rows with ``movie_id``, ``title``, ``year``, ``genres``, ``tmdb_id``.
        order: Some of ``SOURCES``.
        folder: Folder of pictures ``<movieId>.jpg``, or None.
        cache: Folder of the TMDB client, or None.
        cards_folder: Where title cards are drawn.

    Raises:
        InputError: A source is unknown.
    """
    unknown = sorted(set(order) - set(SOURCES))
    if unknown:
        raise InputError(f"movielens.enrich.pictures has {unknown}, expected some of {SOURCES}")
    chosen: list[Poster | None] = [None] * len(films)
    refused: Counter[str] = Counter()
    local = folder_posters(folder) if folder is not None and "folder" in order else {}
    for source in order:
        open_rows = [row for row, poster in enumerate(chosen) if poster is None]
        if source == "folder":
            names = {row: local.get(films[row]["movie_id"]) for row in open_rows}
            found = _examined({r: n for r, n in names.items() if n}, folder, refused)
        elif source == "tmdb":
            found = _examined(_kept(films, open_rows, cache), cache, refused)
        else:
            titled = [row for row in open_rows if films[row]["title"]]
            drawn = cards.render([films[row] for row in titled], cards_folder)
            names = {row: path.name for row, path in zip(titled, drawn, strict=True)}
            found = _examined(names, cards_folder, refused)
        for row, (path, digest) in found.items():
            chosen[row] = (path, source, digest)
    if refused:
        logger.warning("pictures that cannot be used: %s", dict(refused))
    return chosen, dict(sorted(refused.items()))


def _kept(films: list[dict[str, Any]], rows: list[int], cache: Path | None) -> dict[int, str]:
    if cache is None:
        return {}
    paths = {
        row: tmdb_cache.poster_path(cache, films[row]["tmdb_id"])
        for row in rows
        if films[row]["tmdb_id"] is not None
    }
    return {row: str(path.relative_to(cache)) for row, path in paths.items() if path is not None}


def _examined(
    names: dict[int, Any], root: Path | None, refused: Counter[str]
) -> dict[int, tuple[Path, str]]:
    """Row to path and digest of the files that are whole pictures; reasons of the others."""
    from multimodal_study.encoders.pictures import examine

    if not names or root is None:
        return {}
    found = {}
    for (row, name), seen in zip(
        names.items(), examine(list(names.values()), root=root), strict=True
    ):
        if seen.reason is not None or seen.sha256 is None:
            refused[str(seen.reason)] += 1
        else:
            found[row] = (root / name, seen.sha256)
    return found
