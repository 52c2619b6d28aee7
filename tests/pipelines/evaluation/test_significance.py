from dataclasses import asdict, replace

import pytest

from metrics.tables import TASKS, predictions
from multimodal_study.pipelines.evaluation.nodes import evaluate
from multimodal_study.pipelines.evaluation.significance import (
    NO_DIFFERENCE,
    SIGNIFICANCE,
    significance,
)

SETTINGS = {"bootstrap": 100, "permutations": 999}


def study(kind, task=None):
    good, weak = (1.0, -1.0) if kind == "regression" else (1.5, 0.1)
    tables = {
        "weak": predictions(kind, n=120, skill=weak, seeds=(42,)),
        "one": predictions(kind, n=120, skill=good),
        "same": predictions(kind, n=120, skill=good),
    }
    described = asdict(task or TASKS[kind])
    return tables, {name: evaluate(own, described, SETTINGS) for name, own in tables.items()}


@pytest.mark.parametrize("kind", list(TASKS))
def test_every_two_with_the_better_first(kind):
    found = significance(*study(kind), SETTINGS)
    assert list(found.columns) == SIGNIFICANCE
    assert [set(pair) for pair in found[["first", "second"]].to_numpy()] == [
        {"weak", "one"},
        {"weak", "same"},
        {"one", "same"},
    ]
    assert found["second"].tolist()[:2] == ["weak", "weak"]
    assert found["verdict"].tolist() == ["one is better", "same is better", NO_DIFFERENCE]
    assert found["p_value"].tolist() == pytest.approx([0.001, 0.001, 1.0])
    assert found["p_holm"].tolist() == pytest.approx([0.003, 0.003, 1.0])
    assert set(found["comparisons"]) == {3}
    lower = kind in {"ordinal", "regression"}
    assert (found["difference"][:2] < 0).all() == lower


def test_no_test_where_an_area_decides(caplog):
    task = replace(TASKS["binary"], decides="auroc")
    assert significance(*study("binary", task), SETTINGS).empty
    assert "no permutation test: auroc" in caplog.text


def test_needs_its_splits():
    with pytest.raises(ValueError, match="which was not predicted"):
        significance(*study("binary"), {**SETTINGS, "splits": ["train"]})
