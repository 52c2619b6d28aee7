"""The inference half of a multimodal VAE: encoders, and how they come together.

Letters: ``m`` modalities, ``b`` rows, ``z`` shared latents, ``p`` private latents per modality,
``s`` subsets or components. Inputs are by modality; ``present`` says by modality which rows have it
(bool ``[b]``; None or a name left out: all rows that are given), and a modality that is not among
the inputs is missing from every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from multimodal_study.models.mvae.posteriors import (
    PRIOR_EXPERT,
    Aggregation,
    Gaussian,
    Mixture,
    all_subsets,
    component_weights,
    components_of,
    product,
)

Inputs = Mapping[str, Tensor]
Masks = Mapping[str, Tensor]
_LOG_VARIANCE = 10.0
"""Largest absolute log-variance of an expert: beyond it float32 precisions lose the prior."""


@dataclass(frozen=True)
class Code:
    """What the encoders say about a batch."""

    inputs: dict[str, Tensor]
    """Modalities that are there; rows that lack one hold zeros."""
    present: Tensor
    """Bool ``[m, b]``."""
    complete: bool
    """Whether it is known that nothing is missing, so that masks can be left out."""
    experts: Gaussian
    """Moments ``[m, b, z]`` (hidden features ``[m, b, d]`` as the mean for ``joint``)."""
    private: Gaussian | None
    """Moments of the private latents ``[m, b, p]``."""


class Coder(nn.Module):
    """Encoders and an aggregation; arguments as :class:`MultimodalVAE`'s."""

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        *,
        latent_dim: int,
        aggregation: Aggregation,
        private_dim: int = 0,
        prior_expert: bool | None = None,
        joint: nn.Module | None = None,
        joint_width: int = 0,
    ) -> None:
        super().__init__()
        if private_dim and aggregation in {"joint", "mvtcae"}:
            raise ValueError(
                f"private_dim is {private_dim}, but {aggregation} has one shared code: expected 0,"
                " or one of poe, moe, mopoe"
            )
        if (joint is None) == (aggregation == "joint"):
            raise ValueError("a joint encoder is needed by the aggregation joint and by no other")
        self.names = tuple(encoders)
        self.encoders = nn.ModuleDict(encoders)
        self.latent_dim, self.private_dim = latent_dim, private_dim
        self.aggregation: Aggregation = aggregation
        self.prior_expert = aggregation in PRIOR_EXPERT if prior_expert is None else prior_expert
        self.joint = joint
        m = len(self.names)
        if joint is not None:
            self.placeholder = nn.Parameter(torch.zeros(m, joint_width))
        self.register_buffer("components", components_of(aggregation, m), persistent=False)

    def forward(
        self, inputs: Inputs, present: Masks | None = None, subset: Iterable[str] | None = None
    ) -> Code:
        """Run every encoder once.

        Args:
            inputs: Modality to ``x``.
            present: Modality to bool ``[b]``.
            subset: Only these modalities; None: all.
        """
        asked = self.names if subset is None else self.check(subset)
        kept = [name for name in self.names if name in asked and name in inputs]
        if not kept:
            raise ValueError(f"none of {list(asked)} is among the inputs {sorted(inputs)}")
        b, device = inputs[kept[0]].shape[0], inputs[kept[0]].device
        everyone = torch.ones(b, dtype=torch.bool, device=device)
        nobody = torch.zeros(b, dtype=torch.bool, device=device)
        masks = {name: nobody for name in self.names}
        clean: dict[str, Tensor] = {}
        stats: dict[str, Tensor] = {}
        for name in kept:
            masks[name] = (present or {}).get(name, everyone)
            clean[name] = _cleaned(inputs[name], masks[name], everyone)
            stats[name] = self.encoders[name](clean[name]).float()
        blank = torch.zeros_like(next(iter(stats.values())))
        stacked = torch.stack([stats.get(name, blank) for name in self.names])
        everything = torch.stack([masks[name] for name in self.names])
        complete = all(masks[name] is everyone for name in self.names)
        return self._code(clean, everything, stacked, complete)

    def _code(
        self, inputs: dict[str, Tensor], present: Tensor, stats: Tensor, complete: bool
    ) -> Code:
        if self.joint is not None:
            return Code(inputs, present, complete, Gaussian(stats, stats), None)
        z, p = self.latent_dim, self.private_dim
        mean, log_variance = stats.chunk(2, dim=-1)
        log_variance = log_variance.clamp(-_LOG_VARIANCE, _LOG_VARIANCE)
        if not p:
            return Code(inputs, present, complete, Gaussian(mean, log_variance), None)
        private = Gaussian(mean[..., z:], log_variance[..., z:])
        shared = Gaussian(mean[..., :z], log_variance[..., :z])
        return Code(inputs, present, complete, shared, private)

    def posterior(self, code: Code, subsets: Tensor) -> Gaussian:
        """``q(z|x_S)`` for each of ``subsets`` (bool ``[s, m]``): moments ``[s, b, z]``."""
        if self.joint is None:
            with torch.autocast(subsets.device.type, enabled=False):
                present = None if code.complete else code.present
                return product(code.experts, subsets, present, prior_expert=self.prior_expert)
        seen = subsets[..., None] & code.present[None]
        hidden = torch.where(seen[..., None], code.experts.mean, self.placeholder[:, None])
        s, m, b, d = hidden.shape
        # All subsets in one pass: [s, m, b, d] to [s b, m d].
        stats = self.joint(hidden.permute(0, 2, 1, 3).reshape(s * b, m * d)).float()
        mean, log_variance = stats.view(s, b, -1).chunk(2, dim=-1)
        nothing = ~seen.any(1)[..., None]
        return Gaussian(
            mean.masked_fill(nothing, 0.0),
            log_variance.clamp(-_LOG_VARIANCE, _LOG_VARIANCE).masked_fill(nothing, 0.0),
        )

    def mixture(self, code: Code) -> Mixture:
        """``q(z|x)`` given all that the code has."""
        subsets = self.get_buffer("components")
        return Mixture(self.posterior(code, subsets), component_weights(subsets, code.present))

    def plan(self, random: int | None) -> Tensor:
        """The full subset, the single ones and ``random`` others, bool ``[s, m]``; None: full."""
        m, device = len(self.names), self.get_buffer("components").device
        full = torch.ones(1, m, dtype=torch.bool, device=device)
        if random is None or m == 1:
            return full
        single = torch.eye(m, dtype=torch.bool, device=device)
        if not random or m == 2:  # noqa: PLR2004  # a pair has no other subset
            return torch.cat([full, single])
        every = all_subsets(m).to(device)
        others = every[(every.sum(1) > 1) & (every.sum(1) < m)]
        return torch.cat([full, single, others[torch.randperm(len(others))[:random]]])

    def check(self, subset: Iterable[str]) -> list[str]:
        """The names, if all are known."""
        names = list(subset)
        unknown = sorted(set(names) - set(self.names))
        if unknown:
            raise ValueError(f"no modality {unknown}; there are {list(self.names)}")
        return names


def _cleaned(x: Tensor, present: Tensor, everyone: Tensor) -> Tensor:
    """Zeros in rows that lack the modality: what stands there may be anything, even NaN."""
    if present is everyone or x.layout != torch.strided:
        return x
    return x.masked_fill(~present.view(-1, *[1] * (x.ndim - 1)), 0)
