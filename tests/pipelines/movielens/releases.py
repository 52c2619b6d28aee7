"""Small releases in GroupLens's layouts, and the damage that is done to them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import polars as pl

from multimodal_study.pipelines.movielens.ingest import ingest
from multimodal_study.pipelines.movielens.locate import locate

FILMS = ["1,Toy Story (1995),Animation|Comedy", '2,"Matrix, The (1999)",Action', "3,Amélie (2001),"]
HEAD = "userId,movieId,rating,timestamp"
T = 1_000_000_000


def write_csv(root: Path, lines: list[str], *, films: list[str] | None = None) -> Path:
    """A release of CSV files with these rating lines; returns its folder."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "ratings.csv").write_bytes(("\n".join([HEAD, *lines]) + "\n").encode("latin-1"))
    text = "\n".join(["movieId,title,genres", *(FILMS if films is None else films)]) + "\n"
    (root / "movies.csv").write_text(text, encoding="utf-8")
    (root / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n2,0133093,\n")
    return root


def zipped(root: Path, target: Path, folder: str = "ml-25m") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.iterdir()):
            archive.write(path, f"{folder}/{path.name}")
    return target


def read(source: str, path: Path, scratch: Path, **options: Any) -> Any:
    """(ratings, films, users, quarantine, summary) of a release."""
    chosen = {"source": source, "path": str(path), "scratch": str(scratch), **options}
    ratings, *rest = ingest(locate(chosen), chosen)
    frame: pl.DataFrame = ratings.collect()
    return frame, *rest
