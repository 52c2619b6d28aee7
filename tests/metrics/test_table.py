import numpy as np
import pytest

from metrics.tables import TASKS, predictions
from multimodal_study.metrics.table import panels


def first(value):
    def change(table, name):
        return np.where(np.arange(len(table)) == 3, value, table[name])

    return change


@pytest.mark.parametrize(
    ("kind", "columns", "message"),
    [
        ("binary", {"p_0": np.nan}, "p_0 is not a finite number: 1 rows, the first at position 3"),
        ("binary", {"p_0": 0.9, "p_1": 0.9}, "do not sum to 1"),
        ("binary", {"p_0": 2.0, "p_1": -1.0}, "outside 0..1"),
        ("binary", {"target": 2}, r"target is not a class index 0\.\.1"),
        ("multiclass", {"prediction": 1.5}, r"prediction is not a class index 0\.\.3"),
        ("ordinal", {"expected": 9.0}, "expected is not the sum"),
        ("regression", {"prediction": np.inf}, "prediction is not a finite number"),
        ("binary", {"cluster": None}, "cluster is empty"),
        ("binary", {"example_id": "validation0"}, "an example occurs twice"),
        ("binary", {"split": "dev"}, r"split has \['dev'\]"),
        ("binary", {"target": 1}, "column 'target' of seed 43 differs from seed 42"),
    ],
)
def test_broken_tables_are_refused(kind, columns, message):
    table = predictions(kind)
    if "differs" in message:
        table["target"] = 0
    for name, value in columns.items():
        table[name] = first(value)(table, name)
    with pytest.raises(ValueError, match=message):
        panels(table, TASKS[kind])


def test_missing_columns_and_rows_are_named():
    with pytest.raises(ValueError, match=r"lack the columns \['expected'\] of the"):
        panels(predictions("ordinal").drop(columns="expected"), TASKS["ordinal"])
    with pytest.raises(ValueError, match="no row"):
        panels(predictions("binary").head(0), TASKS["binary"])


def test_row_order_does_not_matter():
    table = predictions("ordinal", clusters=11)
    mixed = table.sample(frac=1.0, random_state=1)
    for split, panel in panels(table, TASKS["ordinal"]).items():
        other = panels(mixed, TASKS["ordinal"])[split]
        assert (panel.cluster == other.cluster).all()
        assert panel.seeds == (42, 43)
        for one, two in zip(panel.rows, other.rows, strict=True):
            assert (one.expected == two.expected).all()
            assert (one.value == one.target + 1).all()
