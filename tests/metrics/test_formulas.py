import numpy as np
import pytest
import sklearn.metrics as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from multimodal_study.metrics import classification, ranks, regression
from multimodal_study.metrics.statistics import totals

SEEDS = st.integers(0, 10_000)


def draw(seed, classes=4, n=60):
    """Targets, predictions, probabilities with ties, and counts 0 to 3 per row."""
    random = np.random.default_rng(seed)
    probabilities = np.round(random.dirichlet(np.ones(classes), n), 2)
    probabilities[:, 0] += 1.0 - probabilities.sum(axis=1)
    target = np.concatenate([np.arange(classes), random.integers(0, classes, n - classes)])
    counts = random.integers(0, 4, n)
    counts[:classes] += 1
    return target, random.integers(0, classes, n), np.clip(probabilities, 0, 1), counts


@settings(max_examples=25)
@given(SEEDS, st.sampled_from([2, 3, 5]))
def test_classification_equals_scikit_learn(seed, classes):
    target, prediction, p, _ = draw(seed, classes)
    labels = range(classes)
    one_hot = np.eye(classes)[target]
    assert classification.accuracy(target, prediction) == pytest.approx(
        reference.accuracy_score(target, prediction)
    )
    assert classification.macro_f1(target, prediction, classes) == pytest.approx(
        reference.f1_score(target, prediction, average="macro")
    )
    assert classification.auroc(target, p) == pytest.approx(
        reference.roc_auc_score(one_hot[:, 1:], p[:, 1:])
        if classes == 2
        else reference.roc_auc_score(one_hot, p, average="macro")
    )
    # Away from 0 nothing is clipped, and both normalise alike.
    smooth = (p + 0.01) / (p + 0.01).sum(axis=1, keepdims=True)
    assert classification.nll(target, smooth) == pytest.approx(
        reference.log_loss(target, smooth, labels=list(labels))
    )
    assert regression.quadratic_kappa(target, prediction) == pytest.approx(
        reference.cohen_kappa_score(target, prediction, weights="quadratic")
    )


def test_brier_is_the_original_sum_over_classes():
    target, _, p, _ = draw(1, 2)
    whole = reference.brier_score_loss(target, p[:, 1], scale_by_half=False)
    half = reference.brier_score_loss(target, p[:, 1])
    assert classification.brier(target, p) == pytest.approx(whole)
    assert classification.brier(target, p) == pytest.approx(2 * half)
    target, _, p, _ = draw(2, 4)
    assert classification.brier(target, p) == pytest.approx(
        reference.brier_score_loss(target, p, scale_by_half=False, labels=[0, 1, 2, 3])
    )
    assert classification.brier(np.array([1]), np.array([[1.0, 0.0]])) == 2.0


@settings(max_examples=20)
@given(SEEDS)
def test_ece_equals_torchmetrics(seed):
    random = np.random.default_rng(seed)
    p, target = random.dirichlet(np.ones(3), 50), random.integers(0, 3, 50)
    for bins in (5, 15):
        theirs = multiclass_calibration_error(
            torch.tensor(p), torch.tensor(target), 3, n_bins=bins, norm="l1"
        )
        assert classification.ece(target, p, bins) == pytest.approx(float(theirs), abs=1e-6)


def test_bins_are_closed_above():
    p = np.array([[0.5, 0.5], [0.4, 0.6], [0.0, 1.0]])
    assert classification.confidence_bins(np.array([0, 1, 1]), p, 10)[2].tolist() == [4, 5, 9]


def test_nll_of_certainty_that_was_wrong_is_finite():
    value = classification.nll(np.array([1]), np.array([[1.0, 0.0]]))
    assert value == pytest.approx(-np.log(np.finfo(float).eps))


@settings(max_examples=25)
@given(SEEDS, st.sampled_from([2, 4]))
def test_weights_count_as_repeated_rows(seed, classes):
    target, prediction, p, counts = draw(seed, classes)
    weights = np.stack([counts, np.ones_like(counts)], axis=1).astype(float)
    again = np.repeat(np.arange(len(target)), counts)
    value = np.linspace(1, 5, len(target))
    pairs = [
        (classification.accuracy, (target, prediction)),
        (classification.auroc, (target, p)),
        (classification.brier, (target, p)),
        (classification.nll, (target, p)),
        (classification.ece, (target, p)),
        (regression.quadratic_kappa, (target, prediction)),
        (regression.mae, (value, prediction.astype(float))),
        (regression.rmse, (value, prediction.astype(float))),
    ]
    for function, arguments in pairs:
        repeated = function(*[one[again] for one in arguments])
        both = function(*arguments, weights=weights)
        assert both.shape == (2,)
        assert both[0] == pytest.approx(repeated)
        assert both[1] == pytest.approx(function(*arguments))
        assert function(*arguments, weights=weights[:, 0]) == pytest.approx(repeated)
    f1 = classification.macro_f1(target, prediction, classes, weights)
    assert f1[0] == pytest.approx(
        classification.macro_f1(target[again], prediction[again], classes)
    )


def test_numbers_equal_scikit_learn():
    random = np.random.default_rng(3)
    value, expected = random.normal(size=(2, 50))
    assert regression.mae(value, expected) == pytest.approx(
        reference.mean_absolute_error(value, expected)
    )
    assert regression.rmse(value, expected) == pytest.approx(
        reference.root_mean_squared_error(value, expected)
    )


@settings(max_examples=25)
@given(SEEDS, st.sampled_from([2, 3]))
def test_linear_area_is_exact_for_equal_weights(seed, classes):
    target, _, p, _ = draw(seed, classes)
    linear = ranks.combine_areas(totals(ranks.area_statistics(target, p)))
    assert linear == pytest.approx(classification.auroc(target, p))


def test_what_is_not_defined_is_nan():
    one_class = np.zeros(4, dtype=int)
    p = np.full((4, 2), 0.5)
    assert np.isnan(classification.auroc(one_class, p))
    assert np.isnan(ranks.combine_areas(totals(ranks.area_statistics(one_class, p))))
    assert np.isnan(regression.quadratic_kappa(one_class, one_class))
    nothing = np.zeros(0, dtype=int)
    assert np.isnan(classification.accuracy(nothing, nothing))
    # Macro-F1 leaves out the class that nobody named.
    assert classification.macro_f1(one_class, one_class, 3) == 1.0


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"evaluation\.ece_bins is 0"):
        classification.ece(np.array([0]), np.array([[1.0, 0.0]]), bins=0)
    with pytest.raises(ValueError, match="give one per row"):
        totals(np.ones((3, 1)), np.ones((2, 1)))
