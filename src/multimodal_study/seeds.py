"""A cell's fits, one per seed, that survive an interruption, and what is predicted with them.

An unfinished cell keeps a folder per seed, named by a digest of everything that the fit depends on:
a finished seed is read back, an unfinished one goes on at its last epoch, and a folder that was
made by other code, data or parameters is never touched.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load_file, save_file
from scipy.sparse import issparse
from tqdm import tqdm

from multimodal_study.contract import Features
from multimodal_study.data.batches import FeatureBatches
from multimodal_study.data.cost import Cost
from multimodal_study.data.gallery import entity_rows, reads_pair
from multimodal_study.data.graph_batches import graph_factory
from multimodal_study.data.predictions import evaluated_rows, predictions_table
from multimodal_study.freshness.code import code_digest
from multimodal_study.hardware import fits_at_a_time
from multimodal_study.matching import match_candidates
from multimodal_study.models.base import FusionModule
from multimodal_study.side_by_side import in_worker, side_by_side
from multimodal_study.storage.write_aside import write_aside
from multimodal_study.training import (
    Batches,
    Fitted,
    TrainerConfig,
    fit,
    predict_and_embed,
)

logger = logging.getLogger(__name__)

_NO_MATTER = ("seeds", "processes")
"""Of the trainer's block: what one fit does not depend on."""

Arrays = dict[str, np.ndarray[Any, Any]]
BatchFactory = Callable[[np.ndarray[Any, Any], int, int | None], Batches]
"""Positions in the examples, batch size, seed of the order (None: as given) to batches."""


@dataclass(frozen=True)
class Cell:
    """One paradigm on one dataset, with all that its fits depend on."""

    network: type[FusionModule]
    config: Any
    trainer: TrainerConfig
    features: Features
    batches: BatchFactory
    data_digest: Callable[[], str]
    """Makes the digest of whatever ``batches`` reads; only a fit needs it."""

    def module(self) -> FusionModule:
        """A fresh network."""
        return self.network(self.config, self.features.modalities, self.features.task)

    def keys(self, seeds: Iterable[int]) -> dict[int, str]:
        """Seed to the digest that names the folder of its fit."""
        parts = {
            "network": self.network.__qualname__,
            "code": code_digest(_code_of(self.network)),
            "config": asdict(self.config),
            "trainer": {k: v for k, v in asdict(self.trainer).items() if k not in _NO_MATTER},
            "features": self.features.description(),
            "data": self.data_digest(),
            "torch": metadata.version("torch"),
        }
        texts = {n: json.dumps({**parts, "seed": n}, sort_keys=True, default=str) for n in seeds}
        return {n: hashlib.sha256(text.encode()).hexdigest()[:32] for n, text in texts.items()}


def cell_of(
    network: type[FusionModule], config: Any, trainer: TrainerConfig, features: Features
) -> Cell:
    """A cell that learns from the features themselves."""
    once = partial(digest, features)
    if network.nodes:
        graph = graph_factory(features, network.nodes)
        return Cell(network, config, trainer, features, graph, once)

    def batches(rows: np.ndarray[Any, Any], size: int, order: int | None) -> Batches:
        return FeatureBatches(features, rows, size, shuffle_seed=order, sparse_words=True)

    return Cell(network, config, trainer, features, batches, once)


def fit_seeds(
    cell: Cell, seed: int, *, keep: bool = False
) -> tuple[Arrays, list[dict[str, Any]], list[dict[str, Any]]]:
    """Fit ``cell.trainer.seeds`` times.

    Args:
        cell: What is fitted.
        seed: The first seed.
        keep: Leave finished fits where an interrupted run finds them; :func:`forget` removes them.

    Returns:
        Weights by ``"<seed>/<parameter>"``, history rows and cost rows, each with its ``seed``.
    """
    weights: Arrays = {}
    history: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    for number, fitted in _fits(cell, range(seed, seed + cell.trainer.seeds)):
        weights |= {f"{number}/{name}": array for name, array in fitted.state.items()}
        history += [{"seed": number, **row} for row in fitted.history]
        costs.append({"seed": number, **fitted.cost})
    if not keep:
        forget(cell, seed)
    return weights, history, costs


def forget(cell: Cell, seed: int) -> None:
    """Remove the folders of finished fits."""
    for key in cell.keys(range(seed, seed + cell.trainer.seeds)).values():
        shutil.rmtree(Path(cell.trainer.checkpoints) / key, ignore_errors=True)


