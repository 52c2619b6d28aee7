"""ViLBERT: a text stream and a picture stream that read each other.

Text tokens and picture cells are frozen states of their encoders. Each stream has its own
self-attention blocks, then co-attention blocks join them (``models.coattention``, Lu et al. 2019).
With ``h_t`` and ``h_v`` the last states of the two learnt tokens ``[CLS]`` and ``[IMG]``, the pair
is ``f = h_t * h_v`` (ViLBERT, section 3.1), or ``[h_t; h_v; h_t * h_v]`` with ``fusion:
concatenate``. Trained is

``L = w L_task(W f) + w_c L_contrastive + w_m L_matching + w_t L_tokens + w_r L_regions``

- ``L_contrastive``: InfoNCE of unimodal embeddings ``z`` before the streams meet (ALBEF, Li et al.
  2021); ``z = norm(W [h_0; mean_s h_s])`` of a stream alone, the temperature learnt and clamped
- ``L_matching``: does this text describe this picture? Binary, ``m(t, v) = w f + a z_t z_v + c``,
  against pictures and texts of the same batch that are no duplicates, drawn by how alike they seem
- ``L_tokens``, ``L_regions``: what stood at masked positions (``alignment.masked_loss``)

Our deviations: states in place of word ids and detected boxes; the positions of words are in the
states already; the similarity of the unimodal embeddings is part of the matching score, so that the
fused network learns only what the streams alone cannot tell.
"""

from __future__ import annotations

import math
from typing import ClassVar, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import SEQUENCES, Kind, Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.models.alignment import (
    contrastive_loss,
    draw_wrong_pairs,
    duplicates,
    masked_loss,
    matching_loss,
)
from multimodal_study.models.base import Capability, FusionModule, Parts
from multimodal_study.models.bodies import SIDES, Recorder, Sequence, Side, make_body
from multimodal_study.models.checkpoint import copy_checkpoint, read_shape
from multimodal_study.models.heads import make_head
from multimodal_study.models.stream_inputs import (
    StreamInputs,
    divide,
    draw_hidden,
    side_by_side,
    trim,
)
from multimodal_study.models.vilbert_config import Config

__all__ = ["Config", "Vilbert"]

FIRST_SCALE = math.log(25.0)
"""Logarithm of the first inverse temperature: that of Radford et al., 14, is learnt away from too
slowly in some hundred steps."""
LARGEST_SCALE = math.log(100.0)
"""Logarithm of the largest inverse temperature (Radford et al. 2021, section 2.5)."""


