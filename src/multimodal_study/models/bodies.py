"""What stands between inputs and heads: two streams that meet late, or one that never parts.

Either body answers the same: :meth:`carry` what a side can do before it knows its partner,
:meth:`alone` what it knows by itself, :meth:`together` what both know of the pair.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from multimodal_study.models.coattention import CoAttentionBlock, SelfBlock, Shape, final_norm

Side = Literal["text", "image"]
SIDES: tuple[Side, Side] = ("text", "image")


class Sequence(NamedTuple):
    """Positions of one side; the first is the side's own learnt token."""

    states: Tensor
    """``[b, s, d]``."""
    used: Tensor
    """Bool ``[b, s]``."""

    def take(self, rows: Tensor) -> Sequence:
        """The rows ``rows``, int64 ``[k]``."""
        return Sequence(self.states[rows], self.used[rows])


class Recorder(NamedTuple):
    """Attention weights, a tensor ``[b, heads, q, k]`` per layer."""

    text_to_image: list[Tensor]
    image_to_text: list[Tensor]


class TwoStreams(nn.Module):
    """ViLBERT: self-attention in each stream, then co-attention blocks."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        depths = {"text": shape.text_depth, "image": shape.image_depth}
        self.streams = nn.ModuleDict(
            {
                side: nn.ModuleList([SelfBlock(shape) for _ in range(depth)])
                for side, depth in depths.items()
            }
        )
        self.alone_norms = nn.ModuleDict({side: final_norm(shape) for side in SIDES})
        self.coattention = nn.ModuleList(
            [CoAttentionBlock(shape) for _ in range(shape.coattention_depth)]
        )
        self.norms = nn.ModuleDict({side: final_norm(shape) for side in SIDES})

    def carry(self, side: Side, sequence: Sequence) -> Sequence:
        """The side through its own blocks."""
        states, used = sequence
        for block in self.streams[side]:  # type: ignore[attr-defined]
            states = block(states, used)
        return Sequence(states, used)

    def alone(self, side: Side, carried: Sequence) -> Tensor:
        """States ``[b, s, d]`` that saw nothing of the other side."""
        states: Tensor = self.alone_norms[side](carried.states)
        return states

    def together(
        self,
        text: Sequence,
        image: Sequence,
        *,
        positions: int | None = None,
        record: Recorder | None = None,
    ) -> tuple[Tensor, Tensor]:
        """States of both sides, ``[b, t, d]`` and ``[b, r, d]``, that saw each other.

        Args:
            text: The text, carried.
            image: The picture, carried.
            positions: Only that many first positions of each side; None: all.
            record: Takes the weights of every co-attention layer.
        """
        t, v = text.states, image.states
        last = len(self.coattention) - 1
        for number, block in enumerate(self.coattention):
            cut = positions if number == last else None
            lists = (record.text_to_image, record.image_to_text) if record else None
            t, v = block(t, text.used, v, image.used, positions=cut, record=lists)
        return self.norms["text"](t[:, :positions]), self.norms["image"](v[:, :positions])


class SingleStream(nn.Module):
    """The control: one transformer over both sides (UNITER, Chen et al. 2020; ViLT, Kim et al.).

    Every block attends over all positions, with the same weights for both sides and a learnt
    vector that tells the sides apart. ``depth`` blocks make about as many parameters as the two
    streams of the same shape have.
    """

    def __init__(self, shape: Shape, depth: int) -> None:
        super().__init__()
        self.segment = nn.ParameterDict(
            {side: nn.Parameter(torch.randn(shape.width) * 0.02) for side in SIDES}
        )
        self.blocks = nn.ModuleList([SelfBlock(shape) for _ in range(depth)])
        self.norm = final_norm(shape)

    def carry(self, side: Side, sequence: Sequence) -> Sequence:
        """The side, marked as what it is."""
        return Sequence(sequence.states + self.segment[side], sequence.used)

    def alone(self, side: Side, carried: Sequence) -> Tensor:
        """States ``[b, s, d]`` of the same transformer over this side only."""
        states = carried.states
        for block in self.blocks:
            states = block(states, carried.used)
        normed: Tensor = self.norm(states)
        return normed

    def together(
        self,
        text: Sequence,
        image: Sequence,
        *,
        positions: int | None = None,
        record: Recorder | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`TwoStreams.together`; recorded rows are parts of rows over both sides."""
        states = torch.cat([text.states, image.states], dim=1)
        used = torch.cat([text.used, image.used], dim=1)
        border = text.states.shape[1]
        for block in self.blocks:
            weights: list[Tensor] | None = None if record is None else []
            states = block(states, used, record=weights)
            if record is not None and weights:
                record.text_to_image.append(weights[0][:, :, :border, border:])
                record.image_to_text.append(weights[0][:, :, border:, :border])
        states = self.norm(states)
        return states[:, :border][:, :positions], states[:, border:][:, :positions]


Body = TwoStreams | SingleStream


def make_body(shape: Shape, *, single_stream: bool) -> Body:
    """The body of ``shape``; the single stream as deep as makes its parameters most alike."""
    if not single_stream:
        return TwoStreams(shape)
    if shape.single_depth is not None:
        return SingleStream(shape, shape.single_depth)
    attention, feed_forward = 4 * shape.width, 2 * shape.hidden
    one = attention + feed_forward
    own = (shape.text_depth + shape.image_depth) * one
    both = 2 * shape.coattention_depth * (attention + one)
    return SingleStream(shape, max(1, round((own + both) / one)))
