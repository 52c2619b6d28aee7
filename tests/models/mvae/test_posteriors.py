"""Experts and their aggregation, against closed forms and against each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from multimodal_study.models.mvae.posteriors import (
    Gaussian,
    Mixture,
    all_subsets,
    component_weights,
    components_of,
    product,
    row_subsets,
)


def experts(m: int = 3, b: int = 5, z: int = 4, seed: int = 0) -> Gaussian:
    generator = torch.Generator().manual_seed(seed)
    return Gaussian(
        torch.randn(m, b, z, generator=generator), torch.randn(m, b, z, generator=generator)
    )


@pytest.mark.parametrize("prior", [True, False])
def test_a_product_of_experts_is_the_product_of_their_densities(prior: bool) -> None:
    found = experts()
    everyone = torch.ones(3, 5, dtype=torch.bool)
    subsets = all_subsets(3)
    joined = product(found, subsets, everyone, prior_expert=prior)
    # Up to a constant in z, the log density of a product is the sum of the log densities.
    grid = torch.linspace(-2, 2, 9)[:, None, None].expand(9, 5, 4)
    for s, members in enumerate(subsets):
        own = Normal(joined.mean[s], (0.5 * joined.log_variance[s]).exp()).log_prob(grid)
        parts = [
            Normal(found.mean[m], (0.5 * found.log_variance[m]).exp()).log_prob(grid)
            for m in members.nonzero()[:, 0]
        ]
        total = torch.stack(parts).sum(0)
        if prior:
            total = total + Normal(0.0, 1.0).log_prob(grid)
        difference = own - total
        torch.testing.assert_close(
            difference, difference[:1].expand_as(difference), atol=2e-4, rtol=1e-4
        )


def test_two_experts_by_hand() -> None:
    both = Gaussian(torch.tensor([[[0.0]], [[3.0]]]), torch.log(torch.tensor([[[1.0]], [[0.5]]])))
    everyone = torch.ones(2, 1, dtype=torch.bool)
    joined = product(both, torch.ones(1, 2, dtype=torch.bool), everyone, prior_expert=True)
    # Precisions 1 + 1 + 2 = 4; mean (0 + 0 + 2 * 3) / 4.
    assert joined.mean.item() == pytest.approx(1.5)
    assert joined.log_variance.exp().item() == pytest.approx(0.25)


def test_kl_is_that_of_torch_and_of_monte_carlo() -> None:
    first, second = experts(1, 6, 3, 1), experts(1, 6, 3, 2)
    p = Normal(first.mean, (0.5 * first.log_variance).exp())
    q = Normal(second.mean, (0.5 * second.log_variance).exp())
    torch.testing.assert_close(first.kl_to_prior(), kl_divergence(p, Normal(0.0, 1.0)))
    torch.testing.assert_close(first.kl_to(second), kl_divergence(p, q), rtol=1e-4, atol=1e-5)
    torch.manual_seed(0)
    draws = first.sample(torch.randn(40_000, 1, 6, 3))
    ratio = first.log_prob(draws) - second.log_prob(draws)
    error = ratio.std(0) / 40_000**0.5
    exact = first.kl_to(second).sum(-1)
    assert ((ratio.mean(0) - exact).abs() < 5 * error + 1e-4).all()


def test_a_mixture_density_is_that_of_torch() -> None:
    parts, weight = experts(4, 5, 2), torch.rand(4, 5)
    mixture = Mixture(parts, weight / weight.sum(0))
    each = Normal(parts.mean, (0.5 * parts.log_variance).exp())
    z = torch.randn(7, 5, 2)
    expected = (each.log_prob(z[:, None]).sum(-1).exp() * mixture.weight).sum(1).log()
    torch.testing.assert_close(mixture.log_prob(z), expected, rtol=1e-4, atol=1e-5)
    expectation = (mixture.weight[..., None] * parts.mean).sum(0)
    torch.testing.assert_close(mixture.expectation(), expectation)


def test_draws_of_a_mixture_are_spread_as_the_weights_say() -> None:
    weight = torch.tensor([[0.5, 0.0], [0.25, 0.0], [0.25, 1.0]])
    place = torch.tensor([0.0, 100.0, 200.0])[:, None, None].expand(3, 2, 1)
    mixture = Mixture(Gaussian(place, torch.full((3, 2, 1), -20.0)), weight)
    torch.manual_seed(0)
    component = (mixture.sample(8)[..., 0] / 100.0).round()
    # Systematic sampling is exact where n times a weight is whole.
    assert [(component[:, 0] == s).sum().item() for s in range(3)] == [4, 2, 2]
    assert (component[:, 1] == 2).all()
    chunks = torch.cat(list(mixture.draws(8, 3)))
    assert sorted(torch.bincount((chunks[:, 0, 0] / 100.0).round().long())) == [2, 2, 4]


@pytest.mark.parametrize("aggregation", ["poe", "moe", "mopoe", "mvtcae"])
def test_a_missing_modality_is_no_expert(aggregation: Any) -> None:
    found = experts()
    present = torch.ones(3, 5, dtype=torch.bool)
    present[1, ::2] = False
    subsets = components_of(aggregation, 3)
    changed = Gaussian(found.mean.clone(), found.log_variance.clone())
    changed.mean[1, ::2] = 1e3
    prior = aggregation == "poe"
    weight = component_weights(subsets, present)
    torch.testing.assert_close(weight.sum(0), torch.ones(5))
    for moments in (found, changed):
        joined = product(moments, subsets, present, prior_expert=prior)
        mixture = Mixture(joined, weight)
        dropped = Gaussian(found.mean[[0, 2]], found.log_variance[[0, 2]])
        fewer = components_of(aggregation, 2)
        everyone = torch.ones(2, 5, dtype=torch.bool)
        other = Mixture(
            product(dropped, fewer, everyone, prior_expert=prior),
            component_weights(fewer, everyone),
        )
        z = torch.randn(6, 5, 4)
        torch.testing.assert_close(mixture.log_prob(z)[:, ::2], other.log_prob(z)[:, ::2])


@pytest.mark.parametrize("prior", [True, False])
def test_mopoe_of_one_modality_is_poe_of_one(prior: bool) -> None:
    found = experts(1)
    everyone = torch.ones(1, 5, dtype=torch.bool)
    first = product(found, components_of("mopoe", 1), everyone, prior_expert=prior)
    second = product(found, components_of("poe", 1), everyone, prior_expert=prior)
    torch.testing.assert_close(first.mean, second.mean, rtol=0, atol=0)
    torch.testing.assert_close(first.log_variance, second.log_variance, rtol=0, atol=0)


@pytest.mark.parametrize("aggregation", ["poe", "moe", "mopoe", "mvtcae"])
def test_a_row_without_anything_gets_the_prior(aggregation: Any) -> None:
    nobody = torch.zeros(3, 5, dtype=torch.bool)
    subsets = components_of(aggregation, 3)
    joined = product(experts(), subsets, nobody, prior_expert=aggregation == "poe")
    torch.testing.assert_close(joined.mean, torch.zeros(len(subsets), 5, 4))
    torch.testing.assert_close(joined.log_variance, torch.zeros(len(subsets), 5, 4))
    torch.testing.assert_close(component_weights(subsets, nobody).sum(0), torch.ones(5))


def test_terms_of_a_sub_sampled_elbo_are_counted_once() -> None:
    plan = torch.cat([torch.ones(1, 3, dtype=torch.bool), torch.eye(3, dtype=torch.bool)])
    present = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 0]], dtype=torch.bool)
    usable = row_subsets(plan, present)
    # Everything; two of three; nothing.
    assert usable[:, 0].tolist() == [True, True, True, True]
    assert usable[:, 1].tolist() == [True, True, False, True]
    assert usable[:, 2].tolist() == [False] * 4
    alone = row_subsets(plan, torch.tensor([[1], [0], [0]], dtype=torch.bool))
    assert alone[:, 0].tolist() == [True, False, False, False]
