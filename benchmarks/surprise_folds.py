"""Ratings of MovieLens 100K on the folds of Surprise's own table.

``python benchmarks/surprise_folds.py --folder <ml-100k>``. The table in Surprise's README is the
mean RMSE over ``KFold(n_splits=5, random_state=0)`` of the rows of ``u.data`` in their order: the
row numbers shuffled by ``numpy.random.RandomState(0)``, cut into five; predictions are clipped to
the scale. There all of a fold's train is fitted, with default settings; here a tenth of it is held
out for choices (numbers of factors, of sweeps, of epochs) and learnt from by nobody, so that these
rows learn from less. Features are genres, year, names and facts of the films (no texts, pictures,
outside opinions, times) and, for ``early``, counts, means and factors of the ratings of other folds
of what it may learn from.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import torch
from kedro.config import OmegaConfigLoader

from multimodal_study.baselines import biased_mf, biases
from multimodal_study.contract import SPLITS, Features
from multimodal_study.data import rating_splits
from multimodal_study.errors import InputError
from multimodal_study.models import early, gnn
from multimodal_study.pipelines.movielens import enrich, featurise, ingest, locate
from multimodal_study.pipelines.paradigms.cells import fit_cell, predict_cell

RESULT = Path(__file__).parent / "results" / "surprise_folds.json"
CONF = Path(__file__).parents[1] / "conf"
FOLDS, HELD_OUT, SEED, RATINGS = 5, 0.1, 42, 100_000
PUBLISHED = {"biases": 0.944, "SVD": 0.934, "k-NN baseline": 0.931, "SVD++": 0.919}
"""Surprise's README, 5-fold means; its biases are called Baseline there."""
GRAPH = [{"learning_rate": 0.01, "weight_decay": decay} for decay in (0.3, 1.0)]
"""Settings of ``gnn`` that the held-out part of each fold chooses between."""
BASELINES = {"biases": biases, "biased_mf": biased_mf}
NETWORKS: dict[str, tuple[Any, Any]] = {
    "gnn": (gnn.GraphNetwork, gnn.Config),
    "early": (early.EarlyFusion, early.Config),
}
ROWS = (*BASELINES, "gnn")


def folds(n: int) -> list[Any]:
    """Test rows of each fold, as Surprise's ``KFold`` cuts them."""
    order = np.arange(n)
    np.random.RandomState(0).shuffle(order)
    return np.array_split(order, FOLDS)


def films_and_ratings(folder: Path, options: dict[str, Any], scratch: Path) -> tuple[Any, ...]:
    """Ratings, films with what is known about them, users, and the summaries."""
    asked = {"source": "ml-100k", "path": str(folder), "scratch": str(scratch)}
    ratings, movies, users, _, summary = ingest.ingest(locate.locate(asked), asked)
    wanted = {**options["enrich"], "pictures": [], "texts": []}
    files = enrich.locate_enrichment(wanted)
    fetched = {"fetched": False}
    table, _, known = enrich.enrich(movies.lazy(), ratings, wanted, files, fetched)
    return ratings.collect(), table, users, summary, known


def splits(ratings: Any, table: Any, users: Any, test: Any) -> Any:
    """The table of splits for one of the folds."""
    rest = np.setdiff1d(np.arange(len(ratings)), test)
    held = np.random.default_rng(SEED).permutation(rest)[: int(HELD_OUT * len(rest))]
    codes = np.full(len(ratings), rating_splits.TRAIN)
    codes[held], codes[test] = rating_splits.VALIDATION, rating_splits.TEST
    train, number = codes == rating_splits.TRAIN, 10
    fold = np.full(len(ratings), number, dtype=np.int8)
    fold[train] = rating_splits.folds(int(train.sum()), number, SEED)
    place = {
        "user": np.searchsorted(users["user_id"].to_numpy(), ratings["user_id"].to_numpy()),
        "movie": np.searchsorted(table["movie_id"].to_numpy(), ratings["movie_id"].to_numpy()),
    }
    side = np.array(SPLITS)[codes]
    return pl.DataFrame({**{k: v.astype(np.int32) for k, v in place.items()}, "split": side,
                         "fold": fold})  # fmt: skip


def features_of(made: tuple[Any, ...], test: Any, parameters: dict[str, Any]) -> Features:
    """Features of one fold."""
    ratings, table, users, summary, known = made
    own = parameters["movielens"]
    options = {**own["featurise"], "text": None, "tokens": None, "words": None, "pictures": False}
    about = {"folds": 10, "history": "others"}
    return featurise.featurise(
        ratings.lazy(), splits(ratings, table, users, test).lazy(), table, own["task"], options,
        parameters["encoders"]["image"], summary, about, known, SEED,
    )  # fmt: skip


def rmse(predictions: pd.DataFrame, split: str) -> float:
    """Of the rows of ``split``."""
    rows = predictions[predictions["split"] == split]
    return float(np.sqrt(((rows["prediction"].clip(1, 5) - rows["target"]) ** 2).mean()))


def measure(
    name: str, features: Features, parameters: dict[str, Any], trainer: dict[str, Any]
) -> dict[str, Any]:
    """Test RMSE of one row on one fold, and the setting that its held-out part chose."""
    own = {**parameters[name], **parameters["movielens"]["overrides"].get(name, {})}
    if name in BASELINES:
        result = BASELINES[name].fit_predict(features, own, SEED)
        return {"rmse": rmse(result.predictions, "test"), "chosen": result.chosen}
    reached = []
    for setting in GRAPH if name == "gnn" else [{}]:
        weights, config, _, _ = fit_cell(NETWORKS[name], features, own | setting, trainer, SEED)
        predictions, _, _ = predict_cell(NETWORKS[name], features, weights, config)
        held, test = (rmse(predictions, split) for split in ("validation", "test"))
        reached.append((held, {"rmse": test, "chosen": setting, "held_out_rmse": held}))
    return min(reached, key=lambda each: each[0])[1]


def store(row: str, fold: int, found: dict[str, Any]) -> None:
    """Write one result beside those that are there."""
    report = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    rows = report.get("rows", {})
    folds_of = rows.get(row, {}).get("folds", {}) | {str(fold): found}
    whole = len(folds_of) == FOLDS
    rows[row] = {
        "rmse": mean(each["rmse"] for each in folds_of.values()) if whole else None,
        "folds": dict(sorted(folds_of.items())),
    }
    about = {"published": PUBLISHED, "held_out_of_train": HELD_OUT, "seed": SEED, "rows": rows}
    RESULT.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Rows on folds; each result is written as it comes, so that a run can go on or be split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", nargs="+", choices=[*BASELINES, *NETWORKS], default=ROWS)
    parser.add_argument("--folds", nargs="+", type=int, default=range(FOLDS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    parameters = OmegaConfigLoader(str(CONF), base_env="base", default_run_env="base")["parameters"]
    with tempfile.TemporaryDirectory() as scratch:
        trainer = {**parameters["trainer"], "seeds": 1, "processes": 1, "checkpoints": scratch}
        made = films_and_ratings(asked.folder.absolute(), parameters["movielens"], Path(scratch))
        if len(made[0]) != RATINGS:
            raise InputError(f"{asked.folder}: {len(made[0])} ratings, expected {RATINGS}")
        tests = folds(len(made[0]))
        for fold in asked.folds:
            features = features_of(made, tests[fold], parameters)
            for name in asked.rows:
                found = measure(name, features, parameters, trainer)
                print(fold, name, found, flush=True)
                store(name, fold, found)


if __name__ == "__main__":
    main()
