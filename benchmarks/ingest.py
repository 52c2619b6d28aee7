"""Ingest, dedupe and split of a large review file against bare reads of the same file.

Every measurement is a process of its own: seconds by the wall clock, CPU seconds (they bear other
load on the machine better) and peak resident memory, imports included. ``ours`` is what the
pipeline does: ingest, sink of the three tables to Parquet, and the reviewer split on the table that
was written. Polars cannot read past a line that is not an object, so it may be given a copy of the
file without such lines.
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

RESULTS = Path(__file__).parent / "results" / "ingest.json"
FIELDS = {
    "overall": "DOUBLE",
    "verified": "BOOLEAN",
    "reviewerID": "VARCHAR",
    "asin": "VARCHAR",
    "reviewText": "VARCHAR",
    "unixReviewTime": "BIGINT",
}


def ours(path: Path, folder: Path) -> dict[str, Any]:
    """Ingest, save as the catalogue saves, split."""
    import polars as pl

    from multimodal_study.pipelines.amazon import ingest, locate, split

    params = {"source": "amazon_2018", "path": str(path), "scratch": str(folder / "scratch")}
    marks = {"start": time.perf_counter()}
    found = locate.locate(params)
    marks["locate"] = time.perf_counter()
    reviews, products, quarantine, summary = ingest.ingest(found, params)
    marks["ingest"] = time.perf_counter()
    for name, table in (("reviews", reviews), ("products", products), ("quarantine", quarantine)):
        table.sink_parquet(folder / f"{name}.parquet", compression="zstd")
    marks["save"] = time.perf_counter()
    saved = pl.scan_parquet(folder / "reviews.parquet")
    fractions = {"validation": 0.1, "test": 0.1}
    splits, report = split.split(saved, {"strategy": "reviewer", "fractions": fractions}, 42)
    marks["split"] = time.perf_counter()
    steps = list(marks)
    seconds = {b: round(marks[b] - marks[a], 2) for a, b in itertools.pairwise(steps)}
    counts = {key: summary["reviews"][key] for key in ("rows_read", "kept", "duplicates")}
    counts |= {"quarantined": summary["reviews"]["quarantined"], "reasons": summary["reasons"]}
    return {"steps": seconds, "counts": counts, "rows": report["rows"], "examples": len(splits)}


def polars(path: Path, _: Path) -> dict[str, Any]:
    """Bare scan by Polars: rows, mean rating, characters of text; bad lines ignored."""
    import polars as pl

    kinds = {"DOUBLE": pl.Float64, "BOOLEAN": pl.Boolean, "VARCHAR": pl.String, "BIGINT": pl.Int64}
    frame = pl.scan_ndjson(
        path, schema={name: kinds[kind] for name, kind in FIELDS.items()}, ignore_errors=True
    )
    wanted = (pl.len(), pl.col("overall").mean(), pl.col("reviewText").str.len_chars().sum())
    return {"rows": frame.select(*wanted).collect(engine="streaming").row(0)}


def duckdb(path: Path, folder: Path) -> dict[str, Any]:
    """Bare scan by DuckDB: rows, mean rating, characters of text; bad lines ignored."""
    import duckdb as engine

    connection = engine.connect(config={"memory_limit": "2GB", "temp_directory": str(folder)})
    query = f"""SELECT count(*), avg(overall), sum(length(reviewText))
        FROM read_json(?, columns = {FIELDS}, format = 'newline_delimited', ignore_errors = true)"""  # noqa: S608
    return {"rows": connection.execute(query, [str(path)]).fetchone()}


WAYS = {"polars": polars, "duckdb": duckdb, "ours": ours}


def measure(way: str, path: Path) -> dict[str, Any]:
    """Run one way in a process of its own."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, __file__, str(path), "--way", way, "--folder", folder]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
    if done.returncode:
        return {"way": way, "seconds": round(seconds, 2), "error": done.stderr[-500:]}
    return {"way": way, "seconds": round(seconds, 2), **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    """Measure every way once and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--clean", type=Path, help="the file without broken lines, for Polars")
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.way:
        result = WAYS[asked.way](asked.path, asked.folder)
        used = resource.getrusage(resource.RUSAGE_SELF)
        peak, cpu = used.ru_maxrss / 1024, used.ru_utime + used.ru_stime
        shutil.rmtree(asked.folder / "scratch", ignore_errors=True)
        print(
            json.dumps(
                {"cpu_seconds": round(cpu, 1), "peak_mb": round(peak), **result}, default=str
            )
        )
        return
    load = os.getloadavg()[0]
    paths = {"polars": asked.clean or asked.path}
    measured = [measure(way, paths.get(way, asked.path).absolute()) for way in WAYS]
    for result in measured:
        for bare in measured[:2]:
            for unit in ("seconds", "cpu_seconds"):
                if unit in result and unit in bare:
                    ratio = round(result[unit] / bare[unit], 2)
                    result[f"{unit}_times_{bare['way']}"] = ratio
        print(result)
    report = {
        "bytes": asked.path.stat().st_size,
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "python": platform.python_version(),
        "measured": measured,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
