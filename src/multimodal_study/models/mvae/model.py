"""A multimodal VAE on plain tensors: encode, decode, sample, generate, bounds and likelihoods.

Nothing here knows of datasets or training loops. Letters: ``m`` modalities, ``b`` rows, ``z``
shared latents, ``p`` private latents per modality, ``k`` samples; inputs and masks as in
:mod:`multimodal_study.models.mvae.coder`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from multimodal_study.models.mvae import objectives
from multimodal_study.models.mvae.coder import Code, Coder, Inputs, Masks
from multimodal_study.models.mvae.likelihoods import Likelihood
from multimodal_study.models.mvae.objectives import Terms, Weights
from multimodal_study.models.mvae.observer import Observer
from multimodal_study.models.mvae.posteriors import MIXTURES, Aggregation, Mixture, row_subsets
from multimodal_study.models.mvae.refinement import refine as refined

Estimator = Literal["elbo", "iwae", "dreg"]
_ROWS_TOGETHER = 2000
"""Decoded rows at a time in a likelihood: large products, yet still in the cache."""


@dataclass(frozen=True)
class Objective:
    """What training maximises; see :mod:`multimodal_study.models.mvae.objectives`."""

    weights: Weights = field(default_factory=Weights)
    subsets: int | None = 0
    """``k`` random subsets beside the full one and the single ones; None: the full one alone."""
    estimator: Estimator = "elbo"
    samples: int = 1
    """Draws per component of ``iwae`` and ``dreg``."""
    pooled: bool = False
    """``iwae``, ``dreg``: one bound over all components, in place of the mean of their bounds."""
    one_component: bool = False
    """Decode one component of a mixture per row in place of all (``elbo``)."""
    alpha: float = 0.9
    """Share of MVTCAE's conditional term."""


