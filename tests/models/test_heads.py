"""Heads against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from torch.nn import functional as F

from multimodal_study.contract import Task
from multimodal_study.models.heads import Linear, ProportionalOdds, Softmax, make_head

STARS = Task("stars", "ordinal", ("1", "2", "3", "4", "5"), "mae", (1.0, 2.0, 3.0, 4.0, 5.0))
finite = st.floats(-30, 30, width=32)


@given(
    gaps=arrays(np.float64, 3, elements=st.floats(1e-3, 20)),
    first=st.floats(-10, 10),
    score=st.floats(-30, 30),
)
def test_cumulative_logits_by_hand(gaps: np.ndarray, first: float, score: float) -> None:
    theta = first + np.concatenate([[0.0], np.cumsum(gaps)])
    cumulative = np.concatenate([expit(theta - score), [1.0]])
    expected = np.diff(cumulative, prepend=0.0)
    found = ProportionalOdds.log_probabilities(
        torch.tensor(theta), torch.tensor(gaps), torch.tensor([[score]], dtype=torch.float64)
    )
    np.testing.assert_allclose(found.exp().numpy()[0], expected, atol=1e-9)
    assert found.exp().sum().item() == pytest.approx(1.0)


@given(
    raw=arrays(np.float32, 4, elements=finite),
    scores=arrays(np.float32, 6, elements=st.floats(-1000, 1000, width=32)),
)
def test_thresholds_rise_and_extremes_stay_finite(raw: np.ndarray, scores: np.ndarray) -> None:
    head = ProportionalOdds(1, 5)
    with torch.no_grad():
        head.first.fill_(float(raw[0]))
        head.gaps.copy_(torch.tensor(raw[1:]))
    assert (head.thresholds().diff() >= 0).all()
    output = ProportionalOdds.log_probabilities(
        head.thresholds(), head.steps(), torch.tensor(scores)[:, None]
    )
    assert torch.isfinite(output).all()
    F.cross_entropy(output, torch.arange(6) % 5).backward()
    assert torch.isfinite(head.gaps.grad).all()


def test_a_higher_score_never_lowers_the_expected_class() -> None:
    theta = torch.tensor([-2.0, -0.5, 0.3, 1.7])
    scores = torch.linspace(-6, 6, 50)[:, None]
    probabilities = ProportionalOdds.log_probabilities(theta, theta.diff(), scores).exp()
    expected = (probabilities * torch.arange(5)).sum(1)
    assert (expected.diff() > 0).all()


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_start_gives_the_class_frequencies(classes: int) -> None:
    target = torch.arange(classes).repeat_interleave(torch.arange(classes) * 300 + 50)
    counts = torch.bincount(target).float()
    softmax = Softmax(3, classes)
    softmax.start(target)
    heads = [softmax]
    if classes > 2:
        ordinal = ProportionalOdds(3, classes)
        ordinal.start(target)
        heads.append(ordinal)
    for head in heads:
        found = head(torch.zeros(1, 3)).softmax(1)[0]
        torch.testing.assert_close(found, counts / counts.sum(), atol=5e-3, rtol=0)


def test_regression_starts_at_the_mean_in_units_of_the_target() -> None:
    head = Linear(2)
    target = torch.tensor([10.0, 20.0, 30.0])
    head.start(target)
    with torch.no_grad():
        head.weight.fill_(1.0)
        head.bias.zero_()
    found = head(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
    torch.testing.assert_close(found[0], torch.tensor([20.0]))
    torch.testing.assert_close(found[1, 0], target.mean() + target.std(unbiased=False))


@pytest.mark.parametrize(
    ("task", "kind", "width"),
    [
        (Task("t", "binary", ("a", "b"), "accuracy"), Softmax, 2),
        (Task("t", "multiclass", ("a", "b", "c"), "accuracy"), Softmax, 3),
        (STARS, ProportionalOdds, 5),
        (Task("t", "regression", (), "rmse"), Linear, 1),
    ],
)
def test_the_task_decides(task: Task, kind: type, width: int) -> None:
    head = make_head(task, 4)
    assert isinstance(head, kind)
    assert head(torch.randn(7, 4)).shape == (7, width)


def test_logits_are_what_softmax_expects() -> None:
    output = make_head(STARS, 4)(torch.randn(9, 4))
    torch.testing.assert_close(output.exp(), output.softmax(1))


def test_a_regression_stays_in_the_range_of_train_but_in_training() -> None:
    head = Linear(1)
    head.start(torch.tensor([0.5, 3.0, 5.0]))
    with torch.no_grad():
        head.weight.fill_(1.0)
    far = torch.tensor([[100.0], [-100.0]])
    assert head.eval()(far).flatten().tolist() == [5.0, 0.5]
    assert float(head.train()(far)[0, 0].detach()) > 100
