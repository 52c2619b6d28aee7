"""Small source folders, written by code."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HEADER = (
    "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,"
    "productDisplayName"
)


def picture(path: Path, number: int, **options: Any) -> Path:
    """A picture that only ``number`` decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (12, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def product(number: int, title: str, *, usage: str = "Casual", kind: str = "Shirts") -> str:
    return f"{number},Men,Apparel,Topwear,{kind},Blue,Fall,2011,{usage},{title}"


def products(root: Path, lines: list[str], *, pictures: bool = True) -> Path:
    """``styles.csv`` with ``lines`` and a picture for each id."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "styles.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    (root / "images").mkdir(exist_ok=True)
    for line in lines if pictures else ():
        number = line.split(",")[0]
        picture(root / "images" / f"{number}.jpg", int(number))
    return root


def shop(root: Path, n: int = 120) -> Path:
    """``n`` products that two in three usages tell apart by title and picture."""
    lines = [
        product(
            number,
            f"Brand{number % 7} {('plain', 'gym', 'office')[number % 3]} shirt {number}",
            usage=("Casual", "Sports", "Formal")[number % 3],
        )
        for number in range(1, n + 1)
    ]
    return products(root, lines)


def idx(path: Path, array: np.ndarray[Any, Any]) -> Path:
    """An idx file of bytes, packed where the name ends in gz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wb") as file:
        file.write(head + array.astype(np.uint8).tobytes())
    return path


def mnist(root: Path, train: int = 60, test: int = 20, ending: str = ".gz") -> Path:
    """The four files of Fashion-MNIST with random pictures; no two are equal."""
    rng = np.random.default_rng(0)
    for part, rows in (("train", train), ("t10k", test)):
        pictures = rng.integers(0, 255, (rows, 28, 28), dtype=np.uint8)
        idx(root / f"{part}-images-idx3-ubyte{ending}", pictures)
        idx(root / f"{part}-labels-idx1-ubyte{ending}", np.arange(rows, dtype=np.uint8) % 10)
    return root
