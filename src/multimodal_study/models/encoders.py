"""The encoders of all modalities of a fusion network, one each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from multimodal_study.contract import Modality
from multimodal_study.data.batches import Batch
from multimodal_study.models.base import FusionConfig
from multimodal_study.models.layers import Encoder, MaskedInput


class ModalityEncoders(nn.Module):
    """Modality to ``[b, d]``, the same kind of encoder in every fusion paradigm."""

    def __init__(self, config: FusionConfig, modalities: dict[str, Modality]) -> None:
        super().__init__()
        self.inputs = nn.ModuleDict(
            {name: MaskedInput(item, config.modality_dropout) for name, item in modalities.items()}
        )
        self.encoders = nn.ModuleDict(
            {
                name: Encoder(
                    item,
                    config.embed_dim,
                    dropout=config.dropout,
                    input_dropout=config.words_dropout if item.kind == "words" else config.dropout,
                )
                for name, item in modalities.items()
            }
        )

    def start(self, batches: list[Batch]) -> None:
        """Scale the inputs with the moments of the training rows."""
        for name, entry in self.inputs.items():
            assert isinstance(entry, MaskedInput)  # noqa: S101  # for the type checker
            entry.start(torch.cat([batch.inputs[name][batch.present[name]] for batch in batches]))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Every modality's encoding."""
        return {
            name: encoder(self.inputs[name](batch.inputs[name], batch.present[name]))
            for name, encoder in self.encoders.items()
        }
