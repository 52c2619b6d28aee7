"""Fashion-MNIST (Xiao et al. 2017) as two modalities: the picture, and its label."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    from multimodal_study.contract import Features

CLASSES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
SIDE = 28
_UNSIGNED_BYTE = 8
_FILES = {"train": "train", "test": "t10k"}


def read_idx(path: Path) -> np.ndarray[Any, Any]:
    """An array in LeCun's IDX format, gzipped, of unsigned bytes.

    Raises:
        InputError: The file is missing, broken or of another type.
    """
    if not path.is_file():
        raise InputError(
            f"{path} is missing: install Debian's dataset-fashion-mnist, or download the four .gz"
            " files of Fashion-MNIST, and point reproduction.path at their folder"
        )
    try:
        content = gzip.decompress(path.read_bytes())
        zero, kind, axes = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{axes}I", content, 4)
    except (OSError, EOFError, struct.error) as error:
        raise InputError(
            f"{path} is not a gzipped IDX file ({error}): download it again"
        ) from error
    body = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if zero or kind != _UNSIGNED_BYTE or body.size != int(np.prod(shape)):
        raise InputError(
            f"{path} has type {kind} and {body.size} values for the shape {shape}, expected"
            " unsigned bytes that fill it: download it again"
        )
    return body.reshape(shape)


def read_features(folder: str, validation: int, seed: int) -> Features:
    """All pictures as grey values in [0, 1], and labels as one-hot vectors.

    Args:
        folder: Holds the four gzipped files.
        validation: Training rows that choose the epoch.
        seed: Of the choice of these rows.
    """
    import pandas as pd

    from multimodal_study.contract import Features, Modality, Task

    images, labels, split = [], [], []
    for part, stem in _FILES.items():
        images.append(read_idx(Path(folder) / f"{stem}-images-idx3-ubyte.gz"))
        labels.append(read_idx(Path(folder) / f"{stem}-labels-idx1-ubyte.gz"))
        split.append(np.full(len(labels[-1]), part, dtype=object))
    target, where = np.concatenate(labels), np.concatenate(split)
    train = np.flatnonzero(where == "train")
    if not 0 < validation < len(train):
        raise InputError(
            f"reproduction.validation is {validation}, expected 1 to {len(train) - 1} rows"
        )
    where[np.random.default_rng(seed).permutation(train)[:validation]] = "validation"
    n = len(target)
    examples = pd.DataFrame(
        {
            "example_id": [f"fashion_mnist:{row}" for row in range(n)],
            "garment": np.arange(n),
            "split": where,
            "target": target.astype(np.int64),
            "cluster": np.arange(n).astype(str),
        }
    )
    grey = np.concatenate(images).reshape(n, SIDE * SIDE).astype(np.float32) / 255.0
    names = {
        "image": Modality("image", "garment", "image", SIDE**2, "image", "bernoulli", "grey"),
        "label": Modality(
            "label", "garment", "categorical", 10, "label", "categorical", "one-hot", CLASSES
        ),
    }
    return Features(
        {"image": grey, "label": np.eye(10, dtype=np.float32)[target]},
        {name: np.ones(n, dtype=bool) for name in names},
        examples,
        names,
        Task("class", "multiclass", CLASSES, "accuracy"),
        {"source": "Fashion-MNIST", "validation": validation, "seed": seed},
    )
