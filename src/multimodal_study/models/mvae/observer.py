"""The generative half of a multimodal VAE: decoders, and how well they explain what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from multimodal_study.models.mvae.coder import Code
from multimodal_study.models.mvae.likelihoods import Likelihood
from multimodal_study.models.mvae.objectives import standard_log_prob


class Observer(nn.Module):
    """Decoders, observation models and the private latents' priors."""

    def __init__(
        self,
        decoders: Mapping[str, nn.Module],
        likelihoods: Mapping[str, Likelihood],
        private_dim: int = 0,
    ) -> None:
        super().__init__()
        self.names = tuple(decoders)
        self.decoders = nn.ModuleDict(decoders)
        self.likelihoods = nn.ModuleDict(likelihoods)
        self.private_dim = private_dim
        if private_dim:
            # Of MMVAE+'s auxiliary priors, for private latents that another modality cannot know.
            self.auxiliary_log_scale = nn.Parameter(torch.zeros(len(decoders), private_dim))

    def decode(self, name: str, z: Tensor, private: Tensor | None = None) -> Tensor:
        """What the decoder of ``name`` returns, ``[..., width]``.

        Args:
            name: Modality.
            z: Shared latents ``[..., z]``.
            private: Its private latents ``[..., p]``; None: 0, the mean of their prior.
        """
        if self.private_dim:
            if private is None:
                private = z.new_zeros(*z.shape[:-1], self.private_dim)
            z = torch.cat([z, private], dim=-1)
        decoded: Tensor = self.decoders[name](z.flatten(0, -2))
        return decoded.view(*z.shape[:-1], *decoded.shape[1:])

    def means(
        self, z: Tensor, names: Iterable[str], private: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Expected ``x`` of each of ``names``, ``[..., width]``."""
        return {
            name: cast(Likelihood, self.likelihoods[name]).mean(
                self.decode(name, z, (private or {}).get(name))
            )
            for name in names
        }

    def score(
        self,
        code: Code,
        z: Tensor,
        own: Tensor,
        *,
        asked: Tensor | None = None,
        analytic: bool = True,
        auxiliary: bool = True,
    ) -> tuple[dict[str, Tensor], Tensor | float]:
        """See :class:`multimodal_study.models.mvae.objectives.Scorer`.

        Without ``auxiliary``, private latents that a modality does not give come from the prior.
        """
        found: dict[str, Tensor] = {}
        term: Tensor | float = 0.0
        for m, name in enumerate(self.names):
            if name not in code.inputs:
                continue
            # Which subsets this modality is decoded for; None: every one.
            used = None if asked is None else asked[:, m].nonzero()[:, 0]
            if used is not None and len(used) == z.shape[-3]:
                used = None
            picked = z if used is None else z.index_select(-3, used)
            private = None
            if code.private is not None:
                mine = own[:, m] & code.present[m]
                scale = self.auxiliary_log_scale[m].exp() if auxiliary else 1.0
                private, part = self._private(code, m, z, mine, scale, analytic=analytic)
                term = term + part
                private = private if used is None else private.index_select(-3, used)
            value = self._log_likelihood(name, picked, private, code)
            if not code.complete:
                value = value * code.present[m]
            if used is not None:
                value = value.new_zeros(z.shape[:-1]).index_copy(-2, used, value)
            found[name] = value
        return found, term

    def _log_likelihood(self, name: str, z: Tensor, private: Tensor | None, code: Code) -> Tensor:
        decoded = self.decode(name, z, private)
        # Sums over thousands of numbers are taken in float32 whatever the products are in.
        with torch.autocast(z.device.type, enabled=False):
            value: Tensor = self.likelihoods[name](decoded, code.inputs[name])
        return value

    def _private(
        self, code: Code, m: int, z: Tensor, mine: Tensor, scale: Tensor | float, *, analytic: bool
    ) -> tuple[Tensor, Tensor]:
        """Private latents ``[..., s, b, p]`` and their term, ``[s, b]`` or ``[..., s, b]``.

        Args:
            code: Has the moments.
            m: Number of the modality.
            z: Shared latents ``[..., s, b, z]``.
            mine: Whether they come from the modality itself, bool ``[s, b]``.
            scale: Standard deviation of those that do not.
            analytic: Minus the KL, or the log ratio.
        """
        assert code.private is not None  # noqa: S101  # for the type checker
        moments = code.private
        here = type(moments)(moments.mean[m], moments.log_variance[m])
        noise = torch.randn(*z.shape[:-1], self.private_dim, device=z.device)
        known = here.sample(noise)
        drawn = torch.where(mine[..., None], known, noise * scale)
        if analytic:
            return drawn, -here.kl_to_prior().sum(-1) * mine
        return drawn, (standard_log_prob(known) - here.log_prob(known)) * mine
