import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from metrics.tables import TASKS, predictions
from multimodal_study.metrics.selection import best, deciding
from multimodal_study.pipelines.evaluation.nodes import (
    CONTRIBUTIONS,
    LEADERBOARD,
    NOTHING,
    contribution,
    contributions,
    costs,
    evaluate,
    leaderboard,
)

SETTINGS = {"bootstrap": 200, "baselines": ["majority", "tfidf"]}
COMPARISONS = [
    {"what": "Adding metadata", "with": "early", "without": "text_only"},
    {"what": "Adding a picture", "with": "clip", "without": "early"},
]
SKILL = {"majority": 0.1, "text_only": 1.5, "early": 1.5, "tfidf": 1.0}


def study(kind="binary"):
    tables = {
        name: predictions(kind, n=150, skill=skill, salt=place % 3)
        for place, (name, skill) in enumerate(SKILL.items())
    }
    task = json.loads(json.dumps(asdict(TASKS[kind])))
    return tables, {name: evaluate(table, task, SETTINGS) for name, table in tables.items()}


@pytest.mark.parametrize("kind", list(TASKS))
def test_metrics_survive_json_and_agree_with_their_seeds(kind):
    _, metrics = study(kind)
    one = metrics["early"]
    assert json.loads(json.dumps(one, allow_nan=False)) == one
    assert one["examples"] == {"validation": 150, "test": 150}
    for row in one["rows"]:
        seeds = one["per_seed"][row["split"]]
        assert set(seeds) == {"42", "43"}
        values = [seeds[seed][row["metric"]] for seed in seeds]
        assert row["value"] == pytest.approx(np.mean(values))
        assert row["low"] <= row["value"] <= row["high"]
        assert row["seeds"] == 2


def test_undefined_metrics_are_null():
    table = predictions("binary").assign(target=0)
    metrics = evaluate(table, asdict(TASKS["binary"]), SETTINGS)
    json.dumps(metrics, allow_nan=False)
    assert "auroc" not in metrics["per_seed"]["test"]["42"]
    assert [r["value"] for r in metrics["rows"] if r["metric"] == "auroc"] == [None, None]
    board = leaderboard({"majority": metrics}, SETTINGS)
    assert board.set_index("metric").loc["auroc", ["value", "low"]].isna().all()


@pytest.mark.parametrize("kind", ["binary", "ordinal"])
def test_leaderboard_is_tidy_and_sorted(kind):
    _, metrics = study(kind)
    board = leaderboard(metrics, SETTINGS)
    decides = TASKS[kind].decides
    assert list(board.columns) == LEADERBOARD
    assert set(board["split"]) == {"test"}
    assert board["metric"][0] == decides
    values = board[board["metric"] == decides]["value"]
    assert values.is_monotonic_increasing if kind == "ordinal" else values.is_monotonic_decreasing
    both = leaderboard(metrics, {"splits": ["test", "validation"]})
    assert len(both) == 2 * len(board)


def test_leaderboard_needs_its_splits():
    _, metrics = study()
    with pytest.raises(ValueError, match="has predictions of"):
        leaderboard(metrics, {"splits": ["train"]})
    with pytest.raises(ValueError, match=r"evaluation\.splits is empty"):
        leaderboard(metrics, {"splits": []})


def test_no_contribution_is_said_plainly():
    task = asdict(TASKS["binary"])
    same = predictions("binary", n=150)
    found = contribution(task, same, same, SETTINGS, "Adding metadata")
    assert list(found.columns) == CONTRIBUTIONS
    assert set(found["verdict"]) == {NOTHING}
    assert set(found["comparison"]) == {"Adding metadata"}


def test_gains_over_the_baseline_that_validation_chose(caplog):
    tables, metrics = study()
    found = contributions(tables, metrics, SETTINGS, COMPARISONS)
    assert found["comparison"].unique().tolist() == [
        "Adding metadata (early against text_only)",
        "Using text_only instead of tfidf (the strongest simple baseline)",
        "Using early instead of tfidf (the strongest simple baseline)",
    ]
    assert "no cell ['clip']" in caplog.text
    gain = found[found["comparison"].str.startswith("Using early")].set_index("metric")
    assert gain.loc["accuracy", "positive_means"] == "better"
    assert gain.loc["nll", "positive_means"] == "worse"
    back = contribution(
        asdict(TASKS["binary"]), tables["majority"], tables["early"], SETTINGS, "Going back"
    ).set_index("metric")
    assert back.loc["accuracy", "verdict"] == "a measurable loss"
    assert back.loc["brier", "verdict"] == "a measurable loss"
    with pytest.raises(ValueError, match="not predicted"):
        contributions(tables, metrics, SETTINGS | {"splits": ["train"]}, COMPARISONS)


def test_choices_are_made_on_validation():
    _, metrics = study()
    for row in metrics["majority"]["rows"]:
        if row["metric"] == "accuracy":
            row["value"] = 1.0 if row["split"] == "validation" else 0.0
    assert best(metrics) == "majority"
    assert best(metrics, ["tfidf", "unheard_of"]) == "tfidf"
    assert best(metrics, []) is None
    metrics["tfidf"]["task"]["decides"] = "nll"
    with pytest.raises(ValueError, match="expected one metric for all"):
        deciding(metrics)


def test_a_deciding_metric_of_another_task_is_refused():
    with pytest.raises(ValueError, match=r"task\.decides is 'rmse'"):
        evaluate(predictions("binary"), asdict(TASKS["binary"]) | {"decides": "rmse"}, SETTINGS)


def test_costs_are_means_over_seeds():
    fit = pd.DataFrame(
        {"seed": [1, 2], "fit_seconds": [1.0, 3.0], "peak_memory_mb": 10.0, "device": "cpu"}
    )
    predict = pd.DataFrame({"seed": [1, 2], "predict_seconds": [0.2, 0.4]})
    found = costs({"early": fit, "tfidf": fit}, {"early": predict}).set_index("paradigm")
    assert found.loc["early", ["seeds", "fit_seconds", "device"]].tolist() == [2, 2.0, "cpu"]
    assert found.loc["early", "predict_seconds"] == pytest.approx(0.3)
    assert np.isnan(found.loc["tfidf", "predict_seconds"])


def test_the_configuration_of_a_cell_names_its_task():
    table, task = predictions("binary"), asdict(TASKS["binary"])
    config = {"parameters": {}, "task": task}
    assert evaluate(table, config, SETTINGS) == evaluate(table, task, SETTINGS)
