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
FOLDS, HELD_OUT, SEED = 5, 0.1, 42
PUBLISHED = {"biases": 0.944, "SVD": 0.934, "k-NN baseline": 0.931, "SVD++": 0.919}
"""Surprise's README, 5-fold means; its biases are called Baseline there."""
BASELINES = {"biases": biases, "biased_mf": biased_mf}
NETWORKS: dict[str, tuple[Any, Any]] = {
    "gnn": (gnn.GraphNetwork, gnn.Config),
    "early": (early.EarlyFusion, early.Config),
}


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


def rmse(predictions: pd.DataFrame) -> float:
    """Of the test rows, the mean over seeds."""
    rows = predictions[predictions["split"] == "test"]
    squared = (rows["prediction"].clip(1, 5) - rows["target"]) ** 2
    return float(np.sqrt(squared.groupby(rows["seed"]).mean()).mean())


def measure(
    name: str, features: Features, parameters: dict[str, Any], trainer: dict[str, Any]
) -> float:
    """Test RMSE of one row on one fold."""
    own = {**parameters[name], **parameters["movielens"]["overrides"].get(name, {})}
    if name in BASELINES:
        return rmse(BASELINES[name].fit_predict(features, own, SEED).predictions)
    weights, config, _, _ = fit_cell(NETWORKS[name], features, own, trainer, SEED)
    return rmse(predict_cell(NETWORKS[name], features, weights, config)[0])


def main() -> None:
    """Every row on every fold; what is there already is kept, so that a run can go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", nargs="+", default=[*BASELINES, *NETWORKS])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    parameters = OmegaConfigLoader(str(CONF), base_env="base", default_run_env="base")["parameters"]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        trainer = {**parameters["trainer"], "seeds": 1, "processes": 1, "checkpoints": scratch}
        made = films_and_ratings(asked.folder.absolute(), parameters["movielens"], Path(scratch))
        if len(made[0]) != 100_000:
            raise InputError(f"{asked.folder}: {len(made[0])} ratings, expected 100,000")
        for number, test in enumerate(folds(len(made[0]))):
            features = features_of(made, test, parameters)
            for name in asked.rows:
                found.setdefault(name, []).append(measure(name, features, parameters, trainer))
                print(number, name, found[name], flush=True)
    report = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    rows = report.get("rows", {}) | {
        name: {"rmse": mean(values), "folds": values} for name, values in found.items()
    }
    about = {"published": PUBLISHED, "held_out_of_train": HELD_OUT, "seeds": 1}
    RESULT.write_text(json.dumps(about | {"rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
