from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from metrics.tables import TASKS, predictions
from multimodal_study.errors import InputError
from multimodal_study.metrics.bootstrap import Resampling
from multimodal_study.metrics.permutation import holm, permutation_tests
from multimodal_study.metrics.registry import METRICS, metrics_for
from multimodal_study.metrics.table import panels

AGAIN = Resampling(seed=3)


def panel(kind, **options):
    return panels(predictions(kind, **options), TASKS[kind])["test"]


def test_agrees_with_every_exchange_by_scipy():
    both = {
        "a": panel("regression", n=10, seeds=(1,)),
        "b": panel("regression", n=10, seeds=(1,), skill=0.3, salt=1),
    }
    errors = [np.abs(one.rows[0].expected - one.rows[0].value) for one in both.values()]
    theirs = permutation_test(
        errors,
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    difference, p = permutation_tests(both, METRICS["mae"], AGAIN, 20_000)["a", "b"]
    assert difference == pytest.approx(theirs.statistic)
    assert p == pytest.approx(theirs.pvalue, abs=0.015)


@pytest.mark.parametrize("name", ["macro_f1", "ece"])
def test_exchanges_of_clusters_and_seeds_equal_a_plain_loop(name):
    """Both sides of a metric that is no mean, by exchanging the rows themselves."""
    one = panel("multiclass", n=40, clusters=6, seeds=(1, 2))
    other = panel("multiclass", n=40, clusters=6, seeds=(1,), skill=2.5, salt=1)
    metric = metrics_for("multiclass")[name]
    clusters = one.clusters

    def measured(rows, theirs, swap):
        given = metric.statistics(rows).copy()
        given[swap] = metric.statistics(theirs)[swap]
        return float(metric.combine(given.sum(axis=0)))

    def difference(exchanged):
        swap = np.asarray(exchanged, dtype=bool)[one.cluster]
        theirs = other.rows[0]
        return np.mean(
            [measured(own, theirs, swap) - measured(theirs, own, swap) for own in one.rows]
        )

    every = np.array([difference(each) for each in product([0, 1], repeat=clusters)])
    expected = (np.abs(every) >= abs(every[0]) - 1e-12).mean()
    found, p = permutation_tests({"one": one, "other": other}, metric, AGAIN, 20_000)[
        "one", "other"
    ]
    assert found == pytest.approx(every[0])
    assert p == pytest.approx(expected, abs=0.015)


def test_same_predictions_and_a_perfect_paradigm():
    same = panel("binary", n=60)
    perfect = panel("binary", n=60, skill=100.0)
    found = permutation_tests(
        {"one": same, "two": same, "perfect": perfect}, METRICS["accuracy"], AGAIN, 999
    )
    assert found["one", "two"] == (0.0, 1.0)
    assert found["one", "perfect"][0] < 0
    assert found["one", "perfect"][1] == pytest.approx(1 / 1000)


def test_false_alarms_are_as_many_as_the_level_says():
    """Two equally good paradigms with noise of their own: p below 0.2 in a fifth of the cases."""
    low = []
    for salt in range(150):
        both = {
            "a": panel("regression", n=40, seeds=(1,), salt=2 * salt),
            "b": panel("regression", n=40, seeds=(1,), salt=2 * salt + 1),
        }
        low.append(permutation_tests(both, METRICS["mae"], AGAIN, 199)["a", "b"][1] <= 0.2)
    assert 0.1 < np.mean(low) < 0.3


def test_refuses_what_it_cannot_test():
    one, other = panel("binary"), panel("binary", n=70)
    with pytest.raises(InputError, match=r"evaluation\.permutations is 99, expected at least 100"):
        permutation_tests({"one": one, "other": one}, METRICS["accuracy"], AGAIN, 99)
    with pytest.raises(ValueError, match="cannot pair one and other"):
        permutation_tests({"one": one, "other": other}, METRICS["accuracy"], AGAIN, 100)
    with pytest.raises(ValueError, match="auroc is no exact function"):
        permutation_tests({"one": one, "other": one}, METRICS["auroc"], AGAIN, 100)
    assert permutation_tests({"one": one}, METRICS["accuracy"], AGAIN, 100) == {}


def test_holm_against_hand_values():
    nan = float("nan")
    # R: p.adjust(c(.01, .04, .03, .02, .9), "holm")
    assert holm([0.01, 0.04, 0.03, 0.02, 0.9]) == pytest.approx([0.05, 0.09, 0.09, 0.08, 0.9])
    assert holm([0.5, nan, 0.6]) == pytest.approx([1.0, nan, 1.0], nan_ok=True)
    assert holm([]).tolist() == []
