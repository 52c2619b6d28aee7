"""Multimodal VAEs: this project against PyPI's ``multivae`` 1.0.3, side by side in one run.

Fashion-MNIST, picture and label; the same networks (784-400-400 and 10-400-400, mirrored), 20
latents, batch 100, Adam 1e-3, one thread, a process for each side. They take turns, so that a
change in the machine's load hits both; ratios are medians over rounds, of CPU seconds, which other
programs disturb less than wall seconds. ``multivae`` needs an environment of its own:

    python3.11 -m venv .venv-multivae
    .venv-multivae/bin/pip install torch==2.13.0 multivae==1.0.3
    python benchmarks/multimodal_vae.py --data /usr/share/datasets/fashion-mnist \
        --python .venv-multivae/bin/python

``--quality`` trains both sides for ``--epochs`` with ``--seeds`` seeds and compares joint
log-likelihood and coherence too; differences come with their standard error over seeds, which after
few epochs is larger than the margin that they should keep. ``--rounds 0`` leaves the clocks out.
What an earlier run found of other posteriors, or of the other half, stays in the result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from multimodal_study.metrics.generation import conditional_coherence, joint_coherence
from multimodal_study.pipelines.reproduction.fashion_mnist import read_idx
from multimodal_vae_worker import BATCH, HIDDEN, LATENT, WIDTHS

RESULT = Path(__file__).parent / "results" / "multimodal_vae.json"
POSTERIORS = ("poe", "moe-1", "moe-10", "mopoe", "mvtcae")
FITTED = {"samples": 100, "refine": 20}
"""Draws and gradient steps whose bound is near that of 1,000 plain draws; both are reported."""
COHERENCES = ("label_from_image", "image_from_label", "joint")
TRAINING, LIKELIHOOD, NLL, COHERENCE = 1.3, 5.0, 1.01, 0.02


class Worker:
    """A process that answers commands."""

    def __init__(self, python: str, side: str, data: str) -> None:
        here = Path(__file__).parent
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        source = str(here.parent / "src")
        environment["PYTHONPATH"] = source if side == "ours" else ""
        self.process = subprocess.Popen(
            [python, str(here / "multimodal_vae_worker.py"), side, data],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def __call__(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one command."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self.process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended at {name}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(timeout=60)


def write_arrays(folder: str, path: Path, train: int) -> dict[str, np.ndarray[Any, Any]]:
    """``train`` pairs and all test pairs as one file that both sides read."""
    arrays = {}
    for part, stem, rows in (("train", "train", train), ("test", "t10k", None)):
        images = read_idx(Path(folder) / f"{stem}-images-idx3-ubyte.gz")[:rows]
        labels = read_idx(Path(folder) / f"{stem}-labels-idx1-ubyte.gz")[:rows]
        arrays[f"{part}_image"] = images.reshape(len(images), -1).astype(np.float32) / 255.0
        arrays[f"{part}_label"] = np.eye(10, dtype=np.float32)[labels]
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return arrays


def sgemm() -> float:
    """GFLOP/s of this machine's float32 products at the sizes of the networks, one thread."""
    torch.set_num_threads(1)
    a, b = torch.randn(BATCH, 784), torch.randn(784, HIDDEN)
    best = float("inf")
    for _ in range(200):
        start = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - start)
    return 2 * BATCH * 784 * HIDDEN / best / 1e9


def step_gflop(posterior: str) -> float:
    """Products of one training step of ours, in GFLOP (forward, and both gradients)."""
    kind, _, many = posterior.partition("-")
    draws = {"poe": 2, "moe": 2 * int(many or 1), "mopoe": 1, "mvtcae": 1}[kind]
    total = 0.0
    for d in WIDTHS.values():
        # The first layer of an encoder needs no gradient of its input.
        total += 2 * d * HIDDEN + 3 * (HIDDEN * HIDDEN + HIDDEN * 2 * LATENT)
        total += draws * 3 * (LATENT * HIDDEN + HIDDEN * HIDDEN + HIDDEN * d)
    return 2 * BATCH * total / 1e9


def speed(sides: dict[str, Worker], posterior: str, options: Any) -> dict[str, Any]:
    """Training steps, the whole loop and likelihoods, in turns."""
    for worker in sides.values():
        worker("build", posterior=posterior, seed=0)
        # Enough that likelihoods are those of a model that has learnt something.
        worker("steps", count=options.warm, epoch=0)
    taken: dict[str, dict[str, list[dict[str, float]]]] = {}
    for number in range(options.rounds):
        order = list(sides.items())[:: 1 if number % 2 else -1]
        for name, worker in order:
            own = taken.setdefault(name, {"steps": [], "likelihood": [], "fitted": [], "fit": []})
            own["steps"].append(worker("steps", count=options.steps, epoch=number))
            # First with equal draws, then, ours alone, with draws from a fitted proposal.
            own["likelihood"].append(worker("timed_likelihood", rows=options.rows, samples=1000))
            fitted = FITTED if name == "ours" else {"samples": 1000}
            own["fitted"].append(worker("timed_likelihood", rows=options.rows, **fitted))
            own["fit"].append(worker("fit", rows=options.fit_rows, epochs=2))
    found: dict[str, Any] = {}
    for what in ("steps", "fit", "likelihood", "fitted"):
        for clock in ("cpu", "wall"):
            pairs = zip(taken["theirs"][what], taken["ours"][what], strict=True)
            ratios = [theirs[clock] / ours[clock] for theirs, ours in pairs]
            found[f"{what}_ratio_{clock}"] = median(ratios)
    for what in ("likelihood", "fitted"):
        found[f"{what}_nll_of_ours"] = taken["ours"][what][0]["nll"]
    for name, own in taken.items():
        seconds = min(each["cpu"] for each in own["steps"]) / options.steps
        found[f"{name}_samples_per_cpu_second"] = BATCH / seconds
        if name == "ours":
            found["ours_gflops"] = step_gflop(posterior) / seconds
    return found


