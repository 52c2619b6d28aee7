"""What each aggregation maximises, per row and in nats, with its terms.

``beta`` multiplies every divergence, ``w_m`` every log-likelihood; 1 and 1 give bounds on
``log p(x)``. All objectives sum over the modalities that a row has and over no others.

- sub-sampled (``joint``, ``poe``): ``sum_S ELBO(x_S)``, ``ELBO(x_S) = E_q(z|x_S)[sum_{m in S} w_m
  log p(x_m|z)] - beta KL(q(z|x_S) || p(z))`` over everything a row has, each modality alone, and
  ``k`` random subsets (Wu & Goodman 2018)
- stratified (``moe``, ``mopoe``): ``sum_s pi_s { E_{q_s}[sum_m w_m log p(x_m|z)] - beta KL(q_s ||
  p) }`` (Shi et al. 2019; Sutter et al. 2021); every component, or one drawn per row
- ``iwae``: ``sum_s pi_s E log 1/K sum_k p(x, z_sk) / q(z_sk|x)``, ``q`` the whole mixture (Shi et
  al. 2019, eq. 3); ``pooled``: ``E log sum_s pi_s 1/K sum_k ...``, tighter (Burda et al. 2016;
  Morningstar et al. 2021), but there draws that explain less than others get less of the gradient.
  ``dreg`` has the same value and the doubly reparametrised gradient (Tucker et al. 2019).
  ``beta`` tempers the ratios where it is not 1
- ``mvtcae``: ``(M - alpha)/M E_q[sum_m w_m log p(x_m|z)] - beta {(1 - alpha) KL(q || p) + alpha/M
  sum_m KL(q || q_m)}`` (Hwang et al. 2021), ``M`` the modalities that the row has
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from multimodal_study.models.mvae.posteriors import Gaussian, Mixture


class Scorer(Protocol):
    """Decodes and scores; 0 where a modality is missing or not asked for."""

    def __call__(
        self, z: Tensor, own: Tensor, *, asked: Tensor | None = None, analytic: bool = True
    ) -> tuple[dict[str, Tensor], Tensor | float]:
        """Log-likelihoods ``[..., s, b]`` by modality, and the private latents' term.

        Args:
            z: Shared latents ``[..., s, b, z]``.
            own: Whether a private latent comes from its own modality, else from its auxiliary
                prior: bool ``[s, m, b]``.
            asked: Which modalities are scored, bool ``[s, m]``; None: all.
            analytic: The term is minus the KL of the private latents, ``[s, b]``; otherwise their
                log ratio ``log p - log q``, ``[..., s, b]``. 0 without private latents.
        """


@dataclass(frozen=True)
class Terms:
    """An objective and what it is made of, per row, nats ``[b]``."""

    objective: Tensor
    """What is maximised."""
    reconstruction: dict[str, Tensor]
    """Expected log-likelihood of each modality given all that the row has, unweighted."""
    divergence: Tensor
    """KL of the posterior given all that the row has, unweighted."""


@dataclass(frozen=True)
class Weights:
    """Weights of the terms."""

    beta: float = 1.0
    likelihood: dict[str, float] | None = None
    free_bits: float = 0.0
    """Nats per latent dimension, on the mean of the batch, below which its KL is not pressed."""

    def total(self, log_likelihood: dict[str, Tensor]) -> Tensor:
        """``sum_m w_m log p(x_m|z)``."""
        weight = self.likelihood or {}
        total: Tensor | None = None
        for name, value in log_likelihood.items():
            part = value if weight.get(name, 1.0) == 1.0 else weight[name] * value
            total = part if total is None else total + part
        if total is None:
            raise ValueError("no modality is in the batch")
        return total

    def divergence(self, kl: Tensor) -> Tensor:
        """Weighted KL ``[s, b]`` of the KL per dimension ``[s, b, z]``."""
        if self.free_bits > 0:
            # Kingma et al. 2016: dimension by dimension, on the average of the batch.
            mean = kl.mean(dim=1, keepdim=True)
            kl = torch.where(mean < self.free_bits, self.free_bits + 0.0 * kl, kl)
        return self.beta * kl.sum(-1)


def sub_sampled(
    posterior: Gaussian, subsets: Tensor, usable: Tensor | None, score: Scorer, weights: Weights
) -> Terms:
    """The sum of ELBOs over subsets.

    Args:
        posterior: ``q(z|x_S)``, ``[s, b, z]``, the first given all that the row has.
        subsets: Members, bool ``[s, m]``.
        usable: Which subsets a row has a term for, bool ``[s, b]``; None: all.
        score: Decodes and scores.
        weights: Weights of the terms.
    """
    z = posterior.sample(torch.randn_like(posterior.mean))
    own = subsets[..., None].expand(*subsets.shape, z.shape[1])
    found, private = score(z, own, asked=subsets)
    kl = posterior.kl_to_prior()
    elbo = weights.total(found) - weights.divergence(kl) + weights.beta * private
    first = private[0] if isinstance(private, Tensor) else private
    return Terms(
        (elbo if usable is None else elbo * usable).sum(0),
        {name: value[0] for name, value in found.items()},
        kl[0].sum(-1) - first,
    )


def stratified(
    posterior: Mixture, subsets: Tensor, score: Scorer, weights: Weights, *, one: bool = False
) -> Terms:
    """The ELBO of a mixture, component by component.

    Args:
        posterior: Components ``[s, b, z]``.
        subsets: Members of the components, bool ``[s, m]``.
        score: Decodes and scores.
        weights: Weights of the terms.
        one: Decode one component per row, drawn by weight, in place of all; KL terms stay exact.
    """
    kl = posterior.components.kl_to_prior()
    pressed = (posterior.weight * weights.divergence(kl)).sum(0)
    exact = (posterior.weight * kl.sum(-1)).sum(0)
    if one:
        index = posterior.one_of()
        drawn = posterior.pick(index)
        share = posterior.weight.new_ones(index.shape)
        own = subsets[index].movedim(-1, 1)
    else:
        drawn, share = posterior.components, posterior.weight
        own = subsets[..., None].expand(*subsets.shape, share.shape[1])
    found, private = score(drawn.sample(torch.randn_like(drawn.mean)), own)
    averaged = {name: (share * value).sum(0) for name, value in found.items()}
    term = (share * private).sum(0)
    return Terms(weights.total(averaged) - pressed + weights.beta * term, averaged, exact - term)


def importance(
    posterior: Mixture,
    subsets: Tensor,
    score: Scorer,
    weights: Weights,
    *,
    samples: int,
    doubly: bool = False,
    pooled: bool = False,
) -> Terms:
    """The importance-weighted bound with ``samples`` draws of every component.

    Args:
        posterior: Components ``[s, b, z]``.
        subsets: Members of the components, bool ``[s, m]``.
        score: Decodes and scores.
        weights: Weights of the terms.
        samples: ``K``, draws per component.
        doubly: Doubly reparametrised gradient (without private latents only).
        pooled: One bound over the draws of all components, in place of the mean of their bounds.
    """
    moments = posterior.components
    z = moments.sample(torch.randn(samples, *moments.mean.shape, device=moments.mean.device))
    density = posterior
    if doubly:
        # The score of q has no part in this gradient: only the path through z has.
        still = Gaussian(moments.mean.detach(), moments.log_variance.detach())
        density = Mixture(still, posterior.weight)
    own = subsets[..., None].expand(*subsets.shape, z.shape[2])
    found, private = score(z, own, analytic=False)
    log_q = density.log_prob(z.flatten(0, 1)).view(z.shape[:-1])
    ratio = standard_log_prob(z) - log_q + private
    log_weight = weights.total(found) + weights.beta * ratio
    if pooled:
        log_share = posterior.weight.log() - math.log(samples)
        bounds = torch.logsumexp(log_weight + log_share, dim=(0, 1), keepdim=True)
        part = bounds.new_ones(1, 1)
    else:
        log_share = torch.full_like(posterior.weight, -math.log(samples))
        bounds = torch.logsumexp(log_weight + log_share, dim=0, keepdim=True)
        part = posterior.weight
    value = (part * bounds[0]).sum(0)
    share = posterior.weight / samples
    averaged = {name: (share * each).sum((0, 1)) for name, each in found.items()}
    divergence = -(share * ratio).sum((0, 1))
    if doubly and z.requires_grad:
        normalised = (log_weight + log_share - bounds).detach().exp()
        # A share below rounding adds nothing; its gradients would be subnormal numbers, of which
        # matrix products take ten times as long.
        normalised = F.threshold(normalised, torch.finfo(normalised.dtype).eps, 0.0)
        # dreg multiplies the gradient by the weight once more on its way into q.
        z.register_hook(lambda grad: grad * normalised[..., None])  # type: ignore[no-untyped-call]
        surrogate = (part * normalised * log_weight).sum((0, 1))
        value = surrogate + (value - surrogate).detach()
    return Terms(value, averaged, divergence)


def total_correlation(
    posterior: Gaussian,
    experts: Gaussian,
    present: Tensor,
    score: Scorer,
    weights: Weights,
    *,
    alpha: float,
) -> Terms:
    """MVTCAE's bound.

    Args:
        posterior: ``q(z|x)``, ``[1, b, z]``.
        experts: ``q(z|x_m)``, ``[m, b, z]``.
        present: Bool ``[m, b]``.
        score: Decodes and scores.
        weights: Weights of the terms.
        alpha: Share of the conditional term, in [0, 1].
    """
    z = posterior.sample(torch.randn_like(posterior.mean))
    found, _ = score(z, present[None])
    found = {name: value[0] for name, value in found.items()}
    prior = posterior.kl_to_prior()
    conditional = (posterior.kl_to(experts).sum(-1) * present).sum(0)
    many = present.sum(0).clamp_min(1)
    pressed = (1 - alpha) * weights.divergence(prior)[0]
    pressed = pressed + weights.beta * alpha / many * conditional
    objective = (many - alpha) / many * weights.total(found) - pressed
    return Terms(objective, found, prior[0].sum(-1))


def standard_log_prob(z: Tensor) -> Tensor:
    """``log N(z; 0, I)`` summed over the last axis."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)
