"""Ingest, split and index of a large ratings file against bare reads of the same file.

Every measurement is a process of its own: seconds by the wall clock, CPU seconds (they bear other
load on the machine better) and peak resident memory, imports included. ``ours`` is what the
pipeline does: locate (which hashes the file), ingest with judgement of every line and duplicates,
sink to Parquet, split, folds and index. The bare reads parse the four typed columns and write the
table to Parquet, nothing else.

``python benchmarks/ratings.py --rows 20000000`` writes ``ratings.csv`` once, seeded, into
``--folder``; about two rows in a hundred repeat a pair and one in ten thousand is off
the scale.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "ratings.json"
BLOCK = 1_000_000
USERS_PER_MILLION, FILMS = 7_000, 27_000


def generate(folder: Path, rows: int) -> Path:
    """A release in the layout of ml-25m with ``rows`` lines; kept if it is there."""
    import numpy as np
    import polars as pl

    target = folder / f"ml-25m-{rows}"
    if (target / "movies.csv").is_file():
        return target
    target.mkdir(parents=True, exist_ok=True)
    users = max(rows * USERS_PER_MILLION // BLOCK, 100)
    with (target / "ratings.csv").open("wb") as file:
        file.write(b"userId,movieId,rating,timestamp\n")
        for number, begin in enumerate(range(0, rows, BLOCK)):
            rng = np.random.default_rng([42, number])
            n = min(BLOCK, rows - begin)
            pl.DataFrame(
                {
                    "user": np.sort(rng.integers(1, users + 1, n)),
                    "movie": (FILMS * rng.random(n) ** 2.5).astype(np.int64) + 1,
                    "rating": np.where(rng.random(n) < 1e-4, 7.0, rng.integers(1, 11, n) / 2),
                    "timestamp": rng.integers(900_000_000, 1_500_000_000, n),
                }
            ).write_csv(file, include_header=False)
    films = "".join(
        f'{number},"Film {number}, The (1990)",Drama\n' for number in range(1, FILMS + 1)
    )
    (target / "movies.csv").write_text("movieId,title,genres\n" + films, encoding="utf-8")
    return target


def ours(path: Path, folder: Path) -> dict[str, Any]:
    """Locate, ingest, save as the catalogue saves, split and index."""
    import polars as pl

    from multimodal_study.pipelines.movielens import ingest, locate, split

    params = {"source": "ml-25m", "path": str(path), "scratch": str(folder / "scratch")}
    marks = {"start": time.perf_counter()}
    found = locate.locate(params)
    marks["locate"] = time.perf_counter()
    ratings, movies, users, _, summary = ingest.ingest(found, params)
    marks["ingest"] = time.perf_counter()
    ratings.sink_parquet(folder / "ratings.parquet", compression="zstd")
    marks["save"] = time.perf_counter()
    saved = pl.scan_parquet(folder / "ratings.parquet")
    chosen = {"strategy": "user_last20"}
    splits, report = split.split(saved, movies.lazy(), users.lazy(), chosen, 42)
    splits.write_parquet(folder / "splits.parquet", compression="zstd")
    marks["split"] = time.perf_counter()
    seconds = {b: round(marks[b] - marks[a], 2) for a, b in itertools.pairwise(marks)}
    counts = {key: summary["ratings"][key] for key in ("rows_read", "kept", "duplicates")}
    return {"steps": seconds, "counts": counts, "rows": report["rows"]}


def polars(path: Path, folder: Path) -> dict[str, Any]:
    """Bare typed read by Polars, streamed to Parquet."""
    import polars as pl

    kinds = {"userId": pl.Int32, "movieId": pl.Int32, "rating": pl.Float32, "timestamp": pl.Int64}
    scan = pl.scan_csv(path / "ratings.csv", schema=kinds)
    scan.sink_parquet(folder / "bare.parquet", compression="zstd")
    return {"rows": pl.scan_parquet(folder / "bare.parquet").select(pl.len()).collect().item()}


def duckdb(path: Path, folder: Path) -> dict[str, Any]:
    """Bare typed read by DuckDB, written to Parquet."""
    import duckdb as engine

    connection = engine.connect(config={"memory_limit": "2GB", "temp_directory": str(folder)})
    target = folder / "bare.parquet"
    connection.execute(
        f"""COPY (SELECT * FROM read_csv('{path / "ratings.csv"}', header = true, columns = {{
        'userId': 'INTEGER', 'movieId': 'INTEGER', 'rating': 'FLOAT', 'timestamp': 'BIGINT'}}))
        TO '{target}' (FORMAT parquet, COMPRESSION zstd)"""  # noqa: S608
    )
    return {"rows": connection.execute(f"SELECT count(*) FROM '{target}'").fetchone()}  # noqa: S608


WAYS = {"polars": polars, "duckdb": duckdb, "ours": ours}


def measure(way: str, path: Path) -> dict[str, Any]:
    """Run one way in a process of its own."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, __file__, "--path", str(path), "--way", way, "--scratch", folder]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
    if done.returncode:
        return {"way": way, "seconds": round(seconds, 2), "error": done.stderr[-500:]}
    return {"way": way, "seconds": round(seconds, 2), **json.loads(done.stdout.splitlines()[-1])}


def run(way: str, path: Path, scratch: Path) -> None:
    """One way, in this process; prints its figures as JSON."""
    result = WAYS[way](path, scratch)
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
    shutil.rmtree(scratch / "scratch", ignore_errors=True)
    print(json.dumps({"cpu_seconds": round(cpu, 1), "peak_mb": round(peak), **result}))


def main() -> None:
    """Measure every way once and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, default=Path("data/01_raw/benchmark"))
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--path", type=Path)
    parser.add_argument("--scratch", type=Path)
    asked = parser.parse_args()
    if asked.way:
        run(asked.way, asked.path, asked.scratch)
        return
    path = generate(asked.folder.absolute(), asked.rows)
    load = os.getloadavg()[0]
    measured = [measure(way, path) for way in WAYS]
    for result in measured:
        for bare in measured[:2]:
            for unit in ("seconds", "cpu_seconds"):
                if unit in result and unit in bare:
                    result[f"{unit}_times_{bare['way']}"] = round(result[unit] / bare[unit], 2)
        print(result)
    report = {
        "rows": asked.rows,
        "bytes": (path / "ratings.csv").stat().st_size,
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "python": platform.python_version(),
        "measured": measured,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
