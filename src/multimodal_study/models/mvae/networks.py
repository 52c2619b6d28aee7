"""Encoders and decoders of one modality: vectors, bags of words, pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from multimodal_study.contract import Modality
from multimodal_study.models.layers import EntryDropout, WordsProjection, column_moments

_CLIP = 20.0
"""Largest absolute standardised input: one impossible value must not own a row's likelihood."""
_SMALLEST_GRID = 4
"""Rows and columns below which a picture is not halved again."""


class Standardise(nn.Module):
    """To zero mean and unit variance by the moments of train, clipped; and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def start(self, parts: list[Tensor]) -> None:
        """Take the moments of present training rows, each part ``[n, width]``."""
        if moments := column_moments(parts):
            self.get_buffer("mean").copy_(moments[0])
            self.get_buffer("scale").copy_(moments[1])

    def forward(self, x: Tensor) -> Tensor:
        """``[b, width]`` standardised; NaN would pass, infinities do not."""
        z = (x - self.get_buffer("mean")) / self.get_buffer("scale")
        return z.clamp(-_CLIP, _CLIP)

    def back(self, z: Tensor) -> Tensor:
        """``[..., width]`` in the units of the input."""
        scale = self.get_buffer("scale")
        return z * torch.where(scale.isinf(), 0.0, scale) + self.get_buffer("mean")


class VectorEncoder(nn.Sequential):
    """``width`` to ``hidden`` (``layers`` times) to ``outputs``."""

    def __init__(
        self, modality: Modality, hidden: int, outputs: int, *, layers: int, dropout: float
    ) -> None:
        first: nn.Module = nn.Linear(modality.width, hidden)
        if modality.kind == "words":
            first = WordsProjection(modality.width, hidden, dropout)
        steps: list[nn.Module] = []
        if dropout and modality.kind != "words":
            steps.append(EntryDropout(dropout))
        steps += [first, nn.GELU()]
        for _ in range(layers - 1):
            steps += [nn.Linear(hidden, hidden), nn.GELU()]
        super().__init__(*steps, nn.Linear(hidden, outputs))


class VectorDecoder(nn.Sequential):
    """``inputs`` to ``hidden`` (``layers`` times) to ``width``."""

    def __init__(self, inputs: int, hidden: int, width: int, *, layers: int) -> None:
        steps: list[nn.Module] = [nn.Linear(inputs, hidden), nn.GELU()]
        for _ in range(layers - 1):
            steps += [nn.Linear(hidden, hidden), nn.GELU()]
        super().__init__(*steps, nn.Linear(hidden, width))


class PictureEncoder(nn.Module):
    """Convolutions of stride 2 down to a small grid, then ``hidden`` and ``outputs``.

    Args:
        shape: Channels, height, width; 28 to 64 rows and columns.
        channels: Of the first convolution; each next one doubles them.
        hidden: Width between the grid and the outputs.
        outputs: Width of the result.
    """

    def __init__(
        self, shape: tuple[int, int, int], channels: int, hidden: int, outputs: int
    ) -> None:
        super().__init__()
        self.shape = shape
        steps: list[nn.Module] = []
        last = shape[0]
        for width, _ in pyramid(shape, channels):
            steps += [nn.Conv2d(last, width, 4, 2, 1, bias=False), nn.SiLU()]
            last = width
        grid = pyramid(shape, channels)[-1][1]
        self.convolve = nn.Sequential(*steps)
        self.read = nn.Sequential(
            nn.Linear(last * math.prod(grid), hidden), nn.SiLU(), nn.Linear(hidden, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Flat channel-first pictures ``[b, c h w]`` to ``[b, outputs]``."""
        found: Tensor = self.read(self.convolve(x.view(-1, *self.shape)).flatten(1))
        return found


class PictureDecoder(nn.Module):
    """The mirror of :class:`PictureEncoder`: logits or values ``[n, c h w]``."""

    def __init__(
        self, inputs: int, hidden: int, shape: tuple[int, int, int], channels: int
    ) -> None:
        super().__init__()
        steps = pyramid(shape, channels)
        self.grid = (steps[-1][0], *steps[-1][1])
        self.write = nn.Sequential(
            nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, math.prod(self.grid)), nn.SiLU()
        )
        layers: list[nn.Module] = []
        widths = [width for width, _ in steps[:-1]][::-1]
        last = self.grid[0]
        for width in widths:
            layers += [nn.ConvTranspose2d(last, width, 4, 2, 1, bias=False), nn.SiLU()]
            last = width
        layers.append(nn.ConvTranspose2d(last, shape[0], 4, 2, 1))
        self.convolve = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """``[n, inputs]`` to ``[n, c h w]``."""
        found: Tensor = self.convolve(self.write(z).view(-1, *self.grid))
        return found.flatten(1)


def pyramid(shape: tuple[int, int, int], channels: int) -> list[tuple[int, tuple[int, int]]]:
    """Channels and grid after each convolution, at most three.

    Raises:
        ValueError: A side is not divisible often enough.
    """
    _, height, width = shape
    steps: list[tuple[int, tuple[int, int]]] = []
    while (
        len(steps) < 3  # noqa: PLR2004
        and height % 2 == width % 2 == 0
        and min(height, width) // 2 >= _SMALLEST_GRID
    ):
        height, width = height // 2, width // 2
        steps.append((channels * 2 ** len(steps), (height, width)))
    if not steps:
        raise ValueError(f"a picture of {shape} cannot be halved, expected sides such as 28 or 64")
    return steps
