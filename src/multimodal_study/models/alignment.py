"""Objectives that tell which text belongs to which picture, and what was masked in them.

Two pairs are *duplicates* if they share the picture or the text: the picture of the one then
describes the text of the other as well, so neither is a negative of the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Negatives = Literal["hard", "uniform"]
MaskedObjective = Literal["regression", "kl"]


def duplicates(keys: Iterable[Tensor], rows: int, device: torch.device) -> Tensor:
    """Pairs that are no negatives of each other, itself among them: bool ``[b, b]``.

    Args:
        keys: int64 ``[b]`` each, equal where the raw signal is the same.
        rows: ``b``.
        device: Where the answer lies.
    """
    same = torch.eye(rows, dtype=torch.bool, device=device)
    for key in keys:
        same |= key[:, None] == key[None, :]
    return same


def contrastive_loss(scores: Tensor, same: Tensor) -> Tensor:
    """InfoNCE of both directions, nats (van den Oord et al. 2018; ALBEF, Li et al. 2021, eq. 1).

    ``-1/2 mean_i [log softmax_j(s_ij) + log softmax_j(s_ji)]_{j=i}``, where ``j`` runs over ``i``
    itself and its negatives: duplicates are in neither numerator nor denominator.

    Args:
        scores: ``s`` ``[b, b]``, texts by pictures, temperature included.
        same: Duplicates, bool ``[b, b]``.
    """
    others = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    scores = scores.masked_fill(others, -torch.inf)
    target = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)) / 2


def draw_negatives(
    scores: Tensor, same: Tensor, kind: Negatives, *, sample: bool
) -> tuple[Tensor, Tensor]:
    """A negative of every row that has one.

    Args:
        scores: ``[a, b]``, some items by what they may be paired with.
        same: Duplicates, bool ``[a, b]``.
        kind: ``hard``: probability ``softmax_j(s_ij)`` (ALBEF, section 3.2); ``uniform``.
        sample: Draw; otherwise take the highest score, which makes a validation repeatable.

    Returns:
        Rows int64 ``[k]`` and their negatives int64 ``[k]``.
    """
    rows = torch.nonzero((~same).any(1))[:, 0]
    allowed = (torch.zeros_like(scores) if kind == "uniform" else scores.detach().float())[rows]
    allowed = allowed.masked_fill(same[rows], -torch.inf)
    if not len(rows):
        return rows, rows
    if not sample:
        return rows, allowed.argmax(1)
    return rows, torch.multinomial(allowed.softmax(1), 1)[:, 0]


def draw_wrong_pairs(
    scores: Tensor, same: Tensor, kind: Negatives, *, sample: bool
) -> tuple[Tensor, Tensor]:
    """Pairs that do not belong together, about ``b``: half wrong pictures, half wrong texts.

    Every other row keeps its text and gets a negative picture; the rows between keep their picture
    and get a negative text. (ALBEF draws both for every row, for a third more time.)

    Returns:
        Texts int64 ``[k]`` and pictures int64 ``[k]``, as rows of ``scores`` ``[b, b]``.
    """
    rows = torch.arange(len(scores), device=scores.device)
    texts: list[Tensor] = []
    pictures: list[Tensor] = []
    for own, table, kept, wrong in (
        (rows[0::2], scores, texts, pictures),
        (rows[1::2], scores.T, pictures, texts),
    ):
        drawn, negatives = draw_negatives(table[own], same[own], kind, sample=sample)
        kept.append(own[drawn])
        wrong.append(negatives)
    return torch.cat(texts), torch.cat(pictures)


def matching_loss(positive: Tensor, *negatives: Tensor) -> Tensor:
    """Binary cross-entropy (nats), positives and negatives of equal weight.

    ``1/2 mean softplus(-l+) + 1/2 mean softplus(l-)``, logits ``[b]`` and ``[k]`` each.
    """
    negative = torch.cat(negatives)
    right = F.softplus(-positive).mean()
    if not len(negative):
        return right
    return (right + F.softplus(negative).mean()) / 2


def masked_loss(
    predicted: Tensor, target: Tensor, hidden: Tensor, objective: MaskedObjective
) -> Tensor:
    """How far predictions of masked positions are from the states that stood there.

    The states are frozen, so that they are a target and no vocabulary is needed:

    - ``regression``: ``mean (p - x)^2`` over masked positions and channels
    - ``kl``: ``mean KL(softmax(x) || softmax(p))`` over masked positions, the softmax over the
      channels of a state: which channels answer, and not how strongly. (Lu et al. 2019 take the
      class distribution of their detector, which a frozen image encoder does not give.)

    Args:
        predicted: ``p`` ``[b, t, width]``.
        target: ``x`` ``[b, t, width]``, standardised by channel with the moments of train.
        hidden: Bool ``[b, t]``: masked positions.
        objective: As above.
    """
    if not bool(hidden.any()):
        return predicted.sum() * 0.0
    p, x = predicted[hidden].float(), target[hidden]
    if objective == "regression":
        return F.mse_loss(p, x)
    return F.kl_div(p.log_softmax(-1), x.log_softmax(-1), reduction="batchmean", log_target=True)
