"""The grid of lambda: what is measured, what is recommended, what is drawn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from multimodal_study.pipelines.evaluation.nodes import CONTRIBUTIONS
from multimodal_study.pipelines.lambda_study import nodes

ROOT = Path(__file__).parents[3]
EVALUATION = {"bootstrap": 100, "confidence": 0.95, "seed": 1, "splits": ["test"]}
GRID: dict[str, Any] = {
    "lambdas": [math.inf, 0.0, 1.0],
    "betas": [1.0],
    "seeds": 2,
    "likelihood": {"samples": 4, "refine": 2},
    "tolerance": 1.0,
    "train_rows": None,
}


def parameters() -> dict[str, Any]:
    shipped = {
        key: yaml.safe_load((ROOT / f"conf/base/parameters_{key}.yml").read_text())[key]
        for key in ("mvae", "hybrid")
    }
    small = {"latent_dim": 4, "hidden": 8, "learning_rate": 0.01}
    return {**shipped["mvae"], **shipped["hybrid"], **small}


@pytest.fixture(scope="module")
def studied(tiny_features: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("checkpoints")
    shared = yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text())["trainer"]
    trainer = {**shared, "max_epochs": 2, "batch_size": 16, "checkpoints": str(folder)}
    table, comparisons = nodes.study(
        tiny_features(n=100), parameters(), trainer, GRID, EVALUATION, 3
    )
    assert list(folder.iterdir()) == []
    return table, comparisons


def test_every_cell_is_measured_on_both_splits(studied: Any) -> None:
    table, _ = studied
    assert list(table.columns) == nodes.GRID
    own = table[table["lambda"] != nodes.RAW]
    wanted = {
        "accuracy",
        "nll",
        "ece",
        "elbo",
        "log_likelihood",
        "probe_accuracy",
        "accuracy_without_text",
        "accuracy_without_metadata",
    }
    for _, cell in own.groupby(["lambda", "split", "seed"]):
        assert wanted <= set(cell["metric"])
    assert own.groupby(["lambda", "split", "seed"]).ngroups == 3 * 2 * 2
    raw = table[table["lambda"] == nodes.RAW]
    assert set(raw["metric"]) == {"probe_accuracy"} and set(raw["split"]) == {"validation", "test"}


def test_every_lambda_is_compared_with_both_ends(studied: Any) -> None:
    _, comparisons = studied
    assert set(comparisons["comparison"]) == {
        "lambda 0 against inf (beta 1)",
        "lambda 1 against 0 (beta 1)",
        "lambda 1 against inf (beta 1)",
        "lambda 1 against a probe on z of 0 (beta 1)",
        "lambda inf against a probe on z of 0 (beta 1)",
        "lambda inf against 0 (beta 1)",
    }


def test_the_recommendation_and_the_figure_follow_from_the_table(studied: Any) -> None:
    table, comparisons = studied
    summary = nodes.recommend(table, comparisons, GRID, "accuracy")
    assert summary["recommended"] in [{"lambda": lam, "beta": 1.0} for lam in (0.0, 1.0)]
    figure = nodes.draw(table, summary, EVALUATION)
    assert sum(axis.get_visible() for axis in figure.axes) >= 7


def cells(accuracy: dict[str, list[float]], elbo: dict[str, float]) -> pd.DataFrame:
    rows = []
    for lam, values in accuracy.items():
        for seed, value in enumerate(values):
            for metric, number in (("accuracy", value), ("elbo", elbo[lam])):
                rows.append((lam, 1.0, seed, "validation", metric, number))
                # Test says the opposite, and must not be asked.
                rows.append((lam, 1.0, seed, "test", metric, -number))
    return pd.DataFrame(rows, columns=nodes.GRID)


def test_the_rule_on_validation_alone() -> None:
    accuracy = {"0.0": [0.5, 0.6], "1.0": [0.79, 0.81], "10.0": [0.78, 0.84], "inf": [0.9, 0.9]}
    table = cells(accuracy, {"0.0": -1.0, "1.0": -2.0, "10.0": -3.0, "inf": -9.0})
    nothing = pd.DataFrame(columns=CONTRIBUTIONS)
    found = nodes.recommend(table, nothing, GRID, "accuracy")
    # 10 is best of the finite ones (0.81), with a standard error of 0.03; 1 is within it.
    assert found["best"] == {"lambda": 10.0, "beta": 1.0}
    assert found["recommended"] == {"lambda": 1.0, "beta": 1.0}
    strict = nodes.recommend(table, nothing, {**GRID, "tolerance": 0.1}, "accuracy")
    assert strict["recommended"] == {"lambda": 10.0, "beta": 1.0}
    with pytest.raises(ValueError, match="no finite value"):
        nodes.recommend(table[table["lambda"] == "inf"], nothing, GRID, "accuracy")


def test_a_grid_without_numbers_is_refused(tiny_features: Any) -> None:
    for lambdas in ([], [-1.0]):
        with pytest.raises(ValueError, match=r"lambda_study\.lambdas"):
            nodes.study(
                tiny_features(), parameters(), {}, {**GRID, "lambdas": lambdas}, EVALUATION, 0
            )


def test_a_sample_of_train_leaves_what_is_measured_whole(tiny_features: Any) -> None:
    features = tiny_features(n=100)
    before = {split: len(features.rows(split)) for split in ("train", "validation", "test")}
    sampled = nodes._sampled(features, 7, 3)
    assert {split: len(sampled.rows(split)) for split in before} == {**before, "train": 7}
    pd.testing.assert_frame_equal(
        sampled.examples, nodes._sampled(features, 7, 3).examples, check_exact=True
    )
    assert nodes._sampled(features, 10**6, 3) is features
    with pytest.raises(ValueError, match=r"lambda_study\.train_rows is 0"):
        nodes._sampled(features, 0, 3)
