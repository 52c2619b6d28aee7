"""Title cards in place of posters: title, year and the colours of the genres, marked as rendered.

A card shows nothing that the metadata does not say. It depends on title, year and genres alone, so
equal films have equal cards, byte by byte.
"""

from __future__ import annotations

import colorsys
import hashlib
import logging
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import cpu_count

from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.enrichment.titles import natural
from multimodal_study.side_by_side import side_by_side
from multimodal_study.storage.write_aside import write_aside

if TYPE_CHECKING:
    from PIL import Image, ImageFont

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised when a card of the same film would look otherwise."""
SIZE = (128, 192)
HUES = {
    "Action": 0.02, "Adventure": 0.09, "Animation": 0.50, "Children": 0.14, "Children's": 0.14,
    "Comedy": 0.16, "Crime": 0.75, "Documentary": 0.38, "Drama": 0.60, "Fantasy": 0.80,
    "Film-Noir": 0.66, "Horror": 0.98, "IMAX": 0.55, "Musical": 0.88, "Mystery": 0.70,
    "Romance": 0.93, "Sci-Fi": 0.52, "Thriller": 0.63, "War": 0.28, "Western": 0.07,
}  # fmt: skip
"""Genre to hue, 0 to 1; a genre that is not here gets one from its name."""
_MARGIN = 8
_LARGEST, _SMALLEST = 24, 9
_LINES = 7
_WORTH_PROCESSES = 2000
"""Cards whose drawing takes longer than starting a process."""


def card_name(title: str, year: int | None, genres: str) -> str:
    """File name of a card, by its content."""
    content = "\n".join([str(VERSION), str(SIZE), natural(title), str(year), genres])
    return f"{hashlib.sha256(content.encode()).hexdigest()[:24]}.png"


def draw(title: str, year: int | None, genres: str) -> Image.Image:
    """The card: RGB, ``SIZE``."""
    from PIL import Image, ImageDraw

    card = Image.fromarray(_background(tuple(name for name in genres.split("|") if name)))
    pen = ImageDraw.Draw(card)
    width = SIZE[0] - 2 * _MARGIN
    lines, font = _fitted(natural(title), width)
    step = font.size + 3
    top = (SIZE[1] - step * len(lines)) / 2 - 10
    for place, line in enumerate(lines):
        _write(pen, line, top + place * step, font)
    if year is not None:
        _write(pen, str(year), SIZE[1] - 26, _font(14))
    return card


def render(films: list[dict[str, Any]], folder: Path) -> list[Path]:
    """Cards of ``films`` (title, year, genres) in ``folder``; those that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / card_name(f["title"], f["year"], f["genres"] or "") for f in films]
    wanted = {path: film for path, film in zip(paths, films, strict=True) if not path.is_file()}

    cards = list(wanted.items())
    # Pillow holds the interpreter while it draws: threads would wait for each other.
    processes = cpu_count() if len(cards) >= _WORTH_PROCESSES else 1
    for _ in side_by_side(_save, [cards[n::processes] for n in range(processes)], processes):
        pass
    logger.info("title cards: %d drawn, %d there before", len(wanted), len(paths) - len(wanted))
    return paths


def _save(cards: list[tuple[Path, dict[str, Any]]]) -> None:
    for path, film in cards:
        with write_aside(path) as partial, partial.open("wb") as file:
            draw(film["title"], film["year"], film["genres"] or "").save(
                file, format="PNG", compress_level=1
            )


@lru_cache(maxsize=2048)
def _background(genres: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A band of colour per genre, darker towards the middle where the title stands."""
    height, width = SIZE[1], SIZE[0]
    colours = np.array([colorsys.hsv_to_rgb(_hue(name), 0.65, 0.85) for name in genres])
    if not genres:
        colours = np.array([[0.5, 0.5, 0.5]])
    band = np.minimum(np.arange(height) * len(colours) // height, len(colours) - 1)
    light = 0.25 + 0.75 * np.abs(np.linspace(-1, 1, height)) ** 1.5
    rows = (colours[band] * light[:, None] * 255).round().astype(np.uint8)
    return np.repeat(rows[:, None, :], width, axis=1)


def _hue(genre: str) -> float:
    if genre in HUES:
        return HUES[genre]
    return int(hashlib.sha256(genre.encode()).hexdigest()[:4], 16) / 0xFFFF


def _fitted(title: str, width: int) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """Lines of the title in the largest type that fits; the end is cut where none does.

    Widths grow with the size of the type, so that each word is measured once, at the largest.
    """
    words = title.split() or [""]
    largest = _font(_LARGEST)
    lengths = [largest.getlength(word) / _LARGEST for word in words]
    space = largest.getlength(" ") / _LARGEST
    lines: list[str] = []
    for size in range(_LARGEST, _SMALLEST - 1, -1):
        lines = _wrapped(words, lengths, space, (width - 1) / size)
        if len(lines) <= _LINES and max(lengths) * size < width:
            return lines, _font(size)
    return lines[:_LINES], _font(_SMALLEST)


def _wrapped(words: list[str], lengths: list[float], space: float, width: float) -> list[str]:
    """Words in lines of at most ``width``; lengths are those of the words."""
    lines: list[str] = []
    used = width
    for word, length in zip(words, lengths, strict=True):
        if lines and used + space + length <= width:
            lines[-1] += f" {word}"
            used += space + length
        else:
            lines.append(word)
            used = length
    return lines


def _write(pen: Any, text: str, top: float, font: ImageFont.FreeTypeFont) -> None:
    pen.text(((SIZE[0] - font.getlength(text)) / 2, top), text, font=font, fill=(255, 255, 255))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own typeface, so that cards look alike on every machine."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise InputError("Pillow was built without FreeType; install the wheel of PyPI")
    return font
