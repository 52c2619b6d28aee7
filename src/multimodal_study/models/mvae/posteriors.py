"""What several modalities say together about the latent: Gaussian experts and their aggregation.

Every posterior here is a mixture of diagonal Gaussians over *components*, a component being a
subset of the modalities (letters: ``s`` components, ``m`` modalities, ``b`` rows, ``z`` latents):

- ``joint``   one component, all that a row has, by an encoder that reads everything at once
- ``poe``     one component, ``q(z|x) ~ p(z) prod_m q_m(z|x_m)`` (Wu & Goodman 2018)
- ``moe``     a component per modality, ``q(z|x) = 1/M sum_m q_m(z|x_m)`` (Shi et al. 2019)
- ``mopoe``   a component per non-empty subset, each a product of experts (Sutter et al. 2021)
- ``mvtcae``  one component, a product of experts without the prior (Hwang et al. 2021)

A row takes part only in the components whose modalities it has: a missing modality equals a
modality that was dropped, row by row. A row that has nothing gets the prior.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor

Aggregation = Literal["joint", "poe", "moe", "mopoe", "mvtcae"]
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
MIXTURES: frozenset[Aggregation] = frozenset({"moe", "mopoe"})
"""Aggregations with more than one component."""
PRIOR_EXPERT: frozenset[Aggregation] = frozenset({"poe"})
"""Products in which the prior is one of the experts."""
_LOG_TWO_PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Gaussian:
    """Diagonal Gaussians ``[..., z]``."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """``mean + exp(log_variance / 2) * noise``; ``noise`` may have leading axes of its own."""
        return torch.addcmul(self.mean, (0.5 * self.log_variance).exp(), noise)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density at ``z``, nats ``[...]``."""
        squared = (z - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * (squared + self.log_variance + _LOG_TWO_PI).sum(-1)

    def kl_to_prior(self) -> Tensor:
        """``KL(q || N(0, I))`` per dimension, nats ``[..., z]`` (Kingma & Welling 2014, app. B)."""
        variance = self.log_variance.exp()
        return 0.5 * (self.mean.square() + variance - self.log_variance - 1.0)

    def kl_to(self, other: Gaussian) -> Tensor:
        """``KL(self || other)`` per dimension, nats ``[..., z]``."""
        gap = self.log_variance - other.log_variance
        squared = (self.mean - other.mean).square() * (-other.log_variance).exp()
        return 0.5 * (gap.exp() + squared - gap - 1.0)


@dataclass(frozen=True)
class Mixture:
    """A mixture of ``s`` diagonal Gaussians for each of ``b`` rows."""

    components: Gaussian
    """Moments ``[s, b, z]``."""
    weight: Tensor
    """Weights ``[s, b]`` that sum to 1 over ``s``; 0 where a row lacks a component's modalities."""

    def expectation(self) -> Tensor:
        """Mean of the mixture ``[b, z]``."""
        if len(self.weight) == 1:
            return self.components.mean[0]
        return (self.weight[..., None] * self.components.mean).sum(0)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density at ``z`` ``[..., b, z]``, nats ``[..., b]``."""
        if len(self.weight) == 1:
            return Gaussian(self.components.mean[0], self.components.log_variance[0]).log_prob(z)
        each = self.components.log_prob(z.unsqueeze(-3))
        return torch.logsumexp(each + self.weight.log(), dim=-2)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """``n`` draws ``[n, b, z]``, as :meth:`draws`."""
        return next(iter(self.draws(n, n, generator)))

    def draws(
        self, n: int, chunk: int, generator: torch.Generator | None = None
    ) -> Iterator[Tensor]:
        """``n`` draws, ``[chunk, b, z]`` at a time, stratified over the components.

        Draw ``k`` of a row takes the component at the quantile ``(k + u) / n`` of the weights, one
        uniform ``u`` per row (systematic sampling), so the ``n`` draws together are spread over the
        components as evenly as the weights say.
        """
        mean = self.components.mean
        shape, device = mean.shape[1:], mean.device
        u = torch.rand(shape[0], generator=generator, device=device)
        for start in range(0, n, chunk):
            number = torch.arange(start, min(start + chunk, n), device=device)
            noise = torch.randn((len(number), *shape), generator=generator, device=device)
            if len(self.weight) == 1:
                yield self.components.sample(noise)
            else:
                yield self.pick(_quantile(self.weight, (number[:, None] + u) / n)).sample(noise)

    def pick(self, index: Tensor) -> Gaussian:
        """Component ``index[k, b]`` of each row: moments ``[k, b, z]``."""
        wide = index[..., None].expand(*index.shape, self.components.mean.shape[-1])
        return Gaussian(
            self.components.mean.gather(0, wide), self.components.log_variance.gather(0, wide)
        )

    def one_of(self) -> Tensor:
        """One component per row, drawn by weight and evenly over the batch: index ``[1, b]``."""
        b = self.weight.shape[1]
        places = (torch.randperm(b, device=self.weight.device) + 0.5) / b
        return _quantile(self.weight, places[None])


def _quantile(weight: Tensor, places: Tensor) -> Tensor:
    """Component ``[k, b]`` at the quantiles ``places`` ``[k, b]`` of the weights ``[s, b]``."""
    edges = weight.cumsum(0)
    index = (places[:, None] >= edges[None]).sum(1)
    # Rounding may leave the last edge below the place: take the last component that counts.
    last = len(weight) - 1 - (weight.flip(0) > 0).int().argmax(0)
    return torch.minimum(index, last)


def product(
    experts: Gaussian, subsets: Tensor, present: Tensor | None, *, prior_expert: bool
) -> Gaussian:
    """Products of experts over several subsets at once.

    ``precision_s = sum_{m in s} precision_m`` (+ 1 with the prior) and ``mean_s = sum_{m in s}
    precision_m mean_m / precision_s``. A product without any expert is the prior.

    Args:
        experts: Moments ``[m, b, z]``.
        subsets: Members of each subset, bool ``[s, m]``.
        present: Bool ``[m, b]``; a missing modality is no expert. None: nothing is missing.
        prior_expert: Whether ``N(0, I)`` is one of the experts.

    Returns:
        Moments ``[s, b, z]``.
    """
    m, b, z = experts.mean.shape
    precision = (-experts.log_variance).exp()
    if present is not None:
        precision = precision * present[..., None]
    members = subsets.to(precision.dtype)
    # One matrix product over all subsets in place of a loop.
    stacked = torch.stack([precision, precision * experts.mean]).view(2, m, b * z)
    total, weighted = torch.matmul(members, stacked).view(2, len(subsets), b, z).unbind()
    if prior_expert:
        total = total + 1.0
    elif present is not None:
        total = total + (members @ present.to(precision.dtype) == 0)[..., None]
    return Gaussian(weighted / total, -total.log())


@lru_cache(maxsize=64)
def all_subsets(m: int) -> Tensor:
    """All non-empty subsets of ``m`` modalities, bool ``[2^m - 1, m]``, the full one last."""
    number = torch.arange(1, 2**m)
    return (number[:, None] >> torch.arange(m)) & 1 == 1


def components_of(aggregation: Aggregation, m: int) -> Tensor:
    """Subsets that are the components of an aggregation, bool ``[s, m]``."""
    if aggregation == "moe":
        return torch.eye(m, dtype=torch.bool)
    if aggregation == "mopoe":
        return all_subsets(m)
    return torch.ones(1, m, dtype=torch.bool)


def component_weights(subsets: Tensor, present: Tensor) -> Tensor:
    """Equal weights ``[s, b]`` of the components whose modalities a row has, summing to 1.

    Args:
        subsets: Bool ``[s, m]``.
        present: Bool ``[m, b]``.
    """
    if len(subsets) == 1:
        return torch.ones(1, present.shape[1], device=present.device)
    usable = contained(subsets, present)
    # A row without anything: every component is the prior, so any weights do.
    usable = usable | ~usable.any(0)
    return usable / usable.sum(0)


def contained(subsets: Tensor, present: Tensor) -> Tensor:
    """Whether a row has every member of a subset, bool ``[s, b]``."""
    lacking: Tensor = subsets.float() @ (~present).float()
    return lacking == 0


def row_subsets(subsets: Tensor, present: Tensor) -> Tensor:
    """Which subsets of a sub-sampled ELBO a row has a term for, bool ``[s, b]``.

    The first subset must be the full one and stands for all that the row has. Another counts where
    the row has all its members and something else besides, so that no term is counted twice: a row
    that lacks a modality is treated as by a model without it.
    """
    usable = contained(subsets, present)
    smaller = subsets.sum(1)[:, None] < present.sum(0)
    usable = usable & smaller
    usable[0] = present.any(0)
    return usable
