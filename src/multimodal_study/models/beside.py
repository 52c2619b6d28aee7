"""What is not aligned, fused late with what is: origins that a contrastive space leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from multimodal_study.contract import Modality
from multimodal_study.data.batches import Batch
from multimodal_study.errors import InputError
from multimodal_study.models.config import FusionConfig
from multimodal_study.models.encoders import ModalityEncoders


class Beside(nn.Module):
    """A hidden layer over aligned embeddings and the encodings of other origins' modalities.

    Args:
        config: Dropout; its other fields are those of the space.
        modalities: Of the other origins.
        aligned: Width of the embeddings.
        width: Of each modality's encoding and of the hidden layer.
    """

    def __init__(
        self, config: FusionConfig, modalities: dict[str, Modality], aligned: int, width: int
    ) -> None:
        super().__init__()
        self.width = width
        self.encoders = ModalityEncoders(replace(config, embed_dim=width), modalities)
        self.network = nn.Sequential(
            nn.Linear(aligned + width * len(modalities), width),
            nn.GELU(),
            nn.Dropout(config.dropout),
        )

    def start(self, batches: list[Batch]) -> None:
        """Scale the inputs with the moments of the training rows."""
        self.encoders.start(batches)

    def forward(self, aligned: Tensor, batch: Batch) -> Tensor:
        """Aligned embeddings ``[b, a]`` and a batch to ``[b, width]``."""
        hidden: Tensor = self.network(torch.cat([aligned, *self.encoders(batch).values()], dim=1))
        return hidden


def of_origins(
    modalities: Mapping[str, Modality], origins: list[str], pair: list[str]
) -> dict[str, Modality]:
    """The modalities of ``origins``.

    Raises:
        InputError: An origin is aligned already, or there is none of this name.
    """
    for origin in origins:
        if origin in pair or all(item.origin != origin for item in modalities.values()):
            there = sorted({item.origin for item in modalities.values()} - set(pair))
            raise InputError(
                f"clip.beside names {origin!r}, expected origins outside of the pair: {there}"
            )
    return {name: item for name, item in modalities.items() if item.origin in origins}