class MultimodalVAE(nn.Module):
    """Encoders, an aggregation and decoders.

    Args:
        encoders: Modality to a module from ``x`` to ``[b, 2 (z + p)]``: means of the shared and the
            private latents, then their log-variances. For ``joint``: to features ``[b, d]``.
        decoders: Modality to a module from ``[n, z + p]`` to ``[n, width]``.
        likelihoods: Modality to its observation model.
        latent_dim: ``z``.
        aggregation: How the modalities come together.
        private_dim: ``p``, latents of each modality that the others neither see nor explain: DMVAE
            (Lee & Pavlovic 2021) with ``poe``, MMVAE+ (Palumbo et al. 2023) with ``moe``.
        prior_expert: Whether products include the prior; None: as published.
        joint: For ``joint``, a module from ``[n, m d]`` to ``[n, 2 z]``.
        joint_width: For ``joint``, ``d``.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        decoders: Mapping[str, nn.Module],
        likelihoods: Mapping[str, Likelihood],
        *,
        latent_dim: int,
        aggregation: Aggregation = "poe",
        private_dim: int = 0,
        prior_expert: bool | None = None,
        joint: nn.Module | None = None,
        joint_width: int = 0,
    ) -> None:
        super().__init__()
        self.coder = Coder(
            encoders,
            latent_dim=latent_dim,
            aggregation=aggregation,
            private_dim=private_dim,
            prior_expert=prior_expert,
            joint=joint,
            joint_width=joint_width,
        )
        self.observer = Observer(decoders, likelihoods, private_dim)
        self.names = self.coder.names
        self.latent_dim, self.private_dim = latent_dim, private_dim

    def encode(
        self, inputs: Inputs, present: Masks | None = None, subset: Iterable[str] | None = None
    ) -> Mixture:
        """``q(z|x_S)`` of a subset of the modalities; None: of all that are there."""
        return self.coder.mixture(self.coder(inputs, present, subset))

    def decode(
        self,
        z: Tensor,
        names: Iterable[str] | None = None,
        private: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Expected ``x`` ``[..., width]`` by modality at ``z`` ``[..., z]``.

        Private latents that are not given (``[..., p]`` by modality) are 0, their prior's mean.
        """
        return self.observer.means(z, self.names if names is None else names, private)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        names: Iterable[str] | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Expected ``x`` ``[n, width]`` by modality at ``n`` draws from the prior."""
        device = self.coder.get_buffer("components").device
        z = torch.randn(n, self.latent_dim, generator=generator, device=device)
        return self._generate(z, names, generator)

    @torch.no_grad()
    def generate(
        self,
        target: Iterable[str],
        given: Inputs,
        present: Masks | None = None,
        *,
        samples: int = 1,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Expected ``x`` ``[k, b, width]`` of each ``target`` at draws from ``q(z|given)``.

        Args:
            target: Modalities to generate.
            given: Modality to ``x``: all that is known.
            present: Modality to bool ``[b]``.
            samples: ``k``.
            generator: Of the draws; private latents come from their prior.
        """
        z = self.encode(given, present).sample(samples, generator)
        return self._generate(z, self.coder.check(target), generator)

    def _generate(
        self, z: Tensor, names: Iterable[str] | None, generator: torch.Generator | None
    ) -> dict[str, Tensor]:
        names = self.names if names is None else list(names)
        if not self.private_dim:
            return self.decode(z, names)
        shape = (*z.shape[:-1], self.private_dim)
        private = {n: torch.randn(shape, generator=generator, device=z.device) for n in names}
        return self.decode(z, names, private)

    def objective(
        self, inputs: Inputs, present: Masks | None = None, objective: Objective | None = None
    ) -> Terms:
        """What training maximises, per row."""
        return self.objective_of(self.coder(inputs, present), objective or Objective())

    def objective_of(self, code: Code, objective: Objective) -> Terms:
        """As :meth:`objective`, for a code that is there already."""
        score, weights = partial(self.observer.score, code), objective.weights
        subsets = self.coder.get_buffer("components")
        if self.coder.aggregation in MIXTURES:
            posterior = self.coder.mixture(code)
            if objective.estimator == "elbo":
                one = objective.one_component
                return objectives.stratified(posterior, subsets, score, weights, one=one)
            doubly = objective.estimator == "dreg"
            if doubly and self.private_dim:
                raise ValueError("dreg needs private_dim 0; use iwae with private latents")
            return objectives.importance(
                posterior,
                subsets,
                score,
                weights,
                samples=objective.samples,
                doubly=doubly,
                pooled=objective.pooled,
            )
        if self.coder.aggregation == "mvtcae":
            found = self.coder.posterior(code, subsets)
            return objectives.total_correlation(
                found, code.experts, code.present, score, weights, alpha=objective.alpha
            )
        plan = self.coder.plan(objective.subsets)
        usable = None if code.complete else row_subsets(plan, code.present)
        return objectives.sub_sampled(
            self.coder.posterior(code, plan), plan, usable, score, weights
        )

    def elbo(
        self, inputs: Inputs, present: Masks | None = None, *, weights: Weights | None = None
    ) -> Terms:
        """The ELBO given all that a row has, with its terms, one sample per component.

        Unlike :meth:`objective` it is one bound for every aggregation: ``sum_s pi_s {E_{q_s}[log
        p(x|z)] - KL(q_s || p)}`` (for a mixture, below the ELBO of its density).
        """
        return self.elbo_of(self.coder(inputs, present), weights or Weights())

    def elbo_of(self, code: Code, weights: Weights) -> Terms:
        """As :meth:`elbo`, for a code that is there already."""
        subsets = self.coder.get_buffer("components")
        score = partial(self.observer.score, code)
        return objectives.stratified(self.coder.mixture(code), subsets, score, weights)

    def log_likelihood(
        self,
        inputs: Inputs,
        present: Masks | None = None,
        *,
        target: Iterable[str] | None = None,
        given: Iterable[str] = (),
        samples: int = 1000,
        proposal: Iterable[str] | None = None,
        refine: int = 0,
    ) -> Tensor:
        """Importance-sampled ``log p(x_target | x_given)``, nats ``[b]``.

        ``log p(x) = log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x_S)``, ``z_k ~ q(z|x_S)``: a lower bound
        in expectation that rises with ``K`` (Burda et al. 2016). A conditional is the difference of
        two such estimates. The whole mixture is the density of a mixture's draws, which are
        stratified over its components. Modalities that a row lacks are integrated out. No
        likelihood is weighted.

        Args:
            inputs: Modality to ``x``; those outside target, given and proposal are not looked at.
            present: Modality to bool ``[b]``.
            target: Modalities whose likelihood is meant; None: all.
            given: Modalities conditioned on.
            samples: ``K``.
            proposal: Modalities ``S`` that the draws see; None: those that are scored.
            refine: Gradient steps by which each row's proposal is first fitted to what is scored
                (see :mod:`multimodal_study.models.mvae.refinement`). 20 steps and 100 draws come
                near the bound of 1,000 draws from the encoder. 0: draws from the encoder.
        """
        wanted = self.coder.check(self.names if target is None else target)
        known = self.coder.check(given)
        if set(wanted) & set(known):
            raise ValueError(f"{sorted(set(wanted) & set(known))} cannot be target and given")
        sees = None if proposal is None else self.coder.check(proposal)

        # Fitting a proposal needs gradients, which inference mode forbids to its own tensors.
        with torch.inference_mode(mode=False), torch.no_grad():
            inputs, present = _ordinary(inputs), _ordinary(present or {})

            def estimate(names: list[str]) -> Tensor:
                scored = self.coder(inputs, present, names)
                drawn = scored if sees is None else self.coder(inputs, present, sees)
                return self._estimate(scored, drawn, samples, refine)

            found = estimate([*known, *wanted])
            return found - estimate(known) if known else found

    def _estimate(self, scored: Code, drawn: Code, samples: int, steps: int) -> Tensor:
        """``log p(x)`` of all that is scored, in chunks of draws."""
        code = replace(scored, private=drawn.private)
        own, total = drawn.present[None], Weights().total

        def log_joint(z: Tensor) -> Tensor:
            """``log p(x|z)`` with the private latents' ratio, ``[k, b]``."""
            found, private = self.observer.score(
                code, z[:, None], own, analytic=False, auxiliary=False
            )
            return (total(found) + private)[:, 0]

        posterior = self.coder.mixture(drawn)
        if steps:
            posterior = refined(posterior, log_joint, steps)
        chunk = max(1, min(samples, _ROWS_TOGETHER // max(own.shape[-1], 1)))
        parts = [
            log_joint(z) + objectives.standard_log_prob(z) - posterior.log_prob(z)
            for z in posterior.draws(samples, chunk)
        ]
        return torch.cat(parts).logsumexp(0) - math.log(samples)


def _ordinary(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: x.clone() if x.is_inference() else x for name, x in tensors.items()}
