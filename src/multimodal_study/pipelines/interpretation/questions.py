"""Questions whose answer has a known place in a picture, and the pictures they are about."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Features
from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)
Array = np.ndarray[Any, Any]
PICTURES = ("image", "regions")
"""Kinds of modalities that the image encoder makes."""
DESCRIBED = "described"
"""The factor of a question about the match of picture and text, which is none of a class."""


@dataclass(frozen=True)
class Questions:
    """``q`` questions about ``n`` pictures."""

    rows: Array
    """Positions in the examples, int64 ``[n]``."""
    pixels: Array
    """Pictures as the encoder takes them: uint8 ``[n, size, size, 3]``."""
    picture: Array
    """Which of the pictures: int64 ``[q]``."""
    factor: Array
    """What decides the answer, str ``[q]``; :data:`DESCRIBED`: the match with the text."""
    masks: Array
    """Where it shows: bool ``[q, h, w]``, in pixels of the original picture."""
    against: Array
    """Classes that differ from the example's in the factor alone: bool ``[q, c]``."""


def questions_of(  # noqa: PLR0917
    features: Features,
    table: pd.DataFrame,
    source_files: dict[str, Any],
    evidence: pd.DataFrame,
    encoder: dict[str, Any],
    limit: int,
    seed: int,
) -> Questions | None:
    """Questions about test examples; None, with the reason in the log, where there are none.

    Args:
        features: Of the dataset.
        table: ``image``: path below the root, by row of the arrays.
        source_files: ``root``.
        evidence: Table of the dataset: ``example_id``, ``factor``, ``mask``, ``bit``, ``inside``,
            ``against``.
        encoder: ``encoders.image`` of the parameters.
        limit: Largest number of examples; of more, a sample.
        seed: Of the sample.

    Raises:
        InputError: A mask is missing or has another size than the first.
    """
    from multimodal_study.encoders.image_model import PACKAGED

    why = None
    if evidence.empty:
        why = "nothing is known of where the evidence is"
    elif encoder["model"] != PACKAGED or encoder.get("trainable", False):
        why = f"only the frozen {PACKAGED} can be looked through"
    elif encoder.get("crop") != "squash":
        why = "masks are of whole pictures, and encoders.image.crop cuts"
    elif features.pair is None or features.task.groups:
        why = "the task has groups of classes, or its items are no pairs"
    if why:
        logger.warning("pictures are not explained: %s", why)
        return None
    ids = features.examples["example_id"].to_numpy()
    test = features.rows("test")
    rows = test[np.isin(ids[test], evidence["example_id"].to_numpy())]
    if len(rows) > limit:
        rows = np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))
    asked = evidence[evidence["example_id"].isin(ids[rows])]
    if asked.empty:
        logger.warning("pictures are not explained: no test example has known evidence")
        return None
    place = {str(name): at for at, name in enumerate(ids[rows])}
    root = Path(source_files["root"])
    entity = next(m.entity for m in features.modalities.values() if m.kind in PICTURES)
    names = table["image"].to_numpy()[features.examples[entity].to_numpy()[rows]]
    return Questions(
        rows,
        prepared_pixels([root / name for name in names], encoder),
        asked["example_id"].astype(str).map(place).to_numpy(),
        asked["factor"].to_numpy(dtype=object),
        _masks(root, asked),
        _against(asked["against"].tolist(), features.task.outputs),
    )


def prepared_pixels(paths: Sequence[Path], encoder: dict[str, Any]) -> Array:
    """Pictures as the encoder takes them: uint8 ``[n, size, size, 3]``.

    Args:
        paths: Of the pictures.
        encoder: ``encoders.image`` of the parameters.
    """
    from multimodal_study.encoders.image_model import find_model, preparation
    from multimodal_study.encoders.pictures import load_picture

    size, crop = int(encoder["size"]), encoder["crop"]
    prepare, enough = preparation(find_model(encoder["model"]), size, crop)
    # As the features were made: a JPEG may be decoded at a fraction of its size.
    return np.stack([prepare(load_picture(path, at_least=enough)) for path in paths])


def _masks(root: Path, asked: pd.DataFrame) -> Array:
    from PIL import Image

    found = []
    for name, bit, inside in zip(asked["mask"], asked["bit"], asked["inside"], strict=True):
        path = root / name
        if not path.is_file():
            raise InputError(f"{path} is missing; remove {root}, and the next run draws it again")
        with Image.open(path) as image:
            found.append(((np.asarray(image) & int(bit)) > 0) == bool(inside))
        if found[-1].shape != found[0].shape:
            raise InputError(f"{path} is {found[-1].shape}, the first mask {found[0].shape}")
    return np.stack(found)


def _against(classes: list[str], count: int) -> Array:
    found = np.zeros((len(classes), count), dtype=bool)
    for row, names in enumerate(classes):
        found[row, [int(name) for name in names.split()]] = True
    return found
