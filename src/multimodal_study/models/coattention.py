"""Co-attention: two sequences, each of which reads the other.

With text ``T`` ``[b, t, d]``, picture ``V`` ``[b, r, d]`` and

``A(Q, K) = softmax(Q W_q (K W_k)' / sqrt(d / h)) K W_v W_o`` over ``h`` heads,

a co-attention block is (Lu et al. 2019, section 2.2 and figure 2b: the keys and values of either
stream go to the attention of the other)

``T' = T + A_t(T, V)``, ``V' = V + A_v(V, T)``, both from the same ``T`` and ``V``; then in each
stream ``X'' = X' + A(X', X')`` and ``X''' = X'' + W_2 gelu(W_1 X'')``.

Where layer normalisation stands is ``norm``: ``post``, after every sum (BERT, ViLBERT, LXMERT), or
``pre``, before every sublayer and once at the end (Xiong et al. 2020). Our deviation from ViLBERT:
no feed-forward layer between co-attention and self-attention, as in LXMERT (Tan & Bansal 2019),
which costs a third less; and no dropout of attention weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["pre", "post"]


@dataclass(frozen=True)
class Shape:
    """What a body of transformer blocks looks like."""

    width: int
    """Width ``d`` of every position."""
    heads: int
    hidden: int
    """Width inside the feed-forward layers."""
    text_depth: int
    """Self-attention blocks of the text before it meets the picture."""
    image_depth: int
    coattention_depth: int
    norm: Norm
    dropout: float
    epsilon: float = 1e-5
    """Added to the variance by layer normalisation."""
    single_depth: int | None = None
    """Blocks of the single stream; None: as many as make its parameters most alike."""


class Attention(nn.Module):
    """``A(Q, K)`` above: ``[b, q, d]`` and ``[b, k, d]`` to ``[b, q, d]``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(
        self, x: Tensor, context: Tensor, used: Tensor, record: list[Tensor] | None = None
    ) -> Tensor:
        """Attend.

        Args:
            x: Positions that ask.
            context: Positions that are read.
            used: Bool ``[b, k]``: positions of ``context`` that are there; at least one per row.
            record: Takes the weights ``[b, heads, q, k]``, which are made only if it is given.
        """
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(x), self.key(context), self.value(context))
        )
        mask = used[:, None, None, :]
        if record is None:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
            weights = scores.masked_fill(~mask, -torch.inf).softmax(-1)
            record.append(weights)
            mixed = weights @ v
        attended: Tensor = self.output(mixed.transpose(1, 2).flatten(-2))
        return attended


class Residual(nn.Module):
    """The sum around a sublayer, with its dropout and normalisation."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.pre = shape.norm == "pre"
        self.norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.dropout = nn.Dropout(shape.dropout)

    def before(self, x: Tensor) -> Tensor:
        """What the sublayer reads."""
        normed: Tensor = self.norm(x) if self.pre else x
        return normed

    def after(self, x: Tensor, change: Tensor) -> Tensor:
        """The sum of ``x`` and what the sublayer made."""
        total = x + self.dropout(change)
        normed: Tensor = total if self.pre else self.norm(total)
        return normed


class SelfBlock(nn.Module):
    """Self-attention and feed-forward: ``[b, s, d]`` to the same."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = Attention(shape.width, shape.heads)
        self.attended = Residual(shape)
        self.feed_forward = nn.Sequential(
            nn.Linear(shape.width, shape.hidden), nn.GELU(), nn.Linear(shape.hidden, shape.width)
        )
        self.fed = Residual(shape)

    def forward(
        self,
        x: Tensor,
        used: Tensor,
        *,
        positions: int | None = None,
        record: list[Tensor] | None = None,
    ) -> Tensor:
        """Run the block; with ``positions``, for that many first ones alone (others are read)."""
        read = self.attended.before(x)
        x = self.attended.after(
            x[:, :positions], self.attention(read[:, :positions], read, used, record)
        )
        return self.fed.after(x, self.feed_forward(self.fed.before(x)))


class CoAttentionBlock(nn.Module):
    """Both streams read each other, then each itself."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.text_reads = Attention(shape.width, shape.heads)
        self.image_reads = Attention(shape.width, shape.heads)
        self.text_sum = Residual(shape)
        self.image_sum = Residual(shape)
        self.text = SelfBlock(shape)
        self.image = SelfBlock(shape)

    def forward(
        self,
        text: Tensor,
        text_used: Tensor,
        image: Tensor,
        image_used: Tensor,
        *,
        positions: int | None = None,
        record: tuple[list[Tensor], list[Tensor]] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run the block.

        Args:
            text: ``[b, t, d]``.
            text_used: Bool ``[b, t]``.
            image: ``[b, r, d]``.
            image_used: Bool ``[b, r]``.
            positions: Give only that many first positions of each stream back.
            record: Take the weights of text to image ``[b, heads, t, r]`` and image to text.
        """
        to_image, to_text = record or (None, None)
        t, v = self.text_sum.before(text), self.image_sum.before(image)
        text = self.text_sum.after(text, self.text_reads(t, v, image_used, to_image))
        image = self.image_sum.after(image, self.image_reads(v, t, text_used, to_text))
        return (
            self.text(text, text_used, positions=positions),
            self.image(image, image_used, positions=positions),
        )


def final_norm(shape: Shape) -> nn.Module:
    """The normalisation that ends a ``pre`` stack; a ``post`` stack has had its own."""
    if shape.norm == "post":
        return nn.Identity()
    return nn.LayerNorm(shape.width, eps=shape.epsilon)
