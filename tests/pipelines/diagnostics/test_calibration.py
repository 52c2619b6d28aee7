from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from scipy.special import softmax

from metrics.tables import TASKS, predictions
from multimodal_study.metrics.temperature import scaled_predictions
from multimodal_study.pipelines.diagnostics.calibration import CALIBRATION, NEGLIGIBLE, calibration
from multimodal_study.pipelines.evaluation.nodes import GAIN, evaluate
from multimodal_study.reporting.figures import calibration_figure
from multimodal_study.reporting.pictures import calibration_figure_of

SETTINGS = {"bootstrap": 200, "splits": ["test"]}


def too_sure(table, factor):
    columns = [name for name in table.columns if name.startswith("p_")]
    p = softmax(np.log(table[columns].to_numpy()) * factor, axis=1)
    return table.assign(**{name: p[:, k] for k, name in enumerate(columns)})


def study(kind="multiclass"):
    table = predictions(kind, n=600, skill=2.0)
    tables = {"sure": too_sure(table, 8.0), "shy": too_sure(table, 0.3)}
    task = asdict(TASKS[kind])
    return tables, {name: evaluate(one, task, SETTINGS) for name, one in tables.items()}


def test_scaling_helps_who_is_too_sure_and_who_is_too_shy():
    tables, metrics = study()
    found = calibration(tables, metrics, SETTINGS)
    assert list(found.columns) == CALIBRATION
    rows = found.set_index(["paradigm", "metric"])
    assert rows.loc[("sure", "nll"), "temperature"] > 2.0
    assert rows.loc[("shy", "nll"), "temperature"] < 0.7
    assert set(found["verdict"]) == {GAIN}
    # Both are one table, whose best temperature makes them one again.
    after = rows["after"].unstack("paradigm")
    assert after["sure"].to_numpy() == pytest.approx(after["shy"].to_numpy(), abs=1e-3)
    assert (rows["change"] < 0).all()
    moved = rows["after"].to_numpy() - rows["before"].to_numpy()
    assert moved == pytest.approx(rows["change"].to_numpy())


def test_before_is_what_the_metrics_say():
    tables, metrics = study()
    found = calibration(tables, metrics, SETTINGS).set_index(["paradigm", "metric"])
    for row in metrics["sure"]["rows"]:
        if row["split"] == "test" and row["metric"] in {"ece", "brier", "nll"}:
            own = found.loc[("sure", row["metric"])]
            assert own["before"] == pytest.approx(row["value"])
            assert own["before_low"] == pytest.approx(row["low"])


def test_what_is_calibrated_stays_as_it_is():
    tables, metrics = study()
    again, temperatures = scaled_predictions(
        scaled_predictions(tables["sure"], TASKS["multiclass"])[0], TASKS["multiclass"]
    )
    assert list(temperatures.values()) == pytest.approx([1.0, 1.0], abs=1e-3)
    found = calibration({"again": again}, {"again": metrics["sure"]}, SETTINGS)
    assert set(found["verdict"]) == {NEGLIGIBLE}
    assert found["change"].abs().max() < 5e-4


def test_a_regression_has_no_row_and_a_split_must_be_predicted():
    table = predictions("regression")
    metrics = evaluate(table, asdict(TASKS["regression"]), SETTINGS)
    assert calibration({"a": table}, {"a": metrics}, SETTINGS).empty
    tables, metrics = study()
    with pytest.raises(ValueError, match="not predicted"):
        calibration(tables, metrics, SETTINGS | {"splits": ["train"]})


def test_the_diagram_shows_both():
    tables, metrics = study()
    plain = calibration_figure(tables)
    both = calibration_figure_of(tables, metrics["sure"]["task"], SETTINGS)
    drawn = [len(figure.axes[0].collections) for figure in (plain, both)]
    assert drawn[1] == drawn[0] + 1
