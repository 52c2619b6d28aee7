"""What pages say beside the metrics."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, root_mean_squared_error

from metrics.tables import TASKS, predictions
from multimodal_study.contract import TaskKind
from multimodal_study.pipelines.evaluation.nodes import evaluate
from multimodal_study.pipelines.report.record import answers, describe, feature_card, variants
from multimodal_study.reporting.provenance import NO_CHECKOUT, git_commit, run_record

SETTINGS: dict[str, Any] = {"bootstrap": 100, "baselines": ["tfidf"], "splits": ["test"]}


def study(kind: TaskKind, **skill: float) -> tuple[dict[str, Any], dict[str, Any]]:
    tables = {
        name: predictions(kind, n=120, clusters=30, skill=value) for name, value in skill.items()
    }
    task = json.loads(json.dumps(asdict(TASKS[kind])))
    return {name: evaluate(table, task, SETTINGS) for name, table in tables.items()}, tables


def test_questions_compare_what_validation_chose() -> None:
    skill = {"early": 2.0, "late": 1.5, "text_only": 1.0, "tfidf": 0.5, "hybrid": 1.2, "mvae": 0.3}
    found = answers(*study("binary", **skill), SETTINGS).set_index("question")
    assert found.loc["fusion", ["with", "without"]].tolist() == ["early", "text_only"]
    assert found.loc["baseline", ["with", "without"]].tolist() == ["early", "tfidf"]
    assert found.loc["label", ["with", "without"]].tolist() == ["hybrid", "mvae"]
    assert set(found["metric"]) == {"accuracy"}
    assert (found["low"] <= found["difference"]).all()
    alone = answers(*study("binary", early=1.0), SETTINGS)
    assert alone.empty


def by_name(kind: TaskKind) -> tuple[Any, Any]:
    metrics, tables = study(kind, early=1.0)
    table = tables["early"]
    own = table[(table["split"] == "test")]
    found = variants(metrics, tables, SETTINGS).set_index(["quantity", "variant"])["value"]
    return found, [part for _, part in own.groupby("seed")]


def test_variants_of_classes_agree_with_scikit_learn() -> None:
    found, seeds = by_name("multiclass")
    balanced = [balanced_accuracy_score(one["target"], one["prediction"]) for one in seeds]
    assert found["accuracy", "per class"] == pytest.approx(np.mean(balanced))
    assert found["NLL", "bits"] == pytest.approx(found["NLL", "nats"] / np.log(2))
    assert ("Brier score", "positive class alone") not in found
    found, seeds = by_name("binary")
    brier = [brier_score_loss(one["target"], one["p_1"]) for one in seeds]
    assert found["Brier score", "positive class alone"] == pytest.approx(np.mean(brier))
    assert found["Brier score", "sum over classes"] == pytest.approx(2 * np.mean(brier))


@pytest.mark.parametrize("kind", ["regression", "ordinal"])
def test_rmse_per_cluster_is_the_mean_over_clusters(kind: TaskKind) -> None:
    found, seeds = by_name(kind)
    said = "prediction" if kind == "regression" else "expected"
    values = np.asarray(TASKS[kind].values)
    truth = [one["target"] if kind == "regression" else values[one["target"]] for one in seeds]
    pooled, per = [], []
    for one, true in zip(seeds, truth, strict=True):
        frame = one.assign(true=np.asarray(true))
        pooled.append(root_mean_squared_error(frame["true"], frame[said]))
        groups = frame.groupby("cluster")
        per.append(np.mean([root_mean_squared_error(g["true"], g[said]) for _, g in groups]))
    assert found["RMSE", "pooled"] == pytest.approx(np.mean(pooled))
    assert found["RMSE", "per cluster"] == pytest.approx(np.mean(per))
    assert found["RMSE", "pooled"] != pytest.approx(found["RMSE", "per cluster"], rel=1e-6)
    if kind == "ordinal":
        modal = [
            root_mean_squared_error(values[one["target"]], values[one["prediction"]])
            for one in seeds
        ]
        assert found["RMSE", "most probable class"] == pytest.approx(np.mean(modal))


def test_a_cell_is_described_from_what_it_saved() -> None:
    weights = {f"{seed}/head.weight": np.zeros((2, 3)) for seed in (42, 43)}
    found = describe({"parameters": {"a": 1}, "modalities": ["text"]}, weights, {"run_id": "r"})
    assert found["tensors"] == {"head.weight": [2, 3]}
    assert found["seeds"] == [42, 43]
    assert found["run"]["run_id"] == "r"
    assert found["run"]["commit"] is None
    assert describe({}, None, {})["tensors"] == {}


def test_the_card_counts_what_is_missing(tiny_features: Any) -> None:
    card = feature_card(tiny_features("multiclass", missing="metadata"))
    assert json.loads(json.dumps(card)) == card
    assert card["modalities"]["metadata"]["missing"] == pytest.approx(1 / 3, abs=0.02)
    assert card["modalities"]["text"]["missing"] == 0.0
    assert sum(card["targets"]["train"].values()) == card["examples"]["train"]
    regression = feature_card(tiny_features("regression"))
    assert set(regression["targets"]["test"]) == {"mean", "deviation"}


def test_the_commit_of_a_checkout_and_of_none(tmp_path: Path) -> None:
    assert git_commit(tmp_path) == NO_CHECKOUT
    (tmp_path / "inner").mkdir()
    for words in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    commit = git_commit(tmp_path)
    assert len(commit) == 40
    assert git_commit(tmp_path / "inner") == NO_CHECKOUT
    (tmp_path / "file").write_text("a")
    subprocess.run(["git", "-C", str(tmp_path), "add", "file"], check=True)
    assert git_commit(tmp_path) == f"{commit} with uncommitted changes"


def test_the_record_of_a_run_repeats_its_command(tmp_path: Path) -> None:
    found = run_record(tmp_path, "r1", "smoke", ["fashion_all"], {"model.lambda": 0.5})
    command = "kedro run --env smoke --pipelines=fashion_all --params model.lambda=0.5"
    assert found["command"] == command
    assert found["mlflow_run"] == "none was active"
    assert found["hardware"]["cores"] >= 1
    assert json.loads(json.dumps(found)) == found
    assert run_record(tmp_path, "r1", "local", [], {})["command"] == "kedro run"
