"""Pictures per second of our image encoder against eager torch, from files to vectors.

Both sides read the same files with the same decoder, resize them in the same way and run the same
weights in float32. Eager torch is what its documentation shows: batches of 32, `model(x)` in
inference mode, all threads of the machine. It comes twice: decoding a batch and then running it, as
a plain loop does, and decoding ahead in as many threads as ours has, as a loop written for speed
would. The sides alternate, and so does their order, so that a change in the machine's load hits all
of them; medians are compared. Loading and the export of the graph are not timed. Run from the root:

    OMP_WAIT_POLICY=PASSIVE python benchmarks/image_encoder.py --pictures 512 --rounds 5 \
        --photographs ../shared/data/fashion/images

Without photographs, drawn ones of 224 pixels take their place, which the result says.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from PIL import Image

from multimodal_study.encoders.image import BATCH, ImageEncoder
from multimodal_study.encoders.image_model import MEAN, SCALE, SPARE, load_efficientnet, to_square
from multimodal_study.encoders.pictures import open_picture

RESULT = Path(__file__).parent / "results" / "image_encoder.json"
SIZE, EAGER_BATCH = 160, 32
RATIO, DIFFERENCE = 4.0, 1e-4
Floats = np.ndarray[Any, np.dtype[np.float32]]


def photographs(folder: Path | None, pictures: int, work: Path) -> list[Path]:
    """The first files of ``folder`` by name, or drawn JPEGs of 224 pixels."""
    if folder is not None:
        return sorted(folder.glob("*.jpg"))[:pictures]
    paths = []
    for number in range(pictures):
        seeds = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        paths.append(work / f"{number}.jpg")
        Image.fromarray(seeds).resize((224, 224), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


def decode(path: Path) -> np.ndarray[Any, Any]:
    """One picture as both sides see it: uint8 ``[size, size, 3]``."""
    return to_square(open_picture(path, at_least=(SIZE * SPARE, SIZE * SPARE)), SIZE, "squash")


class Eager:
    """Plain torch: one batch after the other."""

    def __init__(self, threads: int = 0) -> None:
        self.network = load_efficientnet(SIZE)
        self.threads = threads

    def batches(self, paths: list[Path]) -> Iterator[np.ndarray[Any, Any]]:
        """Decoded batches; with threads, ahead of the network."""
        if not self.threads:
            for start in range(0, len(paths), EAGER_BATCH):
                yield np.stack([decode(path) for path in paths[start : start + EAGER_BATCH]])
            return
        with ThreadPoolExecutor(self.threads) as pool:
            pictures = pool.map(decode, paths)
            for start in range(0, len(paths), EAGER_BATCH):
                count = min(EAGER_BATCH, len(paths) - start)
                yield np.stack([next(pictures) for _ in range(count)])

    def encode(self, paths: list[Path]) -> Floats:
        """Pooled vectors."""
        made = []
        with torch.inference_mode():
            for batch in self.batches(paths):
                x = (torch.from_numpy(batch).permute(0, 3, 1, 2).float() - MEAN) / SCALE
                made.append(self.network.extract_features(x).mean((2, 3)).numpy())
        return np.concatenate(made)


def measure(paths: list[Path], rounds: int, cache: Path) -> dict[str, Any]:
    """Alternate the sides ``rounds`` times; the order within a round turns too."""
    ours = ImageEncoder(size=SIZE, cache=cache)
    # Ours makes the grids as well, as the project does.
    sides: dict[str, Callable[[list[Path]], Floats]] = {
        "ours": lambda files: ours.encode(files).pooled,
        "torch_eager": Eager().encode,
        "torch_eager_decoding_ahead": Eager(ours.threads).encode,
    }
    for encode in sides.values():
        encode(paths[:EAGER_BATCH])
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in sides}
    vectors: dict[str, Floats] = {}
    loads = []
    for turn in range(rounds):
        names = list(sides)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start, cpu = time.perf_counter(), time.process_time()
            vectors[name] = sides[name](paths)
            seconds[name].append(time.perf_counter() - start)
            cpu_seconds[name].append(time.process_time() - cpu)
        loads.append(os.getloadavg()[0])
    rate = {name: len(paths) / median(took) for name, took in seconds.items()}
    others = [name for name in sides if name != "ours"]
    return {
        "pictures": len(paths),
        "rounds": rounds,
        "size": SIZE,
        "batch": {"ours": BATCH, "torch_eager": EAGER_BATCH},
        "encoder": ours.identity,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "pictures_per_second": rate,
        "ratio": {name: rate["ours"] / rate[name] for name in others},
        "ratio_by_round": {
            name: [b / a for a, b in zip(seconds["ours"], seconds[name], strict=True)]
            for name in others
        },
        "largest_difference": max(
            float(np.abs(vectors["ours"] - vectors[name]).max()) for name in others
        ),
        "threads": {"ours": ours.threads, "torch_eager": torch.get_num_threads()},
        "load_average": loads,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "default"),
    }


def main() -> None:
    """Measure, print the table, write the result, fail below the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photographs", type=Path, default=None, help="folder of *.jpg files")
    options = parser.parse_args()
    with TemporaryDirectory() as work:
        paths = photographs(options.photographs, options.pictures, Path(work))
        result = measure(paths, options.rounds, Path(work))
    result["source"] = "drawn" if options.photographs is None else "photographs, JPEG"
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{'encoder':<28}{'pictures/s':>12}{'ours is faster by':>20}")
    for name, rate in result["pictures_per_second"].items():
        print(f"{name:<28}{rate:>12.1f}{result['ratio'].get(name, 1.0):>20.2f}")
    print(f"largest difference of a feature {result['largest_difference']:.2g}")
    if result["ratio"]["torch_eager"] < RATIO or result["largest_difference"] > DIFFERENCE:
        raise SystemExit(f"below the bars: ratio {RATIO}, difference {DIFFERENCE}")


if __name__ == "__main__":
    main()
