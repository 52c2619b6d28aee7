"""Ratings by what train knew of the film: the bins, the values by hand, who is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multimodal_study.contract import Features, Task
from multimodal_study.pipelines.evaluation.history import COLUMNS, ratings_by_history

TASK = Task("rating", "regression", (), "rmse")
EVALUATION: dict[str, Any] = {
    "bootstrap": 200, "splits": ["test"], "baselines": ["biases", "majority"],
}  # fmt: skip


def features() -> Features:
    """Film 0 has no rating in train, film 1 has two, film 2 sixty."""
    trained = [1] * 2 + [2] * 60
    movie = np.array(trained + [0, 1, 2] * 20)
    split = ["train"] * len(trained) + ["test"] * 60
    examples = pd.DataFrame(
        {
            "example_id": [f"r{i:03d}" for i in range(len(movie))],
            "movie": movie,
            "split": split,
            "target": 3.0 + (np.arange(len(movie)) % 2),
            "cluster": [f"u{i % 10}" for i in range(len(movie))],
        }
    )
    return Features({}, {}, examples, {}, TASK)


def predicted(given: Features, errors: dict[int, float]) -> pd.DataFrame:
    """Off by ``errors`` of the film, in both seeds and splits."""
    rows = given.examples[given.examples["split"] == "test"]
    kept = rows[["example_id", "split", "cluster", "target"]]
    table = kept.assign(prediction=rows["target"] + rows["movie"].map(errors))
    return pd.concat([table.assign(seed=seed) for seed in (0, 1)], ignore_index=True)


def measured(on_validation: float) -> dict[str, Any]:
    row = {"metric": "rmse", "split": "validation", "value": on_validation}
    return {"task": {"name": "rating", "kind": "regression", "classes": [], "decides": "rmse"},
            "rows": [row]}  # fmt: skip


def table() -> pd.DataFrame:
    given = features()
    predictions = {
        "majority": predicted(given, {0: 0.9, 1: 0.9, 2: 0.9}),
        "biases": predicted(given, {0: 1.0, 1: 0.8, 2: 0.6}),
        "early": predicted(given, {0: 0.5, 1: 0.7, 2: 0.6}),
    }
    metrics = {"majority": measured(1.1), "biases": measured(0.9), "early": measured(0.8)}
    return ratings_by_history(given, predictions, metrics, EVALUATION)


def test_bins_and_values_are_those_of_the_films() -> None:
    found = table()
    assert list(found.columns) == COLUMNS
    assert list(found["train_ratings"].unique()) == ["0", "1-2", "50+"]
    assert set(found["ratings"]) == {20}
    assert set(found["films"]) == {1}
    early = found[found["paradigm"] == "early"].set_index("train_ratings")
    np.testing.assert_allclose(early["rmse"], [0.5, 0.7, 0.6])
    assert (early["low"] <= early["rmse"] + 1e-9).all()
    assert (early["high"] >= early["rmse"] - 1e-9).all()


def test_differences_are_to_the_strongest_baseline_of_validation() -> None:
    found = table()
    assert set(found["against"]) == {"biases"}
    apart = found.set_index(["train_ratings", "paradigm"])["difference"]
    assert apart["0", "early"] == pytest.approx(-0.5)
    assert apart["0", "majority"] == pytest.approx(-0.1)
    assert apart["50+", "early"] == pytest.approx(0.0)
    assert np.isnan(apart["0", "biases"])
    best = found[found["train_ratings"] == "1-2"]["paradigm"].iloc[0]
    assert best == "early"
