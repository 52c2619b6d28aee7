"""Log-likelihoods of several targets from the same draws, at the cost of the largest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from multimodal_study.models.mvae.model import MultimodalVAE
from multimodal_study.models.mvae.objectives import Weights, standard_log_prob

_ROWS_TOGETHER = 2000


def log_likelihoods(
    vae: MultimodalVAE,
    inputs: Mapping[str, Tensor],
    *,
    targets: Sequence[Iterable[str]],
    proposal: Iterable[str],
    samples: int = 1000,
) -> list[Tensor]:
    """``log p(x_target)`` of each target, nats ``[b]``; every modality is decoded once.

    The estimator is that of :meth:`MultimodalVAE.log_likelihood` with the same ``proposal``.

    Raises:
        ValueError: The model has private latents, whose proposals differ by target.
    """
    if vae.private_dim:
        raise ValueError("with private latents every target needs draws of its own")
    wanted = [vae.coder.check(target) for target in targets]
    every = vae.coder.check({name for target in wanted for name in target})
    total = Weights().total
    with torch.inference_mode():
        code = vae.coder(inputs, {}, every)
        posterior = vae.coder.mixture(vae.coder(inputs, {}, vae.coder.check(proposal)))
        own = code.present[None]
        chunk = max(1, min(samples, _ROWS_TOGETHER // max(own.shape[-1], 1)))
        parts = []
        for z in posterior.draws(samples, chunk):
            found, _ = vae.observer.score(code, z[:, None], own, analytic=False, auxiliary=False)
            each = [total({name: found[name] for name in target})[:, 0] for target in wanted]
            parts.append(torch.stack(each) + standard_log_prob(z) - posterior.log_prob(z))
        return list(torch.cat(parts, dim=1).logsumexp(1) - math.log(samples))
