"""Building blocks that two or more fusion models share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from multimodal_study.contract import Modality


class MaskedInput(nn.Module):
    """Standard place where a modality enters a network.

    A row whose modality is missing is replaced by a learned placeholder, so that no model mistakes
    a vector of zeros for a measurement. In training, whole modalities are dropped at random in the
    same way (ModDrop, Neverova et al. 2016), which is what teaches the placeholder. Dense features
    are standardised with the moments of the training rows; words keep their zeros and are divided
    by the root mean square of their other entries.
    """

    def __init__(self, modality: Modality, modality_dropout: float) -> None:
        super().__init__()
        self.placeholder = nn.Parameter(torch.zeros(modality.width))
        self.modality_dropout = modality_dropout
        self.standardise = modality.kind != "words"
        self.register_buffer("mean", torch.zeros(modality.width))
        self.register_buffer("scale", torch.ones(modality.width))

    def start(self, rows: Tensor) -> None:
        """Take the moments of present training rows ``[n, d]``."""
        if not len(rows):
            return
        if self.standardise:
            self.get_buffer("mean").copy_(rows.mean(0))
            self.get_buffer("scale").copy_(rows.std(0, unbiased=False).clamp_min(1e-6))
        else:
            entries = (rows != 0).sum().clamp_min(1)
            self.get_buffer("scale").fill_((rows.square().sum() / entries).sqrt().clamp_min(1e-6))

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """Standardised ``x`` ``[b, d]``, the placeholder where ``present`` ``[b]`` is False."""
        if self.training and self.modality_dropout > 0:
            kept = torch.rand(len(x), device=x.device) >= self.modality_dropout
            present = present & kept
        if self.standardise:
            x = x - self.get_buffer("mean")
        return torch.where(present[:, None], x / self.get_buffer("scale"), self.placeholder)


class Encoder(nn.Module):
    """One modality to ``[b, d]``: input dropout, a linear map and, if ``hidden``, a residual MLP.

    Words stay linear: a bag of words is already as wide as a model needs, and depth overfits.
    """

    def __init__(self, modality: Modality, d: int, *, dropout: float, input_dropout: float) -> None:
        super().__init__()
        self.input_dropout = nn.Dropout(input_dropout)
        self.project = nn.Linear(modality.width, d)
        self.deep = (
            None
            if modality.kind == "words"
            else nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(d, d))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[b, width]`` to ``[b, d]``."""
        h: Tensor = self.project(self.input_dropout(x))
        return h if self.deep is None else h + self.deep(h)