class Vilbert(FusionModule):
    """Two streams with co-attention, or their single-stream control."""

    reads: ClassVar[frozenset[Kind]] = frozenset(get_args(Kind)) - {"pixels"}
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {"missing_modality", "attention", "retrieval", "matching"}
    )
    config: Config

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        shape = config.shape
        if config.pretrained is not None:
            shape = read_shape(config.pretrained, config.shape, single=config.single_stream)
        self.width = d = shape.width
        self.division = divide(modalities)
        self.inputs = nn.ModuleDict(
            {side: self._reader(self.division.own[side], d, token=True) for side in SIDES}
        )
        further = self.division.further
        self.further = self._reader(further, d, token=False) if further else None
        self.body = make_body(shape, single_stream=config.single_stream)
        self.shared = nn.ModuleDict({side: nn.Linear(2 * d, d) for side in SIDES})
        self.log_scale = nn.Parameter(torch.tensor(FIRST_SCALE))
        fused = d if config.fusion == "product" else 3 * d
        self.dropout = nn.Dropout(config.dropout)
        self.head = make_head(task, fused)
        self.matcher = nn.Linear(fused, 1)
        self.similarity = nn.Parameter(torch.ones(1))
        weights = {"tokens": config.masked_tokens, "regions": config.masked_regions}
        self.masked = {
            name: weights[item.kind]
            for own in self.division.own.values()
            for name, item in own.items()
            if item.kind in SEQUENCES and weights[item.kind] > 0
        }
        self.decoders = nn.ModuleDict(
            {name: nn.Linear(d, modalities[name].width) for name in self.masked}
        )

    def _reader(self, modalities: dict[str, Modality], d: int, *, token: bool) -> StreamInputs:
        return StreamInputs(
            modalities,
            d,
            dropout=self.config.input_dropout,
            words_dropout=self.config.words_dropout,
            modality_dropout=self.config.modality_dropout,
            columns=self.config.region_columns,
            token=token,
        )

    def start(self, batches: list[Batch]) -> None:
        """Class weights, moments of the inputs, the head's prior, and the checkpoint's weights."""
        super().start(batches)
        for reader in [*self.inputs.values(), *([self.further] if self.further else [])]:
            reader.start(batches)  # type: ignore[operator]
        self.head.start(torch.cat([batch.target for batch in batches]))
        if self.config.pretrained is not None:
            copy_checkpoint(self.config.pretrained, self.body)

    def joint(self, batch: Batch) -> Tensor:
        """The fused pair ``f`` ``[b, d]`` (``[b, 3 d]``) that the heads read."""
        batch = trim(batch)
        carried = self._carry(batch)
        return self._fuse(*self._meet(self._whole_text(batch, carried), carried["image"]))

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[b, c]``, or predictions ``[b, 1]`` for a regression."""
        return self._read(self.joint(batch))

    def answer(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """``predict`` and ``joint`` in one pass."""
        joint = self.joint(batch)
        return self.probabilities(self._read(joint), batch), joint

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Origin to ``z`` ``[b, d]``, of length 1, in one space."""
        carried = self._carry(trim(batch))
        return {self.division.origins[side]: self._shared(side, carried[side]) for side in SIDES}

    @classmethod
    def abilities(cls, config: Config) -> frozenset[Capability]:
        """Without their losses there is no shared space, and no matching."""
        gone: set[Capability] = set()
        if not config.contrastive:
            gone.add("retrieval")
        if not config.matching:
            gone.add("matching")
        return cls.capabilities - gone

    @property
    def match_candidates(self) -> int:
        """``candidates``, where there is a matching loss to learn from."""
        return self.config.candidates if self.config.matching else 0

    def sides(self, batch: Batch) -> dict[str, Parts]:
        """Origin to states ``[b, s, d]``, used positions ``[b, s]`` and ``z`` ``[b, d]``."""
        carried = self._carry(batch)
        whole = {"text": self._whole_text(batch, carried), "image": carried["image"]}
        return {
            self.division.origins[side]: (*whole[side], self._shared(side, carried[side]))
            for side in SIDES
        }

    def match(self, sides: dict[str, Parts]) -> Tensor:
        """Matching logits ``m(t, v)`` ``[b]`` of texts and pictures that :meth:`sides` made."""
        text, image = (sides[self.division.origins[side]] for side in SIDES)
        fused = self._fuse(*self._meet(Sequence(*text[:2]), Sequence(*image[:2])))
        return self._match(fused, (text[2] * image[2]).sum(1))

    def attention(self, batch: Batch) -> dict[str, Tensor]:
        """Who reads what: ``text_to_image`` ``[b, layers, heads, t, r]`` and ``image_to_text``.

        Positions are those of :meth:`layout`. Rows of two streams sum to one over the used
        positions; those of the single stream are parts of rows that sum to one over both sides.
        """
        carried, record = self._carry(batch), Recorder([], [])
        self.body.together(self._whole_text(batch, carried), carried["image"], record=record)
        return {
            "text_to_image": torch.stack(record.text_to_image, dim=1),
            "image_to_text": torch.stack(record.image_to_text, dim=1),
        }

    def layout(self, batch: Batch) -> dict[str, dict[str, slice]]:
        """Side to modality to its positions in :meth:`attention`; ``token`` is the learnt one."""
        places: dict[str, dict[str, slice]] = {
            side: self.inputs[side].layout(batch)  # type: ignore[operator]
            for side in SIDES
        }
        if self.further is not None:
            begin = max(place.stop for place in places["text"].values())
            places["text"] |= {
                name: slice(begin + place.start, begin + place.stop)
                for name, place in self.further.layout(batch).items()
            }
        return places

    def loss(self, batch: Batch) -> Tensor:
        """The sum ``L`` above."""
        batch = trim(batch)
        hidden = {name: draw_hidden(name, batch, self.config.mask_rate) for name in self.masked}
        carried = self._carry(batch, hidden)
        text, image = self._whole_text(batch, carried), carried["image"]
        positions = None if hidden else 1
        states = self.body.together(text, image, positions=positions)
        fused = self._fuse(*(state[:, 0] for state in states))
        output = self._read(fused)
        total = self.config.task * self.output_loss(output, batch.target, batch.scored)
        total = total + self._alignment(batch, carried, text, fused)
        for side, own_states in zip(SIDES, states, strict=True):
            reader = self.inputs[side]
            for name in set(hidden) & set(self.division.own[side]):
                place = reader.layout(batch)[name]  # type: ignore[operator]
                target = reader.projections[name].standardise(batch.inputs[name])  # type: ignore
                predicted = self.decoders[name](own_states[:, place])
                objective = self.config.masked_objective
                total = total + self.masked[name] * masked_loss(
                    predicted, target, hidden[name], objective
                )
        return total

    def validation_loss(self, batch: Batch) -> Tensor:
        """The weighted plain task loss plus the weighted contrastive and matching losses (nats).

        Negatives are the most alike of the batch, so that two validations agree.
        """
        batch = trim(batch)
        carried = self._carry(batch)
        text = self._whole_text(batch, carried)
        fused = self._fuse(*self._meet(text, carried["image"]))
        task = self.plain_loss(self._read(fused), batch)
        return self.config.task * task + self._alignment(batch, carried, text, fused)

    def _alignment(
        self, batch: Batch, carried: dict[Side, Sequence], text: Sequence, fused: Tensor
    ) -> Tensor:
        """Weighted contrastive and matching loss of the rows that have a text and a picture."""
        config = self.config
        rows = torch.nonzero(self._has("text", batch) & self._has("image", batch))[:, 0]
        if not len(rows) or config.contrastive == config.matching == 0:
            return fused.new_zeros(())
        keys = [key[rows] for key in batch.keys.values()]
        same = duplicates(keys, len(rows), rows.device)
        shared = {side: self._shared(side, carried[side])[rows] for side in SIDES}
        cosine = shared["text"] @ shared["image"].T
        scores = cosine * self.log_scale.clamp_max(LARGEST_SCALE).exp()
        total = config.contrastive * contrastive_loss(scores, same)
        if config.matching:
            texts, pictures = draw_wrong_pairs(scores, same, config.negatives, sample=self.training)
            met = self._meet(text.take(rows[texts]), carried["image"].take(rows[pictures]))
            wrong = self._match(self._fuse(*met), cosine[texts, pictures])
            right = self._match(fused[rows], cosine.diagonal())
            total = total + config.matching * matching_loss(right, wrong)
        return total

    def _has(self, side: Side, batch: Batch) -> Tensor:
        """Rows that have at least one modality of the side: bool ``[b]``."""
        masks = [batch.present[name] for name in self.division.own[side]]
        none = torch.zeros(len(batch), dtype=torch.bool, device=batch.rows.device)
        return torch.stack([none, *masks]).any(0)

    def _carry(self, batch: Batch, hidden: dict[str, Tensor] | None = None) -> dict[Side, Sequence]:
        return {side: self.body.carry(side, self.inputs[side](batch, hidden)) for side in SIDES}

    def _whole_text(self, batch: Batch, carried: dict[Side, Sequence]) -> Sequence:
        """The text with the modalities of further origins behind it."""
        if self.further is None:
            return carried["text"]
        return side_by_side(carried["text"], self.further(batch))

    def _meet(self, text: Sequence, image: Sequence) -> tuple[Tensor, Tensor]:
        """Last states of ``[CLS]`` and ``[IMG]``, ``[b, d]`` each."""
        t, v = self.body.together(text, image, positions=1)
        return t[:, 0], v[:, 0]

    def _fuse(self, text: Tensor, image: Tensor) -> Tensor:
        if self.config.fusion == "product":
            return text * image
        return torch.cat([text, image, text * image], dim=1)

    def _read(self, fused: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(fused))
        return logits

    def _match(self, fused: Tensor, cosine: Tensor) -> Tensor:
        """Matching logits ``[b]`` of fused pairs and the cosine of their embeddings."""
        scale = self.log_scale.clamp_max(LARGEST_SCALE).exp()
        own: Tensor = self.matcher(self.dropout(fused))[:, 0]
        return own + self.similarity * scale * cosine

    def _shared(self, side: Side, carried: Sequence) -> Tensor:
        """The unimodal embedding ``z`` ``[b, d]``, of length 1."""
        states = self.body.alone(side, carried)
        used = carried.used[..., None]
        mean = (states * used).sum(1) / used.sum(1)
        return F.normalize(self.shared[side](torch.cat([states[:, 0], mean], dim=1)), dim=1)
