"""The bodies of ``clip``: what makes both sides' embeddings, with or without learning.

A body gives, for some rows of a batch, a tensor ``[b, k, d]`` of length-1 embeddings per side:
``k`` members that are compared one by one in training and side by side afterwards, each with its
share of the cosine. The first ``members`` of them learn by steps.
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import SEQUENCES, Modality
from multimodal_study.data.batches import Batch
from multimodal_study.encoders.clip_views import IMAGE, PIXELS, TEXT, TOKEN_IDS, load_clip, moments
from multimodal_study.errors import InputError
from multimodal_study.models.canonical import Canonical
from multimodal_study.models.clip_config import Config
from multimodal_study.models.towers import Tower, rows_of, summary

Sides = tuple[Tensor, Tensor]


class Body(Protocol):
    """What ``clip`` asks of a body."""

    members: int
    width: int
    shares: list[float]

    def start(self, batches: list[Batch]) -> None:
        """See the training rows once."""

    def __call__(self, batch: Batch, rows: slice) -> Sides:
        """Embeddings ``[b, k, d]`` of both sides."""

    def texts(self, vectors: Tensor) -> Tensor:
        """Text embeddings ``[p, k, d]`` of encoded prompts ``[p, width]``."""


class Towers(nn.Module):
    """Towers that learn, over frozen features, and a linear member in closed form."""

    def __init__(self, config: Config, sides: tuple[dict[str, Modality], ...]) -> None:
        super().__init__()
        self.members, self.width = config.members, config.embed_dim
        for side in sides:
            pixels = [name for name, item in side.items() if item.kind == "pixels"]
            if pixels:
                raise InputError(
                    f"clip.mode {config.mode} has towers over vectors and sequences, not {pixels}; "
                    "set encoders.image.trainable to false, or clip.mode to full with a clip.model"
                )
        self.linear: Canonical | None = None
        self.shares = [(1 - config.linear_weight) / config.members] * config.members
        if config.linear_weight:
            self.shares.append(config.linear_weight)
            self.linear = Canonical(sides, self.width, config.regularisation, config.power)
        self.spoken = sides[1]
        self.heads = config.heads
        self.sides = nn.ModuleList(
            nn.ModuleList(
                Tower(
                    side,
                    hidden=config.hidden,
                    d=config.embed_dim,
                    depth=config.depth,
                    heads=config.heads,
                    dropout=config.dropout,
                    input_dropout=config.input_dropout,
                    words_dropout=config.words_dropout,
                    modality_dropout=config.modality_dropout,
                )
                for _ in range(config.members)
            )
            for side in sides
        )

    def start(self, batches: list[Batch]) -> None:
        """The linear member; moments of the inputs, which the towers share."""
        if self.linear is not None:
            self.linear.start(batches)
        for side in self.sides:
            first, *rest = cast(nn.ModuleList, side)
            cast(Tower, first).start(batches)
            moments_ = dict(first.named_buffers())
            for other in rest:
                for name, buffer in other.named_buffers():
                    buffer.copy_(moments_[name])

    def forward(self, batch: Batch, rows: slice) -> Sides:
        """Embeddings ``[b, k, d]`` of both sides."""
        asked = self.linear is not None or not self.heads
        known = {name: summary(batch, name, rows) for name in batch.lengths if asked}
        found = [
            [tower(batch, rows, known) for tower in cast(nn.ModuleList, side)]
            for side in self.sides
        ]
        if self.linear is not None:
            for side, own in zip(found, self.linear(batch, rows, known), strict=True):
                side.append(own)
        return torch.stack(found[0], dim=1), torch.stack(found[1], dim=1)

    def texts(self, vectors: Tensor) -> Tensor:
        """Prompts ``[p, k, d]``, of which nothing but the sentence vector is known."""
        towers = cast(nn.ModuleList, self.sides[1])
        n = len(vectors)
        absent = torch.zeros(n, dtype=torch.bool, device=vectors.device)
        inputs, present, lengths = {}, {}, {}
        for name, item in self.spoken.items():
            known = name == "text"
            blank = (n, 1, item.width) if item.kind in SEQUENCES else (n, item.width)
            inputs[name] = vectors if known else vectors.new_zeros(blank)
            present[name] = ~absent if known else absent
            if item.kind in SEQUENCES:
                lengths[name] = torch.zeros(n, dtype=torch.int64, device=vectors.device)
        rows = torch.arange(n, device=vectors.device)
        batch = Batch(inputs, present, rows, rows, lengths)
        found = [tower(batch, slice(0, n), {}) for tower in towers]
        if self.linear is not None:
            found.append(self.linear.texts(vectors))
        return torch.stack(found, dim=1)


class Aligned(nn.Module):
    """Embeddings of a pretrained CLIP as they are: nothing learns."""

    def __init__(self, names: tuple[str, str], width: int) -> None:
        super().__init__()
        self.members, self.shares = 1, [1.0]
        self.names, self.width = names, width

    def start(self, batches: list[Batch]) -> None:
        """Nothing to see."""

    def forward(self, batch: Batch, rows: slice) -> Sides:
        """Embeddings ``[b, 1, d]`` of both sides."""
        a, b = (F.normalize(batch.inputs[name][rows], dim=1)[:, None] for name in self.names)
        return a, b

    def texts(self, vectors: Tensor) -> Tensor:
        """Prompts ``[p, 1, d]``: the vectors are embeddings already."""
        return F.normalize(vectors, dim=1)[:, None]


class Pretrained(nn.Module):
    """A whole ``CLIPModel`` that is fine-tuned, from pixels and token ids."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.members, self.shares = 1, [1.0]
        self.model = load_clip(folder)
        self.width = int(self.model.config.projection_dim)
        mean, deviation = moments(folder)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1))

    def start(self, batches: list[Batch]) -> None:
        """Nothing to see."""

    def forward(self, batch: Batch, rows: slice) -> Sides:
        """Embeddings ``[b, 1, d]`` of both sides."""
        pixels = batch.inputs[PIXELS][rows].permute(0, 3, 1, 2).float() / 255
        pixels = (pixels - self.get_buffer("mean")) / self.get_buffer("deviation")
        images = self.model.get_image_features(pixel_values=pixels).pooler_output
        ids = rows_of(batch.inputs[TOKEN_IDS], rows)[..., 0].long()
        # A row without a text has no token in use; its pair is left out of the loss.
        lengths = batch.lengths[TOKEN_IDS][rows].clamp_min(1)
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        texts = self.model.get_text_features(input_ids=ids, attention_mask=mask).pooler_output
        return F.normalize(images, dim=1)[:, None], F.normalize(texts, dim=1)[:, None]

    def texts(self, vectors: Tensor) -> Tensor:
        """Not asked: ``full`` classifies by its probe."""
        raise NotImplementedError


def sides_of(config: Config, modalities: dict[str, Modality]) -> tuple[dict[str, Modality], ...]:
    """Modalities of each of the two origins.

    Raises:
        InputError: One of them has none.
    """
    sides = tuple(
        {name: item for name, item in modalities.items() if item.origin == origin}
        for origin in config.pair
    )
    if not all(sides):
        found = sorted({item.origin for item in modalities.values()})
        raise InputError(
            f"clip.pair is {config.pair}, but the modalities come from {found}; set clip.pair (or "
            "<dataset>.overrides.clip.pair) to two of them that describe the same thing"
        )
    return sides


def make_body(config: Config, modalities: dict[str, Modality]) -> Body:
    """The body that ``config.mode`` and ``config.model`` ask for."""
    sides = sides_of(config, modalities)
    if config.mode == "full":
        return Pretrained(cast(str, config.model))
    if config.model is not None and config.mode != "heads":
        return Aligned((IMAGE, TEXT), modalities[IMAGE].width)
    return Towers(config, sides)
