"""Observation models against torch, SciPy and numerical integration."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import ive
from scipy.stats import vonmises_fisher
from torch import distributions
from torch.nn import functional as F

from multimodal_study.models.mvae.likelihoods import make_likelihood
from multimodal_study.models.mvae.von_mises_fisher import log_bessel


def decoded(width: int, scale: float = 3.0) -> torch.Tensor:
    torch.manual_seed(0)
    return (scale * torch.randn(2, 4, width)).requires_grad_()


def targets(name: str, width: int) -> torch.Tensor:
    torch.manual_seed(1)
    if name == "categorical":
        return F.one_hot(torch.randint(width, (4,)), width).float()
    if name == "multinomial":
        return torch.randint(0, 4, (4, width)).float()
    x = torch.rand(4, width) if name == "bernoulli" else torch.randn(4, width)
    return F.normalize(x, dim=-1) if name == "cosine" else x


def reference(name: str, given: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    if name == "normal":
        return distributions.Normal(given, 1.0).log_prob(x).sum(-1)
    if name == "laplace":
        return distributions.Laplace(given, 1.0).log_prob(x).sum(-1)
    if name == "bernoulli":
        return -F.binary_cross_entropy_with_logits(given, x.expand_as(given), reduction="none").sum(
            -1
        )
    return (x * given.log_softmax(-1)).sum(-1)


@pytest.mark.parametrize("width", [1, 7, 48, 784])
@pytest.mark.parametrize("name", ["normal", "laplace", "bernoulli", "categorical", "multinomial"])
def test_values_and_gradients_are_those_of_torch(name: Any, width: int) -> None:
    given, x = decoded(width), targets(name, width)
    likelihood = make_likelihood(name, width)
    value, expected = likelihood(given, x), reference(name, given, x)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-3)
    weight = torch.rand(2, 4)
    (found,) = torch.autograd.grad((weight * value).sum(), given)
    (wanted,) = torch.autograd.grad((weight * expected).sum(), given)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_sparse_bag_is_a_dense_bag() -> None:
    x, given = targets("multinomial", 30), decoded(30)
    likelihood = make_likelihood("multinomial", 30)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*Sparse CSR tensor support is in beta.*")
        sparse = x.to_sparse_csr()
    values = [likelihood(given, x), likelihood(given, sparse)]
    torch.testing.assert_close(*values)
    weight = torch.rand(2, 4)
    torch.testing.assert_close(*(torch.autograd.grad((weight * v).sum(), given) for v in values))
    assert likelihood.size(x) == pytest.approx(likelihood.size(sparse))


@pytest.mark.parametrize("logit", [0.0, 60.0, -60.0, 1e4, -1e4, 1e30])
def test_bernoulli_stays_finite_at_extreme_logits(logit: float) -> None:
    likelihood = make_likelihood("bernoulli", 64)
    given = torch.full((1, 64), logit, requires_grad=True)
    value = likelihood(given, torch.full((1, 64), 0.5))
    value.sum().backward()
    assert torch.isfinite(value).all() and torch.isfinite(given.grad).all()
    if logit == 0.0:
        assert value.item() == pytest.approx(-64 * math.log(2), rel=1e-6)


@pytest.mark.parametrize("d", [2, 3, 10, 384, 4096])
@pytest.mark.parametrize("kappa", [0.05, 1.0, 30.0, 500.0, 20_000.0])
def test_bessel_ratio_and_value(d: int, kappa: float) -> None:
    order = d / 2 - 1
    value, ratio = log_bessel(order, torch.tensor(kappa, dtype=torch.float64))
    with np.errstate(divide="ignore"):
        scaled = ive([order, order + 1], kappa)
    if scaled[1] > 1e-280:  # SciPy underflows where ours does not
        assert value.item() == pytest.approx(math.log(scaled[0]) + kappa, rel=1e-9, abs=1e-8)
        assert ratio.item() == pytest.approx(scaled[1] / scaled[0], rel=1e-8)
    assert 0 < ratio.item() < 1


def test_von_mises_fisher_is_scipys_and_its_kappa_has_a_gradient() -> None:
    x, given = targets("cosine", 10), decoded(10)
    likelihood = make_likelihood("cosine", 10)
    value = likelihood(given, x)
    kappa = likelihood.log_kappa.exp().item()
    means = F.normalize(given, dim=-1).detach().double().numpy()
    for s in range(2):
        for b in range(4):
            direction = means[s, b] / np.linalg.norm(means[s, b])
            point = x[b].double().numpy() / np.linalg.norm(x[b].double().numpy())
            expected = vonmises_fisher(direction, kappa).logpdf(point)
            assert value[s, b].item() == pytest.approx(expected, abs=1e-4)
    step = 1e-3
    (slope,) = torch.autograd.grad(value.sum(), likelihood.log_kappa)
    with torch.no_grad():
        likelihood.log_kappa += step
        above = likelihood(given, x).sum()
        likelihood.log_kappa -= 2 * step
        below = likelihood(given, x).sum()
    assert slope.item() == pytest.approx((above - below).item() / (2 * step), rel=1e-2)


@pytest.mark.parametrize("name", ["normal", "laplace"])
def test_a_learned_scale_integrates_to_one(name: Any) -> None:
    likelihood = make_likelihood(name, 1)
    with torch.no_grad():
        likelihood.log_scale.fill_(-0.7)
    grid = torch.linspace(-12, 12, 48_001)[:, None]
    mass = torch.trapezoid(likelihood(torch.zeros(48_001, 1), grid).exp(), grid[:, 0])
    assert mass.item() == pytest.approx(1.0, abs=1e-4)
    assert make_likelihood(name, 1, learn_scale=False).log_scale.requires_grad is False


def test_bernoulli_of_a_sparse_row_is_that_of_the_dense_one() -> None:
    likelihood = make_likelihood("bernoulli", 5)
    x = torch.tensor([[1.0, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]])
    logits = torch.randn(2, 3, 5)
    torch.testing.assert_close(likelihood(logits, x.to_sparse_csr()), likelihood(logits, x))
