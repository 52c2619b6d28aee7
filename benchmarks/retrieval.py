"""Our blocked ranks against a naive evaluation of the whole similarity matrix.

The naive side does what common evaluation code does: one matrix of all similarities, an argsort of
each row, and the place of the positives in the sorted rows. Both get the same embeddings and keys,
each in a process of its own, so that the peak of its memory is its own; they alternate. A last
process searches a gallery that the naive side cannot hold. Run from the root of the project:

    OMP_WAIT_POLICY=PASSIVE python benchmarks/retrieval.py --items 20000 --large 100000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from multimodal_study.metrics.retrieval import within
from multimodal_study.metrics.search import standings, unit_rows

RESULT = Path(__file__).parent / "results" / "retrieval.json"
WIDTH, DUPLICATES, DEPTH = 256, 0.3, 10
MOST_MB = 2048


def embeddings(items: int) -> tuple[Any, Any, tuple[Any, Any]]:
    """Two noisy views of ``items`` entities, of which a share has the text of another."""
    random = np.random.default_rng(0)
    text = np.arange(items)
    copies = random.random(items) < DUPLICATES
    text[copies] = random.integers(0, items, copies.sum())
    meaning = random.standard_normal((items, WIDTH), dtype=np.float32)[text]
    image = meaning + 2.2 * random.standard_normal((items, WIDTH), dtype=np.float32)
    return image, meaning, (np.arange(items), text)


def ours(items: int) -> float:
    """Recall@10 by counting, block by block."""
    image, text, keys = embeddings(items)
    return float(within(standings(image, text, keys)[0], DEPTH).mean())


def naive(items: int) -> float:
    """Recall@10 by sorting every row of the whole matrix."""
    image, text, keys = embeddings(items)
    order = np.argsort(-(unit_rows(image) @ unit_rows(text).T), axis=1)
    found = np.zeros(items, dtype=bool)
    for row, ranked in enumerate(order):
        place = np.flatnonzero(keys[1][ranked] == keys[1][row])[0]
        found[row] = place < DEPTH
    return float(found.mean())


def child(side: str, items: int) -> dict[str, Any]:
    """Run one side in a fresh process."""
    command = [sys.executable, __file__, "--side", side, "--items", str(items)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measured(side: str, items: int) -> dict[str, Any]:
    """Seconds and peak memory of one side in this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    recall = {"ours": ours, "naive": naive}[side](items)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "recall_at_10": recall,
        "seconds": seconds,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mb": after.ru_maxrss / 1024,
    }


def compare(items: int, large: int, rounds: int) -> dict[str, Any]:
    """Alternate the two sides, then the large gallery once."""
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "naive": []}
    for turn in range(rounds):
        for side in list(runs)[:: 1 if turn % 2 else -1]:
            runs[side].append(child(side, items))
    middle = {
        side: {key: median(run[key] for run in each) for key in each[0]}
        for side, each in runs.items()
    }
    return {
        "items": items,
        "width": WIDTH,
        "rounds": rounds,
        "median": middle,
        "ratio_seconds": middle["naive"]["seconds"] / middle["ours"]["seconds"],
        "ratio_cpu_seconds": middle["naive"]["cpu_seconds"] / middle["ours"]["cpu_seconds"],
        "ratio_peak_memory": middle["naive"]["peak_mb"] / middle["ours"]["peak_mb"],
        "large": {"items": large, **child("ours", large)},
        "load_average": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "numpy": np.__version__,
    }


def main() -> None:
    """Measure, print, write the result, fail if the recalls differ or the memory is too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--side", choices=["ours", "naive"])
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measured(options.side, options.items)))
        return
    result = compare(options.items, options.large, options.rounds)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    one, other = (result["median"][side]["recall_at_10"] for side in ("ours", "naive"))
    if abs(one - other) > 1e-3 or result["large"]["peak_mb"] > MOST_MB:
        raise SystemExit(f"recalls {one} and {other}, peak {result['large']['peak_mb']:.0f} MB")


if __name__ == "__main__":
    main()
