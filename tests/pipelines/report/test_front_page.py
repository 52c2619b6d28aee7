"""Pages over all datasets exist whichever run wrote a dataset's page, and list all there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from multimodal_study.pipeline_registry import ATTRIBUTED, DATASETS, PAIRED, register_pipelines
from multimodal_study.pipelines.report import front_page, lambda_page, study_front_page
from multimodal_study.pipelines.report.pipeline import FOUND, PAGES
from multimodal_study.reporting.captions import (
    explanations_of,
    figures_of,
    pipeline_of,
    tables_of,
)
from reporting.entries import entry
from reporting.test_site import study

ROOT = Path(__file__).parents[3]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "name", [*(f"{dataset}_all" for dataset in DATASETS), "fashion_interpretation", "__default__"]
)
def test_a_run_that_writes_a_page_writes_the_pages_that_it_links_to(name: str) -> None:
    made = register_pipelines()[name].all_outputs()
    for page in PAGES:
        assert any(out.endswith(f"_report_{page}") for out in made)


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_every_printed_command_names_an_output_of_its_pipeline(dataset: str) -> None:
    folder = ROOT / "src/multimodal_study/reporting"
    named = {
        name
        for path in (*folder.rglob("*.jinja"), folder / "site.py", folder / "thesis/chapters.py")
        for name in re.findall(r"(?:made_by|_command)\((?:entry, )?\"(\w+)\"\)", path.read_text())
    }
    assert {"leaderboard", "significance", "feature_card", "quarantine"} <= named
    registry = register_pipelines()
    shown = tables_of(dataset, paired=dataset in PAIRED) | figures_of(dataset, explained=False)
    made = registry[f"{dataset}_all"].all_outputs()
    assert {f"{dataset}.{name}" for name in {*named, *shown, "answers"}} <= made
    explained = explanations_of(dataset, attributed=dataset in ATTRIBUTED)
    if explained:
        shown |= explained | figures_of(dataset, explained=True)
        made = registry[f"{dataset}_interpretation"].all_outputs()
        assert {f"{dataset}.{name}" for name in {*named, *shown}} <= made
        assert {pipeline_of(dataset, name) for name in explained} == {f"{dataset}_interpretation"}


def test_runs_of_several_datasets_can_be_joined() -> None:
    registry = register_pipelines()
    joined = sum((registry[f"{dataset}_all"] for dataset in DATASETS), registry["study"])
    joined += sum((registry[f"{dataset}_lambda"] for dataset in DATASETS), joined)
    assert {f"{dataset}_report_index" for dataset in DATASETS} <= joined.all_outputs()
    usual = registry["__default__"].all_outputs()
    assert {"fashion.localisation", "movielens.ranking", "movielens.poster_tests"} <= usual


def catalog_of(folder: Path) -> DataCatalog:
    entries = yaml.safe_load((ROOT / "conf/base/catalog.yml").read_text())
    chosen: dict[str, Any] = {name: entries[name] for name in FOUND}
    for one in chosen.values():
        one["path"] = one["path"].replace("data/08_reporting", str(folder))
    return DataCatalog.from_config(chosen)


def test_datasets_of_earlier_runs_stay_on_the_front_page(tmp_path: Path) -> None:
    for dataset in ("fashion", "amazon"):
        (tmp_path / dataset / "early").mkdir(parents=True)
        (tmp_path / dataset / "summary.json").write_text(json.dumps(entry(dataset)))
        (tmp_path / dataset / "early" / "metrics.json").write_text("{}")
    catalog = catalog_of(tmp_path)
    catalog["amazon_summary"] = MemoryDataset(entry("amazon"))
    pages = SequentialRunner().run(front_page("amazon"), catalog)
    page = pages["amazon_report_index"].load()
    assert 'href="amazon.html"' in page
    assert page.index('href="amazon.html"') < page.index('href="fashion.html"')
    assert "Mean ranks" not in page
    assert set(pages["amazon_report_paradigms"].load()) >= {"index.html", "early.html"}
    assert "No study of the weight" in pages["amazon_report_lambda"].load()
    assert "not measured in this study folder" in pages["amazon_report_ledger"].load()


def test_what_was_made_over_all_datasets_is_on_the_overview(tmp_path: Path) -> None:
    (tmp_path / "fashion").mkdir()
    (tmp_path / "fashion/summary.json").write_text(json.dumps(entry("fashion")))
    (tmp_path / "study").mkdir()
    pd.DataFrame({"paradigm": ["early"], "mean_rank": [1.25]}).to_csv(
        tmp_path / "study/ranks.csv", index=False
    )
    pd.DataFrame(columns=["first", "second"]).to_csv(tmp_path / "study/pairs.csv", index=False)
    (tmp_path / "study/critical_difference.png").write_bytes(PNG)
    catalog = catalog_of(tmp_path)
    for name in ("ranks", "alignment", "critical_difference"):
        catalog[f"study.{name}"] = MemoryDataset(name)
    pages = SequentialRunner().run(study_front_page(), catalog)
    page = pages["study_report_index"].load()
    assert "1.250" in page
    assert "Mean ranks of the paradigms" in page
    assert "data:image/png;base64," in page
    assert "kedro run --pipelines=study" in page
    results = pages["study_thesis"].load()["results.tex"]
    assert "tab:over-all-ranks" in results
    assert "tab:over-all-pairs" not in results
    registry = register_pipelines()
    assert "study_report_index" in registry["study"].all_outputs()
    catalog["fashion_summary"] = MemoryDataset(entry("fashion"))
    again = SequentialRunner().run(front_page("fashion"), catalog)
    for name in (*(f"report_{one}" for one in PAGES), "thesis"):
        assert again[f"fashion_{name}"].load() == pages[f"study_{name}"].load(), name


def test_the_study_of_the_weight_writes_its_page(tmp_path: Path) -> None:
    summaries, tables = study()
    (tmp_path / "fashion").mkdir()
    (tmp_path / "fashion" / "lambda.json").write_text(json.dumps(summaries["fashion"]))
    tables["fashion"].to_csv(tmp_path / "fashion" / "lambda.csv", index=False)
    catalog = catalog_of(tmp_path)
    catalog["fashion.lambda_summary"] = MemoryDataset(summaries["fashion"])
    page = SequentialRunner().run(lambda_page("fashion"), catalog)["fashion_lambda_page"].load()
    assert "Recommended: weight 0.5" in page
    assert "a measurable gain" in page
    assert "kedro run --pipelines=fashion_lambda" in page
