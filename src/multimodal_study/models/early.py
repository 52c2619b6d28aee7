"""Early fusion: encode, concatenate, one network.

``logits = head(MLP([E_1(x_1); ...; E_m(x_m)]))``

The baseline of the field (Baltrusaitis et al. 2019, section 6). Our deviation from raw-feature
concatenation: each modality passes one encoder first, so that the thousands of words do not
outweigh the other columns by number alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from multimodal_study.contract import Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.models.base import FusionModule
from multimodal_study.models.config import FusionConfig, check
from multimodal_study.models.encoders import ModalityEncoders, by_origin
from multimodal_study.models.heads import make_head


@dataclass(frozen=True)
class Config(FusionConfig):
    """Parameters of early fusion."""

    hidden: int = 1
    """Hidden layers after the concatenation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check("hidden", self.hidden, 0, 16)


class EarlyFusion(FusionModule):
    """One network over the concatenated encodings."""

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        self.encoders = ModalityEncoders(config, modalities)
        width = config.embed_dim * len(modalities)
        layers: list[nn.Module] = []
        for _ in range(config.hidden):
            layers += [nn.Linear(width, config.embed_dim), nn.GELU(), nn.Dropout(config.dropout)]
            width = config.embed_dim
        self.network = nn.Sequential(*layers)
        self.head = make_head(task, width)

    def start(self, batches: list[Batch]) -> None:
        """Class weights, moments of the inputs, and the head's prior."""
        super().start(batches)
        self.encoders.start(batches)
        self.head.start(torch.cat([batch.target for batch in batches]))

    def joint(self, batch: Batch) -> Tensor:
        """The last hidden layer ``[b, d]``."""
        encoded = self.encoders(batch)
        hidden: Tensor = self.network(torch.cat(list(encoded.values()), dim=1))
        return hidden

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Origin to the encodings of its modalities side by side ``[b, k d]``; no shared space."""
        return by_origin(self.encoders(batch), self.modalities)

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[b, c]``."""
        logits: Tensor = self.head(self.joint(batch))
        return logits