def train_oracle(arrays: dict[str, np.ndarray[Any, Any]], epochs: int) -> nn.Module:
    """A small convolutional classifier of real pictures."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 49, 10),
    )
    x = torch.from_numpy(arrays["train_image"])
    y = torch.from_numpy(arrays["train_label"].argmax(1))
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(128):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimiser.step()
    return network.eval()


def seen(oracle: nn.Module, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Classes that the oracle sees."""
    with torch.no_grad():
        parts = [oracle(part).argmax(1) for part in torch.from_numpy(images).split(500)]
    return np.asarray(torch.cat(parts))


def quality(
    sides: dict[str, Worker], posterior: str, options: Any, arrays: Any, oracle: nn.Module
) -> dict[str, Any]:
    """Joint NLL and coherence after equal training, mean over seeds."""
    rows = options.test_rows
    wanted = arrays["test_label"][:rows].argmax(1)
    real = (seen(oracle, arrays["test_image"][:rows]), wanted)
    found: dict[str, Any] = {"ceiling": conditional_coherence(*real).per_sample}
    for name, worker in sides.items():
        values: dict[str, list[float]] = {}
        for seed in range(options.seeds):
            worker("build", posterior=posterior, seed=seed)
            for epoch in range(options.epochs):
                count = len(arrays["train_image"]) // BATCH
                worker("steps", count=count, epoch=1000 * seed + epoch)
            likelihood = worker("timed_likelihood", rows=options.nll_rows, samples=1000)
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "samples.npz")
                worker("generated", rows=rows, path=path)
                samples = dict(np.load(path))
            label = conditional_coherence(samples["label_from_image"], wanted)
            image = conditional_coherence(seen(oracle, samples["image_from_label"]), wanted, real)
            both = {"image": seen(oracle, samples["joint_image"]), "label": samples["joint_label"]}
            for key, value in (
                ("nll", likelihood["nll"]),
                ("label_from_image", label.per_sample),
                ("image_from_label", image.per_sample),
                ("image_from_label_per_class", image.per_class),
                ("joint", joint_coherence(both)),
            ):
                values.setdefault(key, []).append(value)
        found[name] = {key: float(np.mean(each)) for key, each in values.items()}
        found[f"{name}_by_seed"] = values
    found["nll_ratio"] = found["ours"]["nll"] / found["theirs"]["nll"]
    found["coherence_gain"] = {k: found["ours"][k] - found["theirs"][k] for k in COHERENCES}
    both = [found[f"{name}_by_seed"] for name in sides]
    found["standard_error"] = {k: _error([own[k] for own in both]) for k in ("nll", *COHERENCES)}
    chosen = ("epochs", "seeds", "train", "nll_rows", "test_rows")
    found["options"] = {name: getattr(options, name) for name in chosen}
    return found


def _error(sides: list[list[float]]) -> float | None:
    """Standard error of the difference of two means over seeds; None of a single seed."""
    if min(len(values) for values in sides) < 2:
        return None
    return float(np.sqrt(sum(np.var(values, ddof=1) / len(values) for values in sides)))


def earlier(path: Path) -> dict[str, Any]:
    """What the result file has of each posterior."""
    return dict(json.loads(path.read_text())["posteriors"]) if path.is_file() else {}


def options_of() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--python", required=True, help="of the environment with multivae")
    parser.add_argument("--posteriors", nargs="+", default=list(POSTERIORS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rows", type=int, default=50, help="test rows of timed likelihoods")
    parser.add_argument("--warm", type=int, default=100, help="steps before any clock starts")
    parser.add_argument("--fit-rows", type=int, default=4000)
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--nll-rows", type=int, default=100)
    parser.add_argument("--test-rows", type=int, default=3000)
    parser.add_argument("--output", type=Path, default=RESULT)
    return parser.parse_args()


def main() -> None:
    """Run, print and save."""
    options = options_of()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        arrays = write_arrays(options.data, path, options.train)
        sides = {
            "ours": Worker(sys.executable, "ours", str(path)),
            "theirs": Worker(options.python, "theirs", str(path)),
        }
        oracle = train_oracle(arrays, 4) if options.quality else None
        result: dict[str, Any] = {
            "machine": platform.processor() or platform.machine(),
            "sgemm_gflops": sgemm(),
            "bars": {
                "training": TRAINING,
                "likelihood": LIKELIHOOD,
                "nll": NLL,
                "coherence": COHERENCE,
            },
            "options": {k: v for k, v in vars(options).items() if k not in {"data", "python"}},
            "posteriors": earlier(options.output),
        }
        result["options"]["output"] = options.output.name
        for posterior in options.posteriors:
            found = speed(sides, posterior, options) if options.rounds else {}
            if found:
                found["share_of_sgemm"] = found["ours_gflops"] / result["sgemm_gflops"]
            if oracle is not None:
                found["quality"] = quality(sides, posterior, options, arrays, oracle)
            result["posteriors"][posterior] = {**result["posteriors"].get(posterior, {}), **found}
            print(posterior, json.dumps(found, indent=1), flush=True)
            options.output.parent.mkdir(exist_ok=True)
            options.output.write_text(json.dumps(result, indent=2) + "\n")
        for worker in sides.values():
            worker.close()


if __name__ == "__main__":
    main()
