import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from metrics.tables import TASKS, predictions
from multimodal_study.metrics.bootstrap import (
    Resampling,
    estimates,
    paired_difference,
    replicates,
    resamples,
    value,
)
from multimodal_study.metrics.registry import METRICS, metrics_for
from multimodal_study.metrics.table import Rows, panels

FEW = Resampling(replicates=100)


def panel(kind, **options):
    return panels(predictions(kind, **options), TASKS[kind])["test"]


def taken(rows, index):
    names = ("target", "prediction", "probabilities", "value", "expected")
    return Rows(**{name: getattr(rows, name)[index] for name in names})


@pytest.mark.parametrize("kind", list(TASKS))
def test_replicates_equal_a_plain_loop_over_resampled_rows(kind):
    seen = panel(kind, n=50, clusters=20)
    metrics = metrics_for(kind)
    fast = replicates(seen, metrics, FEW)
    weights = np.concatenate(list(resamples(seen.clusters, 50, FEW)), axis=1)
    assert (weights.sum(axis=0) == seen.clusters).all()
    for draw in range(0, 100, 9):
        index = np.repeat(np.arange(50), weights[seen.cluster, draw].astype(int))
        for name, metric in metrics.items():
            slow = np.mean([metric.value(taken(rows, index)) for rows in seen.rows])
            assert fast[name][draw] == pytest.approx(slow, nan_ok=True)


def test_intervals_agree_with_scipy():
    seen = panel("regression", n=200, seeds=(1,))
    errors = np.abs(seen.rows[0].expected - seen.rows[0].value)
    theirs = scipy_bootstrap(
        (errors,), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(0)
    ).confidence_interval
    ours = estimates(seen, metrics_for("regression"), Resampling(replicates=4000))["mae"]
    assert ours.value == pytest.approx(errors.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.high, abs=0.01)


def test_clusters_widen_the_interval():
    table = predictions("binary", n=200)
    doubled = table.copy()
    # Every example twice, as one cluster: no information is added.
    twin = table.assign(example_id=table["example_id"] + "b")
    doubled = panels(pd.concat([doubled, twin], ignore_index=True), TASKS["binary"])["test"]
    single = panels(table, TASKS["binary"])["test"]
    metrics = {"accuracy": METRICS["accuracy"]}
    one = estimates(single, metrics, FEW)["accuracy"]
    two = estimates(doubled, metrics, FEW)["accuracy"]
    assert (one.low, one.high) == pytest.approx((two.low, two.high))


def test_large_tables_use_blocks_and_the_linear_area():
    seen = panel("multiclass", n=2000, seeds=(1,))
    metrics = metrics_for("multiclass")
    exact = estimates(seen, metrics, Resampling(replicates=1000))
    rough = estimates(seen, metrics, Resampling(replicates=1000, blocks=500, exact_rows=100))
    for name, one in exact.items():
        other = rough[name]
        assert other.value == one.value
        assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.2)
        assert other.low == pytest.approx(one.low, abs=0.01)


def test_the_calibration_error_lies_inside_its_interval():
    found = estimates(panel("binary", n=300), metrics_for("binary"), Resampling())["ece"]
    assert 0.0 <= found.low < found.value < found.high


def test_a_difference_from_itself_is_nothing():
    seen = panel("ordinal")
    for found in paired_difference(seen, seen, metrics_for("ordinal"), FEW).values():
        assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_pairing_narrows_a_difference_and_its_sign_is_first_less_second():
    strong, weak = panel("binary", n=400, skill=3.0), panel("binary", n=400, skill=0.5)
    metrics = metrics_for("binary")
    found = paired_difference(strong, weak, metrics, Resampling(replicates=500))
    assert found["accuracy"].low > 0
    assert found["accuracy"].p_value == pytest.approx(2 / 501)
    assert found["nll"].high < 0
    expected = value(strong, metrics["auroc"]) - value(weak, metrics["auroc"])
    assert found["auroc"].value == pytest.approx(expected)


def test_different_examples_are_not_paired():
    with pytest.raises(ValueError, match="80 and 60 examples, 60 in common"):
        paired_difference(panel("binary"), panel("binary", n=60), metrics_for("binary"), FEW)
    with pytest.raises(ValueError, match="clusters differ"):
        paired_difference(panel("binary"), panel("binary", clusters=9), metrics_for("binary"), FEW)


def test_what_is_not_defined_has_no_interval():
    table = predictions("binary").assign(target=1)
    seen = panels(table, TASKS["binary"])["test"]
    metrics = metrics_for("binary")
    assert np.isnan(estimates(seen, metrics, FEW)["auroc"].low)
    assert np.isnan(paired_difference(seen, seen, metrics, FEW)["auroc"].p_value)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"replicates": 5}, r"evaluation\.bootstrap is 5"), ({"confidence": 95}, "confidence is 95")],
)
def test_ranges(options, message):
    with pytest.raises(ValueError, match=message):
        Resampling(**options)


def test_every_metric_is_described():
    for name, metric in METRICS.items():
        assert name == metric.name
        assert metric.definition.endswith(".")
        assert metric.kinds
    assert "7 bins" in metrics_for("binary", 7)["ece"].definition
    with pytest.raises(ValueError, match="ece_bins"):
        metrics_for("binary", 0)
