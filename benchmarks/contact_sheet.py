"""Draw every value of every attribute once, to be looked at.

python benchmarks/contact_sheet.py docs/images/rendered.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from multimodal_study.pipelines.fashion.rendered.draw.picture import draw, shown
from multimodal_study.pipelines.fashion.rendered.factors import (
    ATTRIBUTES,
    CATEGORIES,
    FACTORS,
    applies,
)

SIZE, CAPTION, COLUMNS = 128, 11, 9
COLOURS = 48
"""Colours of the saved palette: the file stays small."""


def tile(attribute: str, value: str, number: int) -> Image.Image:
    """One garment with a value, all else varied; the value is written above it."""
    category = next(name for name, owned in CATEGORIES.items() if attribute in owned)
    if attribute == "sleeve_length":
        category = "blouse"
    values = {
        name: factor.values[(number * 5 + place) % len(factor.values)]
        for place, (name, factor) in enumerate(FACTORS.items())
        if applies(name, category)
    }
    values |= {name: FACTORS[name].neutral for name in CATEGORIES[category]}
    values |= {"category": category, "light": "even", attribute: value}
    out = Image.new("RGB", (SIZE, SIZE + CAPTION), "white")
    out.paste(draw(shown(values, set(FACTORS)), SIZE, [number]).image, (0, CAPTION))
    ImageDraw.Draw(out).text((1, -1), value, fill="black")
    return out


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    number, tiles = 0, []
    for attribute, values in ATTRIBUTES.items():
        for value in values:
            tiles.append(tile(attribute, value, number))
            number += 1
    lines = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIZE, lines * (SIZE + CAPTION)), "white")
    for place, one in enumerate(tiles):
        sheet.paste(one, (place % COLUMNS * SIZE, place // COLUMNS * (SIZE + CAPTION)))
    path.parent.mkdir(parents=True, exist_ok=True)
    small = sheet.resize((sheet.width * 5 // 8, sheet.height * 5 // 8), Image.Resampling.LANCZOS)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
