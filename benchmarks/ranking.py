"""LightGCN and EASE on a fixed top-N split, and the speed of LightGCN against torch_geometric's.

``python benchmarks/ranking.py --folder <folder>`` reads ``train.txt`` and ``test.txt``, a line per
user, the user followed by items, as the UltraGCN repository publishes ML-1M (796,244 training and
99,455 test pairs of 6,022 users and 3,043 items).

Settings and the number of passes are chosen by the NDCG@20 of a validation part, a tenth of each
user's training items; the chosen setting is then fitted on all of train with that number of passes,
once per seed, and reads test once. Beside it stands what choosing on test would have reported: the
highest test value of any setting and pass, of fits on all of train. Recall@20 is hits / positives;
the ideal of NDCG has min(positives, 20) hits; training items do not compete.

The last part times a pass and an evaluation of ours and of torch_geometric's class trained as its
example trains it (BPR, batches of 8,192, width 64, 2 layers), alternating, in CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix

from multimodal_study.baselines import ease
from multimodal_study.errors import InputError
from multimodal_study.metrics.bootstrap import Resampling
from multimodal_study.metrics.ranking import Scorer, TopN, evaluate
from multimodal_study.metrics.ranking_table import ranking_table
from multimodal_study.models import lightgcn

RESULT = Path(__file__).parent / "results" / "ranking.json"
DEPTH, HELD_OUT, EVERY, PATIENCE, SEEDS = 20, 0.1, 5, 3, 3
METRICS = ("recall", "ndcg")
STRENGTHS = [100.0, 300.0, 1000.0, 3000.0]
PLAIN = lightgcn.Config(max_epochs=60)
PARTS = ("quality", "speed")
SETTINGS = {
    "2 layers": PLAIN,
    "2 layers, edge dropout 0.3": replace(PLAIN, edge_dropout=0.3),
}
SPEED = lightgcn.Config(loss="bpr", similarity="dot", temperature=1.0, l2=5e-5,
                        learning_rate=0.001, batch_size=8192, embed_dim=64, layers=2)  # fmt: skip


@dataclass(frozen=True)
class Split:
    """What may be learnt from and what is to be found, ones in ``[u, i]``."""

    train: csr_matrix
    wanted: csr_matrix

    def evaluate(self, score: Scorer) -> TopN:
        """Lists of all users who have something to find."""
        return evaluate(score, self.train, self.wanted, depth=DEPTH)


def read(folder: Path) -> Split:
    """``train.txt`` and ``test.txt``."""
    pairs = []
    for name in ("train.txt", "test.txt"):
        lines = (folder / name).read_text(encoding="ascii").splitlines()
        try:
            rows = [np.array(line.split(), dtype=np.int64) for line in lines if line.strip()]
        except ValueError as error:
            raise InputError(f"{folder / name}: expected a user and items per line") from error
        user = np.concatenate([np.full(len(row) - 1, row[0]) for row in rows])
        pairs.append((user, np.concatenate([row[1:] for row in rows])))
    shape = tuple(int(max(p[end].max() for p in pairs)) + 1 for end in (0, 1))
    return Split(*(csr_matrix((np.ones(len(p[0])), p), shape=shape) for p in pairs))


def hold_out(train: csr_matrix, share: float, seed: int) -> Split:
    """A random ``share`` of each user's items, rounded down, as what is to be found."""
    edges = train.tocoo()
    order = np.lexsort((np.random.default_rng(seed).random(edges.nnz), edges.row))
    user, item = edges.row[order], edges.col[order]
    counts = np.bincount(user, minlength=train.shape[0])
    place = np.arange(len(user)) - (np.cumsum(counts) - counts)[user]
    held = place < np.floor(share * counts + 1e-9)[user]
    parts = [(user[kept], item[kept]) for kept in (~held, held)]
    return Split(*(csr_matrix((np.ones(len(p[0])), p), shape=train.shape) for p in parts))


