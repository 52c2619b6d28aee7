"""``--params model.lambda=...`` makes every hybrid stale, with what reads it, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline

from multimodal_study.freshness.ledger import Ledger, fingerprint
from multimodal_study.freshness.plan import plan
from multimodal_study.freshness.session import FreshSession
from multimodal_study.pipeline_registry import FITS, register_pipelines

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "conf", root / "conf")
    shutil.copytree(ROOT / "src", root / "src")
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(ROOT / name, root)
    # MLflow keeps one store per address for as long as the process lives: a relative address would
    # send what later tests track to this project.
    tracking = root / "conf" / "base" / "mlflow.yml"
    own = f"sqlite:///{root / 'mlflow.db'}"
    tracking.write_text(tracking.read_text().replace("sqlite:///mlflow.db", own))
    return root


def made_from(project: Path, pipeline: Pipeline, **given: Any) -> dict[str, str]:
    """Node to the digest of all that it would be made from."""
    bootstrap_project(project)
    with FreshSession.create(project_path=project, runtime_params=given) as session:
        catalog = session.load_context().catalog
        found = plan(pipeline, catalog, Ledger(project / "ledger"))
    return {name: fingerprint(parts) for name, parts in found.components.items()}


def test_lambda_changes_every_hybrid_and_what_reads_it_and_nothing_else(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    registry = register_pipelines()
    everything = sum((registry[f"{dataset}_all"] for dataset in FITS), Pipeline([]))
    before = made_from(project, everything)
    after = made_from(project, everything, model={"lambda": 0.5})
    changed = {name for name in before if before[name] != after[name]}
    hybrids = {f"{dataset}.hybrid.fit" for dataset, row in FITS.items() if "hybrid" in row}
    assert len(hybrids) == 3
    # All that changed are the fits of hybrids and what stands below them ...
    assert changed == {node.name for node in everything.from_nodes(*hybrids).nodes}
    # ... and no other cell is below them: none fits, predicts or is scored again.
    cells = {tuple(name.split(".")[:2]) for name in changed if name.count(".") == 2}
    assert cells == {(dataset, "hybrid") for dataset in FITS}
