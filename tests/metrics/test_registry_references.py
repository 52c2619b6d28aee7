"""Every metric of the table against a library, and on predictors whose value is known.

A metric that is added to the table without a reference here fails.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.preprocessing import label_binarize
from torch import tensor
from torch.nn import functional

from metrics.tables import TASKS, predictions
from multimodal_study.metrics.registry import METRICS, Metric, metrics_for
from multimodal_study.metrics.table import Rows, panels

BINS = 15
ROWS = 4000
CASES = [(name, kind) for name, metric in METRICS.items() for kind in metric.kinds]


def rows_of(kind, *, n=120, seed=42) -> Rows:
    table = predictions(kind, n=n, seeds=(seed,))
    return panels(table, TASKS[kind])["test"].rows[0]


def built(kind, target, probabilities=None, prediction=None) -> Rows:
    """Rows of chosen answers, laid out as the table of predictions is."""
    task = TASKS[kind]
    if kind == "regression":
        return Rows(target, prediction, np.zeros((len(target), 0)), target, prediction)
    values = np.asarray(task.values) if kind == "ordinal" else np.arange(probabilities.shape[1])
    return Rows(
        target=target,
        prediction=probabilities.argmax(1) if prediction is None else prediction,
        probabilities=probabilities,
        value=target.astype(float) if values is None else values[target],
        expected=probabilities.argmax(1).astype(float)
        if values is None
        else probabilities @ values,
    )


def ece_by_hand(rows: Rows) -> float:
    """Guo et al. (2017), equation 3, bin by bin."""
    confidence = rows.probabilities.max(1)
    hit = rows.probabilities.argmax(1) == rows.target
    total = 0.0
    for k in range(BINS):
        inside = (confidence > k / BINS) & (confidence <= (k + 1) / BINS)
        if inside.any():
            total += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    return total


def auroc(rows: Rows) -> float:
    c = rows.probabilities.shape[1]
    if c == 2:
        return reference.roc_auc_score(rows.target, rows.probabilities[:, 1])
    truth = label_binarize(rows.target, classes=np.arange(c))
    return reference.roc_auc_score(truth, rows.probabilities, average="macro")


def brier(rows: Rows) -> float:
    outcome = functional.one_hot(tensor(rows.target), rows.probabilities.shape[1]).numpy()
    return np.square(rows.probabilities - outcome).sum(1).mean()


def nll(rows: Rows) -> float:
    return float(functional.nll_loss(tensor(np.log(rows.probabilities)), tensor(rows.target)))


REFERENCES: dict[str, Callable[[Rows], float]] = {
    "accuracy": lambda rows: reference.accuracy_score(rows.target, rows.prediction),
    "macro_f1": lambda rows: reference.f1_score(rows.target, rows.prediction, average="macro"),
    "auroc": auroc,
    "brier": brier,
    "nll": nll,
    "ece": ece_by_hand,
    "mae": lambda rows: reference.mean_absolute_error(rows.value, rows.expected),
    "rmse": lambda rows: reference.root_mean_squared_error(rows.value, rows.expected),
    "quadratic_kappa": lambda rows: reference.cohen_kappa_score(
        rows.target, rows.prediction, weights="quadratic"
    ),
}
PERFECT = {
    "accuracy": 1.0, "macro_f1": 1.0, "auroc": 1.0, "brier": 0.0, "nll": 0.0, "ece": 0.0,
    "mae": 0.0, "rmse": 0.0, "quadratic_kappa": 1.0,
}  # fmt: skip


def constant_values(kind: str, target: np.ndarray) -> dict[str, float]:
    """What saying class 0, or the mean of a regression, for sure and always must give."""
    if kind == "regression":
        away = np.abs(target - target.mean())
        return {"mae": away.mean(), "rmse": target.std()}
    share, c = float((target == 0).mean()), len(TASKS[kind].classes)
    found = {
        "accuracy": share,
        # F1 of class 0 is 2 share / (share + 1); that of every other class that occurs is 0.
        "macro_f1": 2 * share / (share + 1) / c,
        "auroc": 0.5,
        "brier": 2 * (1 - share),
        "nll": (1 - share) * -np.log(np.finfo(float).eps),
        "ece": 1 - share,
    }
    if kind == "ordinal":
        away = np.asarray(TASKS[kind].values)[target] - TASKS[kind].values[0]
        found |= {"mae": away.mean(), "rmse": np.sqrt(np.square(away).mean())}
        found["quadratic_kappa"] = 0.0
    return found


def random_values(kind: str) -> dict[str, float]:
    """What an answer that knows nothing gives on average, classes equally frequent."""
    if kind == "regression":
        # Two independent standard normals differ by a normal of variance 2.
        return {"mae": 2 / np.sqrt(np.pi), "rmse": np.sqrt(2)}
    c = len(TASKS[kind].classes)
    found = {
        "accuracy": 1 / c,
        "macro_f1": 1 / c,
        "auroc": 0.5,
        # One class for sure: 2 in (c - 1) / c of the cases, else 0.
        "brier": 2 * (c - 1) / c,
        "nll": (c - 1) / c * -np.log(np.finfo(float).eps),
        "ece": (c - 1) / c,
    }
    if kind == "ordinal":
        steps = np.subtract.outer(TASKS[kind].values, TASKS[kind].values)
        found |= {"mae": np.abs(steps).mean(), "rmse": np.sqrt(np.square(steps).mean())}
        found["quadratic_kappa"] = 0.0
    return found


def of(name: str, kind: str) -> Metric[Rows]:
    return metrics_for(kind, BINS)[name]


def balanced(kind: str) -> np.ndarray:
    random = np.random.default_rng(9)
    if kind == "regression":
        return random.normal(size=ROWS)
    return random.permutation(np.arange(ROWS) % len(TASKS[kind].classes))


def test_every_metric_has_a_reference_and_known_values():
    assert set(REFERENCES) == set(PERFECT) == set(METRICS)
    for kind in TASKS:
        named = {name for name, own in CASES if own == kind}
        assert set(random_values(kind)) == set(constant_values(kind, balanced(kind))) == named


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize("seed", [42, 43])
def test_the_metric_agrees_with_its_reference(name, kind, seed):
    rows = rows_of(kind, seed=seed)
    assert of(name, kind).value(rows) == pytest.approx(REFERENCES[name](rows), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_perfect_predictor_gets_the_best_value(name, kind):
    target = balanced(kind)
    if kind == "regression":
        rows = built(kind, target, prediction=target)
    else:
        rows = built(kind, target, np.eye(len(TASKS[kind].classes))[target])
    assert of(name, kind).value(rows) == pytest.approx(PERFECT[name], abs=1e-12)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_constant_predictor_gets_what_it_must(name, kind):
    target = balanced(kind)
    if kind == "regression":
        rows = built(kind, target, prediction=np.full(ROWS, target.mean()))
    else:
        rows = built(kind, target, np.eye(len(TASKS[kind].classes))[np.zeros(ROWS, dtype=int)])
    assert of(name, kind).value(rows) == pytest.approx(constant_values(kind, target)[name])


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_random_predictor_gets_chance(name, kind):
    target, random = balanced(kind), np.random.default_rng(10)
    if kind == "regression":
        rows = built(kind, target, prediction=random.normal(size=ROWS))
    else:
        c = len(TASKS[kind].classes)
        rows = built(kind, target, np.eye(c)[random.integers(0, c, ROWS)])
    expected = random_values(kind)[name]
    # Four standard errors of a share of 4000, more for what is larger than 1.
    slack = 4 * 0.5 / np.sqrt(ROWS) * max(1.0, 2 * expected)
    assert of(name, kind).value(rows) == pytest.approx(expected, abs=slack)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_better_is_on_the_side_that_the_table_says(name, kind):
    target = balanced(kind)
    worse = constant_values(kind, target)[name]
    better = PERFECT[name]
    assert (better > worse) == METRICS[name].higher_is_better