def follow(split: Split, config: lightgcn.Config) -> list[dict[str, float]]:
    """Metrics every ``EVERY`` passes until ``PATIENCE`` of them were no better."""
    seen: list[dict[str, float]] = []

    def measure(score: Scorer) -> float:
        reached = split.evaluate(score).means()
        seen.append({metric: reached[metric] for metric in METRICS})
        print(f"  {reached['recall']:.4f} {reached['ndcg']:.4f}", flush=True)
        return reached["ndcg"]

    passes = lightgcn.follow(split.train, config, 0, measure, every=EVERY, patience=PATIENCE)
    return [{"epoch": epoch, **row} for (epoch, _), row in zip(passes, seen, strict=True)]


def quality(folder: Path, processes: int) -> dict[str, Any]:
    """Choices on validation, what they reach on test, and what choosing on test would say."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        tried, penalties, on_test = (
            {value: pool.submit(work, folder, value) for value in values}
            for work, values in ((tried_on, SETTINGS), (penalty, STRENGTHS), (tested_on, SETTINGS))
        )
        closed = {l2: future.result() for l2, future in penalties.items()}
        curves = {name: future.result() for name, future in tried.items()}
        best = {name: max(rows, key=by_ndcg) for name, rows in curves.items()}
        setting = max(best, key=lambda name: best[name]["ndcg"])
        passes, l2 = int(best[setting]["epoch"]), max(closed, key=lambda key: closed[key])
        print("chosen", setting, passes, l2, flush=True)
        lists = list(pool.map(partial(fitted, folder, setting, passes), range(SEEDS)))
        seen = {name: future.result() for name, future in on_test.items()}
    split = read(folder)
    ease_lists = split.evaluate(ease.fit(split.train, l2))
    table = ranking_table({"ease": ease_lists, "lightgcn": lists[0]}, "ease", Resampling())
    seeds = {metric: [found.means()[metric] for found in lists] for metric in METRICS}
    rows = [row for curve in seen.values() for row in curve]
    highest = {metric: max(row[metric] for row in rows) for metric in METRICS}
    return {
        "settings": {name: asdict(config) for name, config in SETTINGS.items()},
        "validation": curves,
        "chosen": {"setting": setting, "passes": passes, "ease_l2": l2},
        "ease_validation_ndcg": {f"{key:g}": value for key, value in closed.items()},
        "lightgcn": {m: {"mean": mean(values), "seeds": values} for m, values in seeds.items()},
        "ease": {metric: ease_lists.means()[metric] for metric in METRICS},
        "intervals_of_seed_0": json.loads(
            table[table["metric"].isin(METRICS)].to_json(orient="records")
        ),
        "selected_on_test": highest,
        "optimism": {metric: highest[metric] - mean(seeds[metric]) for metric in METRICS},
        "test_by_pass": seen,
    }


def by_ndcg(row: dict[str, float]) -> float:
    """What choices go by."""
    return row["ndcg"]


def penalty(folder: Path, l2: float) -> float:
    """NDCG of EASE on validation."""
    inner = hold_out(read(folder).train, HELD_OUT, 0)
    return inner.evaluate(ease.fit(inner.train, l2)).means()["ndcg"]


def tried_on(folder: Path, name: str) -> list[dict[str, float]]:
    """Metrics of a setting on validation, by pass."""
    return follow(hold_out(read(folder).train, HELD_OUT, 0), SETTINGS[name])


def tested_on(folder: Path, name: str) -> list[dict[str, float]]:
    """Metrics of a setting on test, by pass: nothing is chosen by them."""
    return follow(read(folder), SETTINGS[name])


def fitted(folder: Path, name: str, passes: int, seed: int) -> TopN:
    """Lists of test after a fit on all of train."""
    split = read(folder)
    config = replace(SETTINGS[name], max_epochs=passes)
    return split.evaluate(lightgcn.fit(split.train, config, seed).scores())


class Published:
    """torch_geometric's class, trained as its example does."""

    def __init__(self, split: Split) -> None:
        from torch_geometric.nn import LightGCN

        self.split = split
        self.users, self.items = split.train.shape
        edges = split.train.tocoo()
        ends = torch.tensor(np.stack([edges.row, edges.col + self.users]), dtype=torch.int64)
        self.pairs, self.graph = ends, torch.cat([ends, ends.flip(0)], dim=1)
        self.model = LightGCN(self.users + self.items, SPEED.embed_dim, SPEED.layers)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=SPEED.learning_rate)

    def steps(self, number: int) -> None:
        """That many steps of an epoch."""
        for index in torch.randperm(self.pairs.shape[1]).split(SPEED.batch_size)[:number]:
            liked = self.pairs[:, index]
            drawn = torch.randint(self.users, self.users + self.items, (len(index),))
            asked = torch.cat([liked, torch.stack([liked[0], drawn])], dim=1)
            self.optimiser.zero_grad()
            better, worse = self.model(self.graph, asked).chunk(2)
            loss = self.model.recommendation_loss(better, worse, node_id=asked.unique())
            loss.backward()
            self.optimiser.step()

    @torch.no_grad()
    def evaluate(self) -> float:
        """Recall@20 by dense blocks and ``topk``."""
        vectors = self.model.get_embedding(self.graph)
        users, items = vectors.split([self.users, self.items])
        recalls = []
        for start in range(0, self.users, SPEED.batch_size):
            block = slice(start, start + SPEED.batch_size)
            scores = users[block] @ items.T
            seen = torch.tensor(self.split.train[block].toarray() > 0)
            wanted = torch.tensor(self.split.wanted[block].toarray() > 0)
            top = scores.masked_fill(seen, float("-inf")).topk(DEPTH, dim=1).indices
            count = wanted.sum(1)
            recalls.append((wanted.gather(1, top).sum(1) / count.clamp(min=1))[count > 0])
        return float(torch.cat(recalls).mean())


