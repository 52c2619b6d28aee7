"""Errors by slice against hand values, and tables of a paradigm whose errors are planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multimodal_study.contract import Features
from multimodal_study.data.predictions import evaluated_rows, predictions_table
from multimodal_study.errors import InputError
from multimodal_study.interpretation.slices import gap
from multimodal_study.metrics.bootstrap import Resampling
from multimodal_study.pipelines.evaluation.nodes import evaluate
from multimodal_study.pipelines.interpretation import errors as found_by

EVALUATION = {"bootstrap": 300, "seed": 1, "baselines": ["guess"], "splits": ["test"]}
OPTIONS = {"fewest": 3, "worst": 3}


def test_the_gap_by_hand_and_its_interval_over_clusters() -> None:
    values, member = np.array([1.0, 0.0, 1.0, 0.0]), np.array([True, True, False, False])
    own, apart = gap(values, member, np.arange(4), Resampling(200))
    assert own.value == 0.5 and apart.value == 0.0
    rng = np.random.default_rng(0)
    large = rng.random(4000) < 0.5
    noisy = rng.standard_normal(4000) + large
    own, apart = gap(noisy, large, np.arange(4000), Resampling(1000))
    assert apart.low < 1.0 < apart.high
    assert apart.high - apart.low == pytest.approx(2 * 1.96 * 2 / np.sqrt(4000), rel=0.15)
    whole, _ = gap(noisy, large, np.arange(4000) // 100, Resampling(1000))
    assert whole.value == own.value


def world(features: Features, wrong: np.ndarray[Any, Any]) -> Any:
    """Cells that are sure of the truth save where ``wrong``, and one that always says class 0."""
    rows = evaluated_rows(features)
    target = features.examples["target"].to_numpy()[rows]
    count = features.task.outputs
    said = np.where(wrong[rows], (target + 1) % count, target)
    sure = np.eye(count)[said] * 0.9 + 0.1 / count
    first = np.eye(count)[np.zeros(len(rows), dtype=int)] * 0.4 + 0.6 / count
    tables = {
        "good": pd.concat([predictions_table(features, rows, sure, seed) for seed in (1, 2)]),
        "guess": predictions_table(features, rows, first, 1),
    }
    task = {
        "name": features.task.name, "kind": features.task.kind, "decides": features.task.decides,
        "classes": list(features.task.classes), "values": list(features.task.values),
    }  # fmt: skip
    return tables, {name: evaluate(one, task, EVALUATION) for name, one in tables.items()}


def test_planted_errors_are_found(tiny_features: Any) -> None:
    features = tiny_features("multiclass", 400, missing="metadata")
    index = features.examples["review"].to_numpy()
    lacks = ~features.present["metadata"][index]
    tables, metrics = world(features, lacks)
    sliced, others, confused, worst = found_by.errors(
        features, tables, metrics, OPTIONS, EVALUATION
    )
    own = sliced[sliced["paradigm"] == "good"].set_index("slice")
    assert own.loc["no metadata", ["error", "error_of_the_rest"]].tolist() == [1.0, 0.0]
    assert own.loc["no metadata", "verdict"] == found_by.MORE
    assert own.loc["long by words", "verdict"] in {found_by.NOISE, found_by.MORE, found_by.FEWER}
    assert set(sliced["paradigm"]) == {"good", "guess"} and "no text" not in own.index
    (row,) = others.to_dict("records")
    shares = [row[name] for name in found_by.DISAGREEMENTS[3:]]
    assert sum(shares) == pytest.approx(1.0) and row["other"] == "guess"
    test = features.rows("test")
    target = features.examples["target"].to_numpy()[test]
    assert row["only_other"] == pytest.approx((lacks[test] & (target == 0)).mean())
    assert confused["examples"].sum() == pytest.approx(lacks[test].sum())
    taken = dict(zip(confused["target"], confused["prediction"], strict=True))
    assert taken == {"a": "b", "b": "c", "c": "a"}
    bad = set(features.examples["example_id"].to_numpy()[test][lacks[test]])
    assert len(worst) == 3 and set(worst["example_id"]) <= bad
    assert worst["error"].tolist() == pytest.approx([-np.log(0.1 / 3)] * 3)


def test_a_regression_has_distances_and_no_confusions(tiny_features: Any) -> None:
    features = tiny_features("regression", 200)
    rows = evaluated_rows(features)
    target = features.examples["target"].to_numpy()[rows]
    table = predictions_table(features, rows, target[:, None] + 0.5, 1)
    task = {"name": "rating", "kind": "regression", "decides": "rmse", "classes": []}
    metrics = {"only": evaluate(table, task, EVALUATION)}
    given = (features, {"only": table}, metrics, OPTIONS, EVALUATION)
    sliced, others, confused, worst = found_by.errors(*given)
    assert sliced["error"].to_numpy() == pytest.approx(0.5) and others.empty and confused.empty
    assert (worst["prediction"] - worst["target"]).to_numpy() == pytest.approx(0.5)
    with pytest.raises(InputError, match=r"errors\.worst is 0"):
        found_by.errors(*given[:3], {**OPTIONS, "worst": 0}, EVALUATION)
