"""Strict parameters, and the mirror in MLflow."""

from functools import partial
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from multimodal_study.errors import InputError
from multimodal_study.hooks import RecordRun, TrackCells, reject_unknown

KNOWN = {
    "seed": 42,
    "model": {"lambda": 0.1, "embed_dim": 64},
    "early": {"dropout": 0.1},
    "trainer": {"seeds": 3},
    "amazon": {"ingest": {"path": None}, "overrides": {}},
}


@pytest.mark.parametrize(
    "given",
    [
        {"seed": 1},
        {"model": {"lambda": 0.5}},
        {"amazon": {"ingest": {"path": "/data"}}},
        {"amazon": {"overrides": {"early": {"dropout": 0.2}}}},
        {"amazon": {"overrides": {"early": {"trainer": {"seeds": 1}}}}},
        {},
    ],
)
def test_known_parameters_pass(given: dict[str, object]) -> None:
    reject_unknown(given, KNOWN)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"model": {"lambdaa": 0.5}},
            "model.lambdaa: no such parameter; did you mean model.lambda",
        ),
        ({"sede": 1}, "sede: no such parameter; did you mean seed"),
        ({"xyzzy": 1}, "xyzzy: no such parameter; see conf/base"),
        ({"model": 3}, "that is a group of parameters; set one of model.lambda, model.embed_dim"),
        ({"amazon": {"overrides": {"early": {"dropuot": 1}}}}, "no such parameter"),
        ({"amazon": {"overrides": {"erly": {"dropout": 1}}}}, "no such parameter"),
        ({"amazon": {"overrides": {"erly": {"trainer": {"seeds": 1}}}}}, "no such parameter"),
        ({"amazon": {"overrides": {"early": {"trainer": {"sedes": 1}}}}}, "no such parameter"),
        ({"early": {"dropout": {"rate": 1}}}, "no such parameter"),
    ],
)
def test_unknown_parameters_are_refused_with_a_suggestion(
    given: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        reject_unknown(given, KNOWN)


def test_evaluation_and_retrieval_of_a_seed_share_one_mlflow_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    while mlflow.active_run():
        mlflow.end_run()
    monkeypatch.chdir(tmp_path)
    request.addfinalizer(partial(mlflow.set_tracking_uri, mlflow.get_tracking_uri()))
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    # An experiment that another test chose is not in this database.
    mlflow.set_experiment("hooks")
    history = pd.DataFrame({"seed": [42, 42], "epoch": [0, 1], "train_loss": [1.0, 0.5]})
    catalog = DataCatalog(
        {
            "study.early.config": MemoryDataset({"parameters": {"dropout": 0.5}}),
            "study.early.history": MemoryDataset(history),
        }
    )

    def node(paradigm: str, name: str, *outputs: str) -> Node:
        made = Node(lambda features: features, "features", list(outputs), name=name)
        return next(iter(Pipeline([made], namespace=f"study.{paradigm}").nodes))

    def measured(name: str) -> dict[str, object]:
        return {"per_seed": {"test": {"42": {name: 0.25}}}}

    with mlflow.start_run() as parent:
        hook = TrackCells()
        for paradigm, kinds in (("early", ("retrieve", "evaluate")), ("ridge", ("retrieve",))):
            for kind in kinds:
                output = {"retrieve": "retrieval", "evaluate": "metrics"}[kind]
                metric = "mrr" if kind == "retrieve" else "accuracy"
                found = {
                    f"study.{paradigm}.ranks": None,
                    f"study.{paradigm}.{output}": measured(metric),
                }
                hook.after_node_run(node(paradigm, kind, "ranks", output), catalog, found)
    client = mlflow.MlflowClient()
    runs = client.search_runs([parent.info.experiment_id], "tags.dataset = 'study'")
    by_name = {run.data.tags["paradigm"]: run for run in runs}
    assert len(runs) == len(by_name) == 2
    early = by_name["early"].data
    assert {"test.mrr", "test.accuracy", "epoch.train_loss"} <= set(early.metrics)
    assert early.params["parameters.dropout"] == "0.5"
    assert len(client.get_metric_history(by_name["early"].info.run_id, "epoch.train_loss")) == 2
    assert set(by_name["ridge"].data.metrics) == {"test.mrr"}


def test_an_empty_group_takes_the_names_of_a_dataset() -> None:
    known = {"mvae": {"likelihood_weights": {}, "beta": 1.0}}
    reject_unknown({"mvae": {"likelihood_weights": {"text": 2.0}}}, known)
    with pytest.raises(InputError, match=r"mvae\.betta"):
        reject_unknown({"mvae": {"betta": 2.0}}, known)


def test_the_record_of_a_run_reaches_the_nodes(tmp_path: Path) -> None:
    asked = {
        "run_id": "r1",
        "project_path": str(tmp_path),
        "env": "smoke",
        "pipeline_names": ["fashion_all"],
        "runtime_params": {"model": {"lambda": 0.5}},
    }
    catalog = DataCatalog({"run_record": MemoryDataset({})})
    RecordRun().before_pipeline_run(asked, catalog)
    found = catalog.load("run_record")
    command = "kedro run --env smoke --pipelines=fashion_all --params model.lambda=0.5"
    assert found["command"] == command
    assert found["commit"] == "not a git checkout"
    nothing = DataCatalog({})
    RecordRun().before_pipeline_run(asked, nothing)
    assert "run_record" not in nothing