class Ours:
    """The same budget."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.network = lightgcn.LightGCN(SPEED, split.train, 0)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=SPEED.learning_rate)

    def steps(self, number: int) -> None:
        """That many steps of an epoch."""
        self.network.epoch(self.optimiser, steps=number)

    def evaluate(self) -> float:
        """All metrics of :func:`multimodal_study.metrics.ranking.evaluate`."""
        return self.split.evaluate(self.network.scores()).means()["recall"]


def speed(split: Split, steps: int, rounds: int) -> dict[str, Any]:
    """CPU seconds of both, alternating."""
    whole = -(-split.train.nnz // SPEED.batch_size)
    steps = min(steps, whole)
    sides = {"ours": Ours(split), "torch_geometric": Published(split)}
    took: dict[str, dict[str, list[float]]] = {n: {"epoch": [], "evaluation": []} for n in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            begin = time.process_time()
            side.steps(steps)
            trained = time.process_time()
            side.evaluate()
            took[name]["epoch"].append((trained - begin) * whole / steps)
            took[name]["evaluation"].append(time.process_time() - trained)
            print(name, {part: round(each[-1], 1) for part, each in took[name].items()}, flush=True)
    middle = {n: {p: median(each) for p, each in parts.items()} for n, parts in took.items()}
    ratios = {
        part: middle["torch_geometric"][part] / middle["ours"][part]
        for part in ("epoch", "evaluation")
    }
    both = [sum(middle[name].values()) for name in ("torch_geometric", "ours")]
    counts = {"steps_of_an_epoch": whole, "steps_timed": steps, "rounds": rounds}
    return counts | {"cpu_seconds": middle, "ratios": ratios | {"both": both[0] / both[1]}}


def main() -> None:
    """Run the parts and write what they found; a part left out keeps what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--processes", type=int, default=2, help="fits at a time")
    parser.add_argument("--steps", type=int, default=1 << 20, help="steps of an epoch to time")
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    split = read(asked.folder)
    found: dict[str, Any] = {
        "data": {
            "users": split.train.shape[0],
            "items": split.train.shape[1],
            "train": split.train.nnz,
            "test": split.wanted.nnz,
        },
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("torch", "torch-geometric")},
    }
    if "quality" in asked.parts:
        found["quality"] = quality(asked.folder, asked.processes)
    if "speed" in asked.parts:
        found["speed"] = speed(split, asked.steps, asked.rounds)
    report = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    RESULT.write_text(json.dumps(report | found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
