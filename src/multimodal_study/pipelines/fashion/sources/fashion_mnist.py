"""Fashion-MNIST: four idx files, as Debian's package ``dataset-fashion-mnist`` installs them.

Xiao et al. 2017. 60,000 training and 10,000 test pictures of 28 x 28 grey pixels in ten classes.
The only text is the name of the class: telling the class from it is trivial, so this source is for
generative work (a picture from a word, a word from a picture).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.sources.schema import Rows, Source

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip
SIDE = 28
_PARTS = {"train": "train", "t10k": "test"}
"""Beginning of a file's name to the split that it holds."""
_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
_UNSIGNED_BYTES = 0x08
_LARGEST = 1 << 31
"""Bytes that an idx file may unpack to: a file that asks for more is not this dataset."""

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


def label_files(root: Path) -> list[Path]:
    """The four files, packed or not: pictures and labels of train, then of test."""
    found = []
    for part in _PARTS:
        for kind in (_IMAGES, _LABELS):
            names = (f"{part}-{kind}", f"{part}-{kind}.gz")
            path = next((root / name for name in names if (root / name).is_file()), None)
            if path is None:
                return []
            found.append(path)
    return found


def read(root: Path, files: list[str]) -> Rows:
    """One row per picture: label ``category``, which is the text too.

    Raises:
        InputError: A file is no idx file, is cut short, or does not fit the other one.
    """
    import pandas as pd

    frames, start = [], 0
    for images, labels in zip(files[::2], files[1::2], strict=True):
        codes = idx(root / labels, 1)
        pictures = _pictures(root / images)
        if len(codes) != len(pictures):
            raise InputError(f"{root / labels} has {len(codes)} labels, {images} {len(pictures)}")
        if codes.max(initial=0) >= len(CLASSES):
            raise InputError(f"{root / labels} has the label {codes.max()}, expected 0 to 9")
        names = np.array(CLASSES, dtype=object)[codes]
        part = next(part for part in _PARTS if Path(images).name.startswith(part))
        number = np.arange(len(codes))
        frames.append(
            pd.DataFrame(
                {
                    "item_id": [f"{part}/{row:05d}" for row in number],
                    "image": None,
                    "position": number + start,
                    "text": names,
                    "official_split": _PARTS[part],
                    "file": images,
                    "line": number + 1,
                    "category": names,
                }
            )
        )
        start += len(codes)
    return Rows(pd.concat(frames, ignore_index=True), [])


def load_arrays(root: Path, files: list[str]) -> Bytes:
    """All pictures in the order of the rows: uint8 ``[n, 28, 28, 1]``."""
    return np.concatenate([_pictures(root / name) for name in files[::2]])[..., None]


def idx(path: Path, axes: int) -> Bytes:
    """The array of an idx file (packed or not): uint8 with so many ``axes``.

    Raises:
        InputError: Another type or number of axes, fewer bytes than announced, or more.
    """
    raw = _unpacked(path)
    head = 4 * (1 + axes)
    if len(raw) < head or raw[:4] != bytes([0, 0, _UNSIGNED_BYTES, axes]):
        raise InputError(
            f"{path} starts with {raw[:4].hex(' ') or 'nothing'}, expected 00 00 08 0{axes}: an "
            f"idx file of bytes with {axes} axes; {SOURCE.download}"
        )
    shape = struct.unpack(f">{axes}I", raw[4:head])
    wanted = int(np.prod(shape, dtype=object))
    if len(raw) - head != wanted:
        raise InputError(
            f"{path} announces {' x '.join(map(str, shape))} = {wanted} bytes and has "
            f"{len(raw) - head}: it is damaged; {SOURCE.download}"
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=head).reshape(shape)


def _unpacked(path: Path) -> bytes:
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            raw: bytes = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be unpacked ({error}); {SOURCE.download}") from error
    if len(raw) > _LARGEST:
        raise InputError(f"{path} unpacks to more than {_LARGEST:,} bytes; it is not Fashion-MNIST")
    return raw


def _pictures(path: Path) -> Bytes:
    pictures = idx(path, 3)
    if pictures.shape[1:] != (SIDE, SIDE):
        raise InputError(
            f"{path} holds pictures of {' x '.join(map(str, pictures.shape[1:]))}, expected "
            f"{SIDE} x {SIDE}"
        )
    return pictures


SOURCE = Source(
    name="fashion_mnist",
    download=(
        "apt-get install dataset-fashion-mnist puts the files into "
        "/usr/share/datasets/fashion-mnist; else https://github.com/zalandoresearch/fashion-mnist"
    ),
    label_files=label_files,
    looked_for=f"train-{_IMAGES}, train-{_LABELS}, t10k-{_IMAGES}, t10k-{_LABELS}, or the same .gz",
    read=read,
    targets=("category",),
    pictures=None,
    grouped_by=("image_key",),
    load_arrays=load_arrays,
    official=True,
    notes=("The text is the name of the class: the task is trivial for whoever reads it.",),
)
