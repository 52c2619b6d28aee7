"""What was fetched from The Movie Database, on disk: read without a key or a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOUND, MISSING, FAILED = "found", "missing", "failed"
STATES = (FOUND, MISSING, FAILED)
MAGIC = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"RIFF": "webp"}
"""First bytes of a picture to the suffix that it gets."""


def film_path(cache: Path, number: int) -> Path:
    """Where the record of a film is kept."""
    return cache / "films" / f"{int(number)}.json"


def read_film(cache: Path, number: int) -> dict[str, Any] | None:
    """The kept record of a film: ``status``, ``overview``, ``poster_path``; None: never fetched."""
    try:
        film = json.loads(film_path(cache, number).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return film if isinstance(film, dict) and film.get("status") in STATES else None


def poster_path(cache: Path, number: int) -> Path | None:
    """The kept poster of a film."""
    names = (cache / "posters" / f"{int(number)}.{kind}" for kind in MAGIC.values())
    return next((path for path in names if path.is_file()), None)
