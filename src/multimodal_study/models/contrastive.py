"""Contrastive losses between two sets of embeddings, aware of pairs that say the same.

``a`` and ``b`` are L2-normalised embeddings ``[n, d]`` of the two sides of ``n`` pairs, ``s`` is
the scale of their cosines (the inverse temperature), ``P[i, j]`` says whether side ``a`` of pair
``i`` and side ``b`` of pair ``j`` belong together: always for ``i = j``, and where the two pairs
have the same picture or the same text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

LARGEST_SCALE = 100.0
"""Radford et al. 2021 clip the scale here, "to prevent training instability"."""


def positives(keys: Iterable[Tensor], n: int) -> Tensor | None:
    """``P``: bool ``[n, n]``, symmetric, true where any key of two pairs agrees.

    Args:
        keys: One int64 ``[n]`` per side: equal numbers are the same picture, the same text.
        n: Pairs.

    Returns:
        None where no two pairs agree: ``P`` is then the identity, and the losses take a shorter
        way to the same number.
    """
    columns = list(keys)
    if all(len(torch.unique(key)) == n for key in columns):
        return None
    same = torch.eye(n, dtype=torch.bool, device=columns[0].device)
    for key in columns:
        same |= key[:, None] == key
    return same


def info_nce(a: Tensor, b: Tensor, scale: Tensor, same: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE with soft targets over all positives, in nats.

    ``L = -1/2n sum_i sum_j Q[i, j] (log softmax_j(s a_i b_j) + log softmax_j(s b_i a_j))`` with
    ``Q[i, j] = P[i, j] / sum_j P[i, j]``. Without duplicates ``Q`` is the identity, and this is the
    loss of CLIP (Radford et al. 2021, figure 3; van den Oord et al. 2018). Our deviation for
    duplicates is that of supervised contrastive learning (Khosla et al. 2020, equation 2, the sum
    outside of the logarithm): a second copy of a text is a positive, not a negative.

    Args:
        a: ``[n, d]``, length 1.
        b: ``[n, d]``, length 1.
        scale: ``s``, one number.
        same: ``P`` of :func:`positives`; None: the identity.
    """
    loss: Tensor = _Symmetric.apply((scale * a) @ b.T, same)  # type: ignore[no-untyped-call]
    return loss


class _Symmetric(torch.autograd.Function):
    """:func:`info_nce` of logits ``[n, n]``, with its gradient written out.

    ``dL/dl[i, j] = (softmax_j(l[i, :]) + softmax_i(l[:, j]) - Q[i, j] - Q[j, i]) / 2n``. Automatic
    differentiation of two cross-entropies keeps four matrices of that size, this one keeps one.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, same: Tensor | None) -> Tensor:
        rows = logits.logsumexp(1, keepdim=True)
        columns = logits.logsumexp(0, keepdim=True)
        target = None if same is None else _targets(same, logits.dtype)
        ctx.save_for_backward(logits, rows, columns, target)
        hit = 2 * logits.diagonal().sum() if target is None else (target * logits).sum()
        return (rows.sum() + columns.sum() - hit) / (2 * len(logits))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        logits, rows, columns, target = ctx.saved_tensors
        found = (logits - rows).exp_().add_((logits - columns).exp_())
        if target is None:
            found.diagonal().sub_(2.0)
        else:
            found.sub_(target)
        return found.mul_(grad / (2 * len(logits))), None


def _targets(same: Tensor, dtype: torch.dtype) -> Tensor:
    """``Q + Q'`` ``[n, n]``."""
    share = 1.0 / same.sum(1, dtype=dtype)
    return same * (share[:, None] + share)


def sigmoid_loss(
    a: Tensor, b: Tensor, scale: Tensor, bias: Tensor, same: Tensor | None = None
) -> Tensor:
    """Every pair of the batch as a question of its own, in nats per example.

    ``L = -1/n sum_ij log sigmoid(z[i, j] (s a_i b_j + t))`` with ``z = 1`` where ``P`` and -1
    elsewhere (Zhai et al. 2023, SigLIP, equation 1). Our deviation: ``P`` instead of the identity.

    Args:
        a: ``[n, d]``, length 1.
        b: ``[n, d]``, length 1.
        scale: ``s``, one number.
        bias: ``t``, one number.
        same: ``P`` of :func:`positives`; None: the identity.
    """
    if same is None:
        same = torch.eye(len(a), dtype=torch.bool, device=a.device)
    logits = scale * a @ b.T + bias
    return -F.logsigmoid(torch.where(same, logits, -logits)).sum() / len(a)


def chance_info_nce(n: int) -> float:
    """What :func:`info_nce` is for embeddings that say nothing: ``ln n``."""
    return math.log(n)


def chance_sigmoid(n: int, same: Tensor | None = None) -> float:
    """What :func:`sigmoid_loss` is at best for embeddings that say nothing.

    All logits are then one constant ``c``; the best has ``sigmoid(c) = p``, the share of positives,
    and the loss is ``n H(p)`` with the binary entropy ``H`` in nats.
    """
    p = 1 / n if same is None else float(same.float().mean())
    if p >= 1.0:
        return 0.0
    return -n * (p * math.log(p) + (1 - p) * math.log1p(-p))


def in_chunks(encode: Callable[[slice], tuple[Tensor, ...]], n: int, size: int) -> list[Tensor]:
    """What ``encode`` makes of rows ``0..n``, with the memory of ``size`` rows.

    A contrastive loss needs the embeddings of the whole batch at once, but not the activations that
    led there. Each chunk is encoded twice: now, keeping its embeddings alone, and again when the
    gradient of the whole batch's loss arrives at it. The gradients are those of one large batch, to
    rounding (Gao et al. 2021, GradCache; the second pass is PyTorch's activation checkpointing,
    which also repeats the random numbers of the first, so that dropout agrees).

    Args:
        encode: Rows to tensors ``[rows, ...]``.
        n: Rows of the batch.
        size: Rows of a chunk; 0, or at least ``n``: everything in one pass, encoded once.
    """
    if size == 0 or size >= n or not torch.is_grad_enabled():
        return list(encode(slice(0, n)))
    parts = [
        checkpoint(encode, slice(start, min(start + size, n)), use_reentrant=False)
        for start in range(0, n, size)
    ]
    return [torch.cat(pieces) for pieces in zip(*parts, strict=True)]
