"""The whole graph through Kedro, on real reviews with a tiny budget."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from click import ClickException
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from multimodal_study.freshness.session import FreshSession

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "conf", root / "conf")
    shutil.copytree(ROOT / "src", root / "src")
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, root)
    return root


@pytest.fixture(scope="module")
def run(project: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)

        def execute(**options: Any) -> None:
            parameters = options.pop("runtime_params", None)
            while mlflow.active_run():
                mlflow.end_run()
            bootstrap_project(project)
            with FreshSession.create(
                project_path=project, env="smoke", runtime_params=parameters
            ) as session:
                session.run(**options)

        yield execute


@pytest.fixture(scope="module")
def study(run: Callable[..., None], project: Path) -> Path:
    run(pipeline_names=["__default__"])
    return project


def test_the_study_ends_in_a_leaderboard_and_a_report(study: Path) -> None:
    board = pd.read_csv(study / "data/08_reporting/amazon/leaderboard.csv")
    columns = ["paradigm", "metric", "value", "low", "high", "seeds", "split"]
    assert list(board.columns) == columns
    assert set(board["split"]) == {"test"}
    assert {"majority", "tfidf", "early", "late", "intermediate", "transformer"} <= set(
        board["paradigm"]
    )
    garments = pd.read_csv(study / "data/08_reporting/fashion/leaderboard.csv")
    assert {"logistic", "image_only", "vilbert", "mvae", "hybrid", "chance", "ridge"} <= set(
        garments["paradigm"]
    )
    assert {"accuracy", "recall_at_10_image_to_text"} <= set(garments["metric"])
    films = pd.read_csv(study / "data/08_reporting/movielens/leaderboard.csv")
    rows = {"majority", "biases", "biased_mf", "implicit_mf", "metadata_only", "boosting", "tfidf"}
    learned = {"early", "late", "intermediate", "clip", "vilbert", "gnn", "mvae", "hybrid"}
    # Without dense vectors of texts there is no linear map of bare features.
    assert rows | learned | {"chance"} == set(films["paradigm"])
    assert {"rmse", "mae", "recall_at_10_text_to_image"} <= set(films["metric"])
    pages = ("index", "ledger", "methods", "limitations", "lambda", "paradigms/index")
    for page in (*pages, "paradigms/early", "paradigms/gnn"):
        assert (study / f"data/08_reporting/report/{page}.html").is_file()
    overview = (study / "data/08_reporting/report/index.html").read_text()
    assert all(
        f"<strong>{name}</strong>" in overview for name in ("amazon", "fashion", "movielens")
    )
    assert (study / "data/08_reporting/report/assets/plotly.min.js").is_file()
    assert 'id="data-latent_plot"' in (study / "data/08_reporting/report/fashion.html").read_text()
    results = (study / "data/08_reporting/thesis/results.tex").read_text()
    assert "toprule" in results
    assert "not a git checkout" in results
    history = pd.read_csv(study / "data/08_reporting/movielens/ratings_by_history.csv")
    assert set(history["paradigm"]) == rows | learned
    lists = pd.read_csv(study / "data/08_reporting/movielens/ranking.csv")
    assert {"ease", "lightgcn", "lightgcn_contents"} <= set(lists["recommender"])
    assert (study / "data/08_reporting/report/amazon.html").is_file()
    assert (study / "data/08_reporting/report/movielens.html").is_file()


@pytest.mark.parametrize("name", ["01_explore_datasets", "02_read_results", "03_redraw_figures"])
def test_the_notebooks_run(study: Path, name: str) -> None:
    cells = json.loads((study / "notebooks" / f"{name}.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (study / "notebooks" / f"{name}.ipy").write_text("\n\n".join(code))
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", f"{name}.ipy"],
        cwd=study / "notebooks",
        env=os.environ | {"MPLBACKEND": "Agg", "IPYTHONDIR": str(study / "ipython")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Error" not in done.stdout + done.stderr


def test_mlflow_has_a_run_per_cell_and_seed_under_the_kedro_run(study: Path) -> None:
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{study / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("multimodal_study")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    nested = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert {run.data.tags["paradigm"] for run in nested} >= {"early", "tfidf", "transformer"}
    of = {"amazon": "test.accuracy", "fashion": "test.accuracy", "movielens": "test.rmse"}
    assert {run.data.tags["dataset"] for run in nested} == set(of)
    cells = [run for run in nested if run.data.tags["paradigm"] not in {"ridge", "cca"}]
    assert all(of[run.data.tags["dataset"]] in run.data.metrics for run in cells)


def test_a_second_run_fits_nothing(
    study: Path, run: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    before = (study / "data/06_models/amazon/early/weights.safetensors").stat().st_mtime_ns
    run()
    after = (study / "data/06_models/amazon/early/weights.safetensors").stat().st_mtime_ns
    assert before == after


def test_deleted_predictions_are_made_again_with_what_depends_on_them_alone(
    study: Path, run: Callable[..., None]
) -> None:
    cells = [study / "data" / folder / "amazon" for folder in ("06_models", "07_model_output")]
    files = [path for folder in cells for path in folder.rglob("*") if path.is_file()]
    at = {path: path.stat().st_mtime_ns for path in files}
    (deleted,) = [path for path in files if path.match("early/predictions.*")]
    content = deleted.read_bytes()
    deleted.unlink()
    run(pipeline_names=["amazon_all"])
    made = {path for path in files if path.stat().st_mtime_ns != at[path]}
    # The weights suffice: nothing is fitted, and no other cell is touched.
    assert deleted in made and {path.parent for path in made} == {deleted.parent}
    assert deleted.read_bytes() == content


def test_a_changed_parameter_moves_its_own_cell_alone(
    study: Path, run: Callable[..., None]
) -> None:
    models = study / "data/06_models/amazon"
    before = {p: (models / p / "history.csv").stat().st_mtime_ns for p in ("early", "late")}
    run(pipeline_names=["amazon_all"], runtime_params={"late": {"dropout": 0.4}})
    after = {p: (models / p / "history.csv").stat().st_mtime_ns for p in ("early", "late")}
    assert before["early"] == after["early"]
    assert before["late"] != after["late"]


def test_lambda_is_accepted_and_a_typo_is_not(study: Path, run: Callable[..., None]) -> None:
    run(pipeline_names=["amazon_data"], runtime_params={"model": {"lambda": 0.5}})
    with pytest.raises(ClickException, match=r"did you mean model\.lambda"):
        run(pipeline_names=["amazon_data"], runtime_params={"model": {"lambdaa": 0.5}})


def test_every_output_is_catalogued(study: Path) -> None:
    bootstrap_project(study)
    with FreshSession.create(project_path=study, env="smoke") as session:
        catalog = session.load_context().catalog
        for name in pipelines["__default__"].datasets():
            assert name.startswith("params:") or name in catalog, name
