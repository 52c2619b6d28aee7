"""A pretrained image network that learns with the rest: pixels to a modality's representation.

``project(mean_cells(EfficientNet-Lite0(x)))``

The network starts from ImageNet and learns at a fraction of the paradigm's rate, so that what it
knows is bent rather than broken (discriminative rates, Howard & Ruder 2018). Its batch norms keep
ImageNet's statistics by default: those of small batches of one kind of picture are noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from multimodal_study.encoders.image_model import MEAN, SCALE, load_efficientnet
from multimodal_study.errors import InputError
from multimodal_study.models.layers import DenseProjection

BatchNorm = Literal["frozen", "batch"]
WIDTH = 1280
"""Length of the pooled vector of EfficientNet-Lite0."""
_FLOOR = 0.3
"""Smallest scale of an entry of the pooled vector, as a share of the root mean square of all."""
_TOGETHER = 32
"""Pictures whose activations are in memory at a time: about 2 GB at 160 pixels when learning."""


@dataclass(frozen=True)
class PixelsConfig:
    """How a network that reads pixels is fine-tuned."""

    learning_rate_factor: float = 0.1
    """Its learning rate as a multiple of the paradigm's."""
    batch_norm: BatchNorm = "frozen"
    """``frozen``: ImageNet's statistics; ``batch``: those of each batch, averaged for prediction.
    Scales and shifts learn in both."""

    def __post_init__(self) -> None:
        if not 0.0 < self.learning_rate_factor <= 10.0:  # noqa: PLR2004
            raise InputError(
                f"pixels.learning_rate_factor is {self.learning_rate_factor}, expected above 0 to "
                "10; for an image network that does not learn, set encoders.image.trainable=false"
            )
        if self.batch_norm not in {"frozen", "batch"}:
            raise InputError(
                f"pixels.batch_norm is {self.batch_norm!r}, expected 'frozen' or 'batch'"
            )


class ImageNetwork(nn.Module):
    """EfficientNet-Lite0 without its classifier: uint8 ``[b, h, w, 3]`` (or 1) to ``[b, d]``."""

    def __init__(self, config: PixelsConfig) -> None:
        super().__init__()
        self.learning_rate_factor = config.learning_rate_factor
        self.frozen_statistics = config.batch_norm == "frozen"
        self.network = load_efficientnet(None)
        # Weights that never get a gradient would be stored and counted as learnt.
        self.network._fc = nn.Identity()
        self.network.requires_grad_(requires_grad=True)

    def train(self, mode: bool = True) -> ImageNetwork:
        """Training mode, in which frozen batch norms stay as at prediction."""
        super().train(mode)
        if self.frozen_statistics:
            for part in self.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """Pooled vectors ``[b, d]``.

        Memory holds the activations of some pictures at a time: when learning, the others' are
        computed again on the way back (Chen et al. 2016), unless batch statistics need all at once.
        """
        if self.training and not self.frozen_statistics:
            return self._pool(pixels)
        parts = torch.split(pixels, _TOGETHER)
        again = torch.is_grad_enabled() and len(parts) > 1
        made = [
            checkpoint(self._pool, part, use_reentrant=False) if again else self._pool(part)
            for part in parts
        ]
        return torch.cat(made) if made else pixels.new_empty((0, WIDTH), dtype=torch.float32)

    def _pool(self, pixels: Tensor) -> Tensor:
        x = ((pixels.float() - MEAN) / SCALE).permute(0, 3, 1, 2)
        cells: Tensor = self.network.extract_features(x.expand(-1, 3, -1, -1))
        return cells.mean((2, 3))


class PixelsProjection(nn.Module):
    """Pixels to ``[b, d]``: the image network, then what a frozen encoder's vectors get too."""

    def __init__(self, d: int, dropout: float, config: PixelsConfig) -> None:
        super().__init__()
        self.network = ImageNetwork(config)
        self.project = DenseProjection(WIDTH, d, dropout)

    def start(self, parts: list[Tensor]) -> None:
        """Take the moments of pooled vectors of training rows.

        Args:
            parts: Pixels ``[n, h, w, channels]``, or what :meth:`pool` made of them ``[n, 1280]``.
        """
        self.project.start([part if part.ndim == 2 else self.pool(part) for part in parts])  # noqa: PLR2004
        # Unlike a frozen encoder's, an entry that does not vary now will vary later.
        scale = self.project.get_buffer("scale")
        spread = torch.where(scale.isinf(), 0.0, scale)
        scale.copy_(spread.clamp_min(float(spread.square().mean().sqrt()) * _FLOOR))

    def pool(self, pixels: Tensor) -> Tensor:
        """Pooled vectors as at prediction, without a gradient: float32 ``[n, 1280]``."""
        mode = self.training
        self.eval()
        with torch.no_grad():
            made: Tensor = self.network(pixels)
        self.train(mode)
        return made

    def forward(self, pixels: Tensor) -> Tensor:
        """``[b, h, w, channels]`` to ``[b, d]``."""
        projected: Tensor = self.project(self.network(pixels))
        return projected
