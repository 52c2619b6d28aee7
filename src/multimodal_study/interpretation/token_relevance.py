"""Which tokens a fine-tuned text encoder answers by: what it attends to, and what counts.

All of it looks through the layers that learnt, from the states that they start from; what the
frozen layers below mixed into a token's state counts as that token's.

- attention rollout (Abnar & Zuidema 2020, section 3): ``R = A_l ... A_1`` with ``A`` the mean over
  heads of ``(W + I) / 2``; relevant is what the pooled tokens read on average
- gradient times input: ``sum_k x_k ds/dx_k`` of each token's state
- integrated gradients of the state, from a state that says nothing (Sundararajan et al. 2017), by
  Captum
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from multimodal_study.models.transformer import Transformer

Array = np.ndarray[Any, Any]
TokenScore = Callable[[Tensor, Tensor], Tensor]
"""States ``[b, t, d]`` and which tokens there are, bool ``[b, t]``, to one number each ``[b]``."""


def rollout(network: Transformer, states: Tensor, mask: Tensor) -> Array:
    """Share of each token in what is pooled: float32 ``[b, t]``, rows sum to 1.

    The tokens count alike, as under mean pooling; without a trained layer each has its own share.
    """
    with torch.no_grad():
        weights = network.attention(states, mask).mean(2)
    eye = torch.eye(mask.shape[1])
    reached = eye.expand(len(mask), -1, -1)
    for layer in range(weights.shape[1]):
        reached = (weights[:, layer] + eye) / 2 @ reached
    used = mask.float()
    shares = (used[:, None] @ reached)[:, 0] / used.sum(1, keepdim=True)
    return np.asarray((shares * used).numpy())


def gradient_times_input(score: TokenScore, states: Tensor, mask: Tensor) -> Array:
    """``sum_k x_k ds/dx_k`` of every token: float32 ``[b, t]``, 0 where there is none."""
    states = states.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(score(states, mask).sum(), states)
    return np.asarray(((states * gradient).sum(-1) * mask).detach().numpy())


def integrated_gradients(
    score: TokenScore, states: Tensor, mask: Tensor, baseline: Tensor, steps: int
) -> Array:
    """Integrated gradients of every token: float32 ``[b, t]``; they sum to the change in score.

    Args:
        score: What is explained.
        states: ``[b, t, d]``.
        mask: Bool ``[b, t]``.
        baseline: State that says nothing ``[d]``.
        steps: Points of the Gauss-Legendre rule.
    """
    method: Any = IntegratedGradients(score)
    found: Tensor = method.attribute(
        states,
        baselines=baseline.expand_as(states).contiguous(),
        additional_forward_args=(mask,),
        n_steps=steps,
        internal_batch_size=len(states),
    )
    return np.asarray((found.sum(-1) * mask).detach().numpy())


def areas_under(  # noqa: PLR0917
    score: TokenScore, states: Tensor, mask: Tensor, fixed: Tensor, place: Array, steps: int
) -> tuple[Array, Array]:
    """Areas under the curves of deletion and insertion of tokens: float64 ``[b]`` each.

    As for pictures (Petsiuk et al. 2018), but a token that is out is not there: the text is shorter
    by it. The curve is ``sigmoid(score)`` over the share of tokens that are out (in).

    Args:
        score: Log odds of what is explained.
        states: ``[b, t, d]``.
        mask: Bool ``[b, t]``.
        fixed: Tokens that stay, such as those at either end: bool ``[b, t]``.
        place: Order in which tokens go, 0 first; of the others alone it matters: ``[b, t]``.
        steps: Equal steps from none to all, at least 1.
    """
    free = mask & ~fixed
    order = torch.from_numpy(np.where(free.numpy(), place, np.inf)).argsort(1).argsort(1)
    share = (order + 1) / free.sum(1, keepdim=True).clamp_min(1)
    curves = np.empty((2, steps + 1, len(mask)))
    with torch.no_grad():
        for step in range(steps + 1):
            first = free & (share <= step / steps + 1e-6)
            for row, out in enumerate((first, free & ~first)):
                found = score(*_without(states, mask, out))
                curves[row, step] = torch.sigmoid(found.double()).numpy()
    areas = np.asarray(np.trapezoid(curves, dx=1 / steps, axis=1))
    return areas[0], areas[1]


def _without(states: Tensor, mask: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
    """The tokens that are left, in their order, without the room of the others."""
    kept = mask & ~out
    longest = max(int(kept.sum(1).max()), 1)
    order = torch.argsort(~kept, dim=1, stable=True)[:, :longest]
    left = states.gather(1, order[..., None].expand(-1, -1, states.shape[2]))
    return left, kept.gather(1, order)