def predict_seeds(cell: Cell, weights: Arrays) -> tuple[pd.DataFrame, Arrays, dict[int, float]]:
    """Predictions of every seed on validation and test, and what the networks see in the rows.

    Returns:
        The predictions table; ``rows`` ``[n]`` and, as ``<seed>/joint`` and ``<seed>/<origin>``,
        float32 ``[n, d]``; and the seconds of prediction by seed. ``rows`` has those of validation
        and test and, where the network reads a pair, the first training row of each entity after
        them: maps between the sides are fitted on those. A network that matches pairs adds its
        scores, as ``data.gallery`` says.
    """
    evaluated = evaluated_rows(cell.features)
    train = entity_rows(cell.features, "train") if reads_pair(cell.features) else evaluated[:0]
    rows = np.concatenate([evaluated, train])
    size = max(cell.trainer.batch_size, 256)
    seeds = sorted({int(name.split("/")[0]) for name in weights})
    tables, seconds = [], {}
    embeddings: Arrays = {"rows": rows}
    for seed in tqdm(seeds, desc="predict", disable=None, leave=False):
        network = rebuild_network(cell, weights, seed)
        with Cost() as cost:
            output, own = predict_and_embed(network, cell.batches(evaluated, size, None))
        seconds[seed] = cost.seconds
        tables.append(predictions_table(cell.features, evaluated, output, seed))
        if len(train):
            _, seen = predict_and_embed(network, cell.batches(train, size, None))
            own = {name: np.concatenate([own[name], seen[name]]) for name in own}
        embeddings |= {f"{seed}/{name}": array for name, array in own.items()}
        embeddings |= match_candidates(
            network,
            cell.features,
            lambda chosen: cell.batches(chosen, size, None),
            own,
            rows=rows,
            seed=seed,
        )
    return pd.concat(tables, ignore_index=True), embeddings, seconds


def digest(features: Features) -> str:
    """Digest of everything in ``features``, to the byte."""
    state = hashlib.blake2b(digest_size=16)
    state.update(json.dumps(features.description(), sort_keys=True).encode())
    state.update(pd.util.hash_pandas_object(features.examples).to_numpy().tobytes())
    for name in sorted(features.arrays):
        array: Any = features.arrays[name]
        parts = [array.data, array.indices, array.indptr] if issparse(array) else [array]
        lengths = [features.lengths[name]] if name in features.lengths else []
        for part in [*parts, features.present[name], *lengths]:
            state.update(np.ascontiguousarray(part).view(np.uint8).reshape(-1).data)
    return state.hexdigest()


def arrays_digest(arrays: Arrays) -> str:
    """Digest of named arrays, to the byte."""
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        state.update(name.encode())
        state.update(np.ascontiguousarray(arrays[name]).view(np.uint8).reshape(-1).data)
    return state.hexdigest()


def rebuild_network(cell: Cell, weights: Arrays, seed: int) -> FusionModule:
    """The network of one seed, ready to predict."""
    prefix = f"{seed}/"
    state = {
        name.removeprefix(prefix): torch.from_numpy(array.copy())
        for name, array in weights.items()
        if name.startswith(prefix)
    }
    return cell.network.rebuild(cell.config, cell.features.modalities, cell.features.task, state)


def _fits(cell: Cell, numbers: Sequence[int]) -> Iterator[tuple[int, Fitted]]:
    """Finished fits are read, the others made, side by side where that pays."""
    name = cell.network.__name__
    root = Path(cell.trainer.checkpoints).resolve()
    folders = {number: root / key for number, key in cell.keys(numbers).items()}
    missing = [number for number in numbers if not _finished(folders[number])]
    for number in numbers:
        if number not in missing:
            logger.info("%s, seed %d: was finished before the interruption", name, number)
        elif (folders[number] / "last.ckpt").is_file():
            logger.info("%s, seed %d: goes on at its last checkpoint", name, number)
    trainer = cell.trainer
    processes = fits_at_a_time(
        cell.network, cell.features.modalities, trainer.device, trainer.processes
    )
    processes = min(processes, len(missing))
    if processes > 1:
        logger.info("%s: %d fits, %d at a time", name, len(missing), processes)

        def work(number: int) -> None:
            _fit(cell, number, folders[number], progress=False)

        done = side_by_side(work, missing, processes)
        for _ in tqdm(done, total=len(missing), desc=name, disable=None, leave=False):
            pass
    for number in numbers:
        if number in missing and processes <= 1:
            yield number, _fit(cell, number, folders[number], progress=not in_worker())
            continue
        fitted = _read(folders[number])
        if number in missing:
            fitted.log(name)
        yield number, fitted


def _fit(cell: Cell, seed: int, folder: Path, *, progress: bool = True) -> Fitted:
    folder.mkdir(parents=True, exist_ok=True)
    size = cell.trainer.batch_size
    fitted = fit(
        cell.module,
        cell.batches(cell.features.rows("train"), size, seed),
        cell.batches(cell.features.rows("validation"), max(size, 256), None),
        trainer=cell.trainer,
        seed=seed,
        folder=folder,
        progress=progress,
    )
    _write(folder, fitted)
    return fitted


def _write(folder: Path, fitted: Fitted) -> None:
    with write_aside(folder / "fitted") as aside:
        aside.mkdir()
        save_file(fitted.state, aside / "state.safetensors")
        text = json.dumps({"history": fitted.history, "cost": fitted.cost})
        (aside / "fit.json").write_text(text, encoding="utf-8")


def _finished(folder: Path) -> bool:
    return (folder / "fitted" / "fit.json").is_file()


def _read(folder: Path) -> Fitted:
    rest = json.loads((folder / "fitted" / "fit.json").read_text(encoding="utf-8"))
    return Fitted(load_file(folder / "fitted" / "state.safetensors"), **rest)


def _code_of(network: type[FusionModule]) -> Callable[..., Any]:
    """A function whose closure names the network and the trainer, for :func:`code_digest`."""

    def uses() -> Any:
        return network, fit

    return uses
