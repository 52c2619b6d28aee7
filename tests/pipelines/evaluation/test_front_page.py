"""The front page exists whichever run wrote a dataset's page, and lists all that were evaluated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from multimodal_study.pipeline_registry import DATASETS, register_pipelines
from multimodal_study.pipelines.evaluation import front_page

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", [*(f"{dataset}_all" for dataset in DATASETS), "__default__"])
def test_a_run_that_writes_a_page_writes_the_page_that_it_links_to(name: str) -> None:
    assert any(out.endswith("_report_index") for out in register_pipelines()[name].all_outputs())


def test_runs_of_several_datasets_can_be_joined() -> None:
    registry = register_pipelines()
    joined = sum((registry[f"{dataset}_all"] for dataset in DATASETS), registry["__default__"])
    assert {f"{dataset}_report_index" for dataset in DATASETS} <= joined.all_outputs()


def summary(dataset: str) -> dict[str, Any]:
    best = {"paradigm": "early", "value": 0.8, "low": 0.7, "high": 0.9, "validation": 0.8}
    words = {"source": "<script>alert(1)</script>", "notes": [], "task": "stars"}
    measured = {"kind": "ordinal", "decides": "mae", "label": "MAE", "split": "test"}
    counted = {"paradigms": 2, "best": best, "strongest_baseline": None}
    return {"dataset": dataset, **words, **measured, **counted}


def test_datasets_of_earlier_runs_stay_on_the_front_page(tmp_path: Path) -> None:
    for dataset in ("fashion", "amazon"):
        (tmp_path / dataset / "early").mkdir(parents=True)
        (tmp_path / dataset / "summary.json").write_text(json.dumps(summary(dataset)))
        (tmp_path / dataset / "early" / "metrics.json").write_text("{}")
    entries = yaml.safe_load((ROOT / "conf/base/catalog.yml").read_text())
    entry = entries["evaluated_datasets"] | {"path": str(tmp_path)}
    catalog = DataCatalog.from_config({"evaluated_datasets": entry})
    catalog["amazon_summary"] = MemoryDataset(summary("amazon"))
    page = SequentialRunner().run(front_page("amazon"), catalog)["amazon_report_index"].load()
    assert 'href="amazon.html"' in page
    assert page.index('href="amazon.html"') < page.index('href="fashion.html"')
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
