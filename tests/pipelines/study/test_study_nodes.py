from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from metrics.tables import TASKS, predictions
from multimodal_study.pipelines.diagnostics.scores import scores
from multimodal_study.pipelines.evaluation.nodes import evaluate
from multimodal_study.pipelines.study.nodes import (
    ALL,
    CORRELATIONS,
    NO_TIE,
    PAIRS,
    RANKS,
    alignment_and_task,
    draw,
    ranks,
)

SETTINGS = {"bootstrap": 100, "permutations": 500, "splits": ["test"]}
SKILL = {"worst": 0.1, "fair": 1.0, "good": 2.0, "best": 4.0}


def cells(kind, names, seeds=(42, 43, 44)):
    task = json.loads(json.dumps(asdict(TASKS[kind])))
    return {
        name: evaluate(
            predictions(kind, n=200, seeds=seeds, skill=SKILL[name], salt=k), task, SETTINGS
        )
        for k, name in enumerate(names)
    }


@pytest.fixture(scope="module")
def study():
    amazon = cells("ordinal", ["worst", "fair", "good", "best"])
    fashion = cells("multiclass", ["best", "good", "fair", "worst"])
    fashion["only_here"] = fashion["good"]
    found = {"amazon": scores(amazon), "fashion": scores(fashion)}
    return {name: json.loads(json.dumps(own))["cells"] for name, own in found.items()}


def test_the_order_is_found_whichever_way_a_metric_points(study):
    table, pairs = ranks(study, SETTINGS)
    assert list(table.columns) == RANKS and list(pairs.columns) == PAIRS
    assert table["paradigm"].tolist() == ["best", "good", "fair", "worst"]
    assert table["mean_rank"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert set(table["blocks"]) == {6} and set(table["paradigms"]) == {4}
    assert table["p_value"].iloc[0] < 0.01
    assert len(pairs) == 6 and (pairs["rank_difference"] > 0).all()
    ends = pairs[(pairs["first"] == "best") & (pairs["second"] == "worst")].iloc[0]
    assert ends["verdict"] == "best is better" and ends["p_value"] < 0.05
    near = pairs[(pairs["first"] == "best") & (pairs["second"] == "good")].iloc[0]
    assert near["verdict"] == "no measurable difference"


def test_one_fit_stands_in_all_blocks_of_its_dataset(study):
    fitted_once = scores(cells("multiclass", ["worst"], seeds=(42,)))["cells"]
    once = {**study["fashion"], **fitted_once}
    table, _ = ranks({**study, "fashion": once}, SETTINGS)
    assert set(table["blocks"]) == {6}
    assert table.set_index("paradigm").loc["worst", "mean_rank"] == 4.0


def test_too_few_paradigms_make_empty_tables_and_a_figure_that_says_so(study, caplog):
    few = {"amazon": {k: study["amazon"][k] for k in ("best", "worst")}}
    table, pairs = ranks(few, SETTINGS)
    assert table.empty and pairs.empty and "no ranking over datasets" in caplog.text
    assert "Too few" in draw(table).texts[0].get_text()


def test_the_diagram_names_every_paradigm(study):
    table, _ = ranks(study, SETTINGS)
    said = {text.get_text() for text in draw(table).axes[0].texts}
    assert {"best (1.00)", "worst (4.00)"} <= said
    assert any(text.startswith("critical difference") for text in said)


def aligned(sign, n=9, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.01, n)
    quality = np.linspace(0, 1, n)
    table = pd.DataFrame(
        {
            "paradigm": [f"p{k}" for k in range(n)],
            "cka": sign * quality + noise,
            "gap": np.where(np.arange(n) < 3, 0.5, np.nan),
            "alignment": np.nan,
            "uniformity_first": np.nan,
            "uniformity_second": np.nan,
            "recall_at_10_first": 0.3,
            "recall_at_10_second": 0.3,
            "metric": "rmse",
            "task": -quality,
        }
    )
    metrics = {"p": {"task": {"decides": "rmse"}, "per_seed": {}}}
    return json.loads(json.dumps(scores(metrics, table), allow_nan=False))["alignment"]


def test_a_tie_is_found_with_its_sign_and_only_where_it_is():
    found = alignment_and_task({"a": aligned(1.0), "b": aligned(1.0, seed=1)}, SETTINGS)
    assert list(found.columns) == CORRELATIONS
    rows = found.set_index(["measure", "over"])
    assert rows.loc[("cka", ALL), "spearman"] > 0.9
    assert rows.loc[("cka", ALL), "verdict"] == "tied, more is better"
    assert rows.loc[("cka", ALL), "cells"] == 18
    # Constant recall has no order, and three cells are too few.
    assert np.isnan(rows.loc[("recall_at_10", "a"), "spearman"])
    assert rows.loc[("recall_at_10", "a"), "verdict"] == NO_TIE
    assert set(found[found["measure"] == "gap"]["over"]) == {ALL}
    turned = alignment_and_task({"a": aligned(-1.0)}, SETTINGS).set_index("measure")
    assert turned.loc["cka", "verdict"] == "tied, less is better"
    assert set(turned["over"]) == {"a"}


def test_no_pair_no_row():
    assert alignment_and_task({"a": []}, SETTINGS).empty
