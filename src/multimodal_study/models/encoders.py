"""The encoders of all modalities of a fusion network, one each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from multimodal_study.contract import Modality
from multimodal_study.data.batches import Batch
from multimodal_study.models.config import FusionConfig
from multimodal_study.models.image_network import PixelsProjection
from multimodal_study.models.layers import Encoder


class ModalityEncoders(nn.Module):
    """Modality to ``[b, d]``, the same kind of encoder in every fusion paradigm."""

    def __init__(self, config: FusionConfig, modalities: dict[str, Modality]) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {
                name: Encoder(
                    item,
                    config.embed_dim,
                    dropout=config.dropout,
                    input_dropout=config.words_dropout if item.kind == "words" else config.dropout,
                    modality_dropout=config.modality_dropout,
                    project=_network(config) if item.kind == "pixels" else None,
                )
                for name, item in modalities.items()
            }
        )

    def start(self, batches: list[Batch]) -> None:
        """Scale the inputs with the moments of the training rows."""
        for name, encoder in self.encoders.items():
            project: Any = cast(Encoder, encoder).project
            project.start([_present(name, batch) for batch in batches])

    def condense(self, batch: Batch) -> Batch:
        """``batch`` with pooled vectors in place of pixels: all that :meth:`start` needs."""
        inputs = dict(batch.inputs)
        for name, encoder in self.encoders.items():
            project = cast(Encoder, encoder).project
            if isinstance(project, PixelsProjection):
                inputs[name] = project.pool(inputs[name])
        return replace(batch, inputs=inputs)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Every modality's encoding."""
        return {
            name: encoder(batch.inputs[name], batch.present[name])
            for name, encoder in self.encoders.items()
        }


def _network(config: FusionConfig) -> PixelsProjection:
    return PixelsProjection(config.embed_dim, config.dropout, config.pixels)


def by_origin(encoded: dict[str, Tensor], modalities: dict[str, Modality]) -> dict[str, Tensor]:
    """Origin to the encodings of its modalities side by side, ``[b, k d]``."""
    origins = dict.fromkeys(modalities[name].origin for name in encoded)
    return {
        origin: torch.cat([h for n, h in encoded.items() if modalities[n].origin == origin], dim=1)
        for origin in origins
    }


def _present(name: str, batch: Batch) -> Tensor:
    """Rows that have the modality; a missing bag of words has no entries to leave out."""
    rows = batch.inputs[name]
    return rows if rows.layout == torch.sparse_csr else rows[batch.present[name]]
