"""Intermediate fusion: the modalities meet inside the network, at a chosen depth.

Each modality is encoded and passes ``depth`` layers of its own; then, by ``fusion``:

- ``gated``: ``h = sum_m s_m * tanh(W_m h_m)``, ``s_m = sigmoid(V_m [h_1; ...; h_m])``, the gated
  multimodal unit (Arevalo et al. 2017), a gate per modality and dimension
- ``film``: ``h = (1 + gamma) * h_1 + beta``, ``[gamma; beta] = W [h_2; ...; h_m]``: the other
  modalities scale and shift the first (Perez et al. 2018); with one modality it is the identity
- ``low_rank``: ``h = sum_r prod_m W_m^r [h_m; 1]``, a tensor product of all modalities in ``rank``
  terms (Liu et al. 2018)

Then one hidden layer and the head. Our deviation: a residual path, the mean of the encodings, runs
beside the fusion, without which the products of ``low_rank`` start slowly on small data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from multimodal_study.contract import Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.models.base import FusionModule
from multimodal_study.models.config import FusionConfig, check, check_choice
from multimodal_study.models.encoders import ModalityEncoders, by_origin
from multimodal_study.models.heads import make_head

Fusion = Literal["gated", "film", "low_rank"]


@dataclass(frozen=True)
class Config(FusionConfig):
    """Parameters of intermediate fusion."""

    fusion: Fusion = "gated"
    depth: int = 0
    """Layers of its own that each modality passes between its encoder and the fusion."""
    rank: int = 4
    """Terms of ``low_rank``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("fusion", self.fusion, ("gated", "film", "low_rank"))
        check("depth", self.depth, 0, 16)
        check("rank", self.rank, 1, 1024)


class GatedUnit(nn.Module):
    """Gated multimodal unit over ``m`` encodings ``[b, m, d]``."""

    def __init__(self, m: int, d: int) -> None:
        super().__init__()
        self.transform = nn.ModuleList([nn.Linear(d, d) for _ in range(m)])
        self.gate = nn.Linear(m * d, m * d)

    def forward(self, h: Tensor) -> Tensor:
        """Fused ``[b, d]``."""
        gates = torch.sigmoid(self.gate(h.flatten(1))).view_as(h)
        values = torch.stack([layer(h[:, m]) for m, layer in enumerate(self.transform)], dim=1)
        return (gates * torch.tanh(values)).sum(1)


class FeatureModulation(nn.Module):
    """FiLM: all encodings but the first scale and shift the first."""

    def __init__(self, m: int, d: int) -> None:
        super().__init__()
        self.modulate = nn.Linear((m - 1) * d, 2 * d) if m > 1 else None
        if self.modulate is not None:
            nn.init.zeros_(self.modulate.weight)
            nn.init.zeros_(self.modulate.bias)

    def forward(self, h: Tensor) -> Tensor:
        """Fused ``[b, d]``."""
        if self.modulate is None:
            return h[:, 0]
        gamma: Tensor
        beta: Tensor
        gamma, beta = self.modulate(h[:, 1:].flatten(1)).chunk(2, dim=1)
        return (1 + gamma) * h[:, 0] + beta


class LowRankTensor(nn.Module):
    """Low-rank multimodal fusion: ``sum_r prod_m W_m^r [h_m; 1]``."""

    def __init__(self, m: int, d: int, rank: int) -> None:
        super().__init__()
        self.factors = nn.ModuleList([nn.Linear(d, rank * d) for _ in range(m)])
        for factor in self.factors:
            # Factors start near 1, so that the product starts near the identity, not near 0.
            nn.init.ones_(factor.bias)  # type: ignore[arg-type]
        self.rank = rank

    def forward(self, h: Tensor) -> Tensor:
        """Fused ``[b, d]``."""
        product = torch.stack([factor(h[:, m]) for m, factor in enumerate(self.factors)]).prod(0)
        return product.view(len(h), self.rank, -1).mean(1)


class IntermediateFusion(FusionModule):
    """Modalities that meet inside the network."""

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        d, m = config.embed_dim, len(modalities)
        self.encoders = ModalityEncoders(config, modalities)
        self.own = nn.ModuleDict({name: _layers(config.depth, d, config) for name in modalities})
        self.fuse: nn.Module
        if config.fusion == "gated":
            self.fuse = GatedUnit(m, d)
        elif config.fusion == "film":
            self.fuse = FeatureModulation(m, d)
        else:
            self.fuse = LowRankTensor(m, d, config.rank)
        self.after = _layers(1, d, config)
        self.head = make_head(task, d)

    def start(self, batches: list[Batch]) -> None:
        """Class weights, moments of the inputs, and the head's prior."""
        super().start(batches)
        self.encoders.start(batches)
        self.head.start(torch.cat([batch.target for batch in batches]))

    def joint(self, batch: Batch) -> Tensor:
        """The representation after the fusion ``[b, d]``."""
        encoded = self.encoders(batch)
        h = torch.stack([self.own[name](value) for name, value in encoded.items()], dim=1)
        fused = self.fuse(h) + h.mean(1)
        joint: Tensor = fused + self.after(fused)
        return joint

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Origin to the encodings of its modalities side by side ``[b, k d]``; no shared space."""
        return by_origin(self.encoders(batch), self.modalities)

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[b, c]``."""
        logits: Tensor = self.head(self.joint(batch))
        return logits


def _layers(count: int, d: int, config: Config) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(count):
        layers += [nn.Linear(d, d), nn.GELU(), nn.Dropout(config.dropout)]
    return nn.Sequential(*layers)
