"""Sheets hold what they were given, shown as it is."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from multimodal_study.reporting.sheets import Panel, SheetRow, contact_sheet

PICTURE = np.full((8, 8, 3), 200, dtype=np.uint8)


def pixels(rows: list[SheetRow]) -> np.ndarray:
    stream = io.BytesIO()
    contact_sheet(rows).savefig(stream, format="png", dpi=60)
    return np.asarray(Image.open(stream).convert("RGB"), dtype=int)


def row(heat: np.ndarray | None, words: str = "a $x^2$ <b>") -> SheetRow:
    outline = np.zeros((8, 8), dtype=bool)
    outline[2:5, 2:5] = True
    return SheetRow(
        PICTURE, words, [Panel("picture", outline=outline), Panel("map", heat), Panel("", note="-")]
    )


def test_words_are_data_and_no_formula() -> None:
    figure = contact_sheet([row(None)])
    said = [text for axis in figure.axes for text in axis.texts]
    assert any(text.get_text() == "a $x^2$ <b>" and not text.get_parse_math() for text in said)
    assert len(figure.axes) == 4


def test_heat_colours_the_place_where_a_map_is_high_and_no_other() -> None:
    heat = np.zeros((8, 8))
    heat[:4] = 1.0
    flat, lit = pixels([row(np.zeros((8, 8)))]), pixels([row(heat)])
    colourful = np.ptp(lit, axis=2) > 40
    assert colourful.sum() > 300 and (np.ptp(flat, axis=2) > 40).sum() == 0


def test_a_sheet_of_nothing_says_so() -> None:
    figure = contact_sheet([])
    assert "No example" in figure.texts[0].get_text()
