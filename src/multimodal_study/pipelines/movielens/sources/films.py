"""The small files of a release (films, links), read line by line with a reason for each refusal."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.sources.schema import NO_GENRES, Release

logger = logging.getLogger(__name__)

_LARGEST_ID = 2**31 - 1
_TITLE = re.compile(r"^(?P<title>.*\S)\s*\((?P<year>\d{4})(?:[-\u2013]\s*(?:\d{4})?)?\)\s*$")
_EXCERPT = 200


@dataclass
class Parsed:
    """Rows of one small file, and what became of its lines."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    """Line, reason, value."""
    rows_read: int = 0
    duplicates: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """rows_read = kept + duplicates + quarantined."""
        return {
            "rows_read": self.rows_read,
            "kept": len(self.rows),
            "duplicates": self.duplicates,
            "quarantined": len(self.refused),
        }


def split_title(raw: str) -> tuple[str | None, int | None]:
    """``Matrix, The (1999)`` to title and year; a series' first year; None where it has none."""
    found = _TITLE.match(raw.strip())
    if found is None:
        return raw.strip() or None, None
    return found["title"], int(found["year"])


def genres_of(raw: str) -> str:
    """Genres separated by ``|``, without the words that say there are none."""
    names = [name.strip() for name in raw.split("|")]
    return "|".join(name for name in names if name and name not in NO_GENRES)


def read_movies(path: Path, release: Release) -> Parsed:
    """movie_id, title, year, genres of every film; of films named twice the last.

    Raises:
        InputError: A column is missing.
    """
    width = len(release.movie_fields) + len(release.genre_flags)

    def row(fields: list[str]) -> dict[str, Any] | str:
        values = dict(zip(release.movie_fields, fields, strict=False))
        number = _identifier(values["movieId"])
        if number is None:
            return "bad_movie"
        title, year = split_title(values["title"])
        if release.genre_flags:
            flags = fields[len(release.movie_fields) :]
            raw = "|".join(n for n, f in zip(release.genre_flags, flags, strict=True) if f == "1")
        else:
            raw = values["genres"]
        return {"movie_id": number, "title": title, "year": year, "genres": genres_of(raw)}

    separator = "|" if release.genre_flags else release.separator
    return _parse(path, separator, release.movie_fields if release.header else (), width, row)


def read_links(path: Path) -> Parsed:
    """movie_id, imdb_id, tmdb_id of every film; an empty id is a missing one."""

    def row(fields: list[str]) -> dict[str, Any] | str:
        number = _identifier(fields[0])
        if number is None:
            return "bad_movie"
        links = [(_identifier(text), bool(text.strip())) for text in fields[1:3]]
        if any(there and value is None for value, there in links):
            return "bad_link"
        return {"movie_id": number, "imdb_id": links[0][0], "tmdb_id": links[1][0]}

    return _parse(path, ",", ("movieId", "imdbId", "tmdbId"), 3, row)


def _parse(path: Path, separator: str, header: tuple[str, ...], width: int, row: Any) -> Parsed:
    parsed = Parsed()
    found: dict[int, dict[str, Any]] = {}
    lines = _lines(path, separator)
    order: list[int] | None = None
    if header:
        _, names = next(lines, (1, []))
        order, width = _order(path, header, names), len(names)
    for line, fields in lines:
        if not any(text.strip() for text in fields):
            continue
        parsed.rows_read += 1
        value = separator.join(fields)
        if len(fields) != width:
            parsed.refused.append((line, "wrong_field_count", value[:_EXCERPT]))
            continue
        if "\ufffd" in value:
            parsed.refused.append((line, "not_utf8", value[:_EXCERPT]))
            continue
        made = row([fields[i] for i in order] if order else fields)
        if isinstance(made, str):
            parsed.refused.append((line, made, value[:_EXCERPT]))
            continue
        parsed.duplicates += made["movie_id"] in found
        found[made["movie_id"]] = made
    parsed.rows = [found[number] for number in sorted(found)]
    return parsed


def _lines(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields; a file that is not UTF-8 is latin-1 where the release may be so."""
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        latin = separator != ","
        text = raw.decode("latin-1") if latin else raw.decode("utf-8", errors="replace")
        if latin:
            logger.info("%s: read as latin-1", path.name)
    if separator == ",":
        reader = csv.reader(text.splitlines())
        for fields in reader:
            yield reader.line_num, fields
        return
    for number, line in enumerate(text.split("\n"), 1):
        yield number, line.rstrip("\r").split(separator)


def _order(path: Path, header: tuple[str, ...], names: list[str]) -> list[int]:
    clean = [name.strip() for name in names]
    missing = [name for name in header if name not in clean]
    if missing:
        raise InputError(
            f"{path} lacks the column {', '.join(missing)}: its first line has {clean}, expected "
            f"{list(header)}; download the release again"
        )
    return [clean.index(name) for name in header]


def _identifier(text: str) -> int | None:
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdigit()):
        return None
    value = int(stripped)
    return value if 0 < value <= _LARGEST_ID else None
