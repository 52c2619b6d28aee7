"""From a picture to what a fusion network answers, as one differentiable function.

The frozen image encoder ran once, before any fit, and its vectors were saved. Here the same encoder
in torch and the network stand behind one another again, cut at a layer: what lies before the cut is
computed once for all networks, what lies behind it is what an explanation looks through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from multimodal_study.contract import Features, Modality
from multimodal_study.data.batches import Batch
from multimodal_study.encoders.image_model import MEAN, SCALE, load_efficientnet
from multimodal_study.errors import InputError
from multimodal_study.models.towers import summary

Array = np.ndarray[Any, Any]
Layer = Literal["grid", "stride_16"]
STRIDES: dict[Layer, int] = {"grid": 32, "stride_16": 16}
"""Pixels that a cell of a layer is wide."""
Score = Callable[[Batch], Tensor]
"""A batch to one number per example, ``[b]``."""
TOLERANCE = 1e-3
"""Largest difference to the saved features, absolute plus relative (grids are saved in half
precision)."""
_TOGETHER = 16


class CutEncoder(nn.Module):
    """EfficientNet-Lite0 cut at ``layer``, in evaluation mode, without gradients of its weights.

    ``grid`` is the last feature map, whose cells are the saved features; ``stride_16`` is the last
    map of twice its resolution.
    """

    def __init__(self, size: int, layer: Layer) -> None:
        super().__init__()
        if layer not in STRIDES:
            raise InputError(
                f"interpretation.explain.layer is {layer!r}, expected one of {list(STRIDES)}"
            )
        self.network = load_efficientnet(size).requires_grad_(requires_grad=False)
        strides = [block._depthwise_conv.stride[0] for block in self.network._blocks]
        self.cut = len(strides) if layer == "grid" else max(np.flatnonzero(np.array(strides) > 1))
        self.layer = layer

    def before(self, pixels: Tensor) -> Tensor:
        """Uint8 ``[b, size, size, 3]`` to the layer's activations ``[b, k, h, w]``."""
        x = ((pixels.float() - MEAN) / SCALE).permute(0, 3, 1, 2)
        x = self.network._swish(self.network._bn0(self.network._conv_stem(x)))
        for block in self.network._blocks[: self.cut]:
            x = block(x)
        return self._head(x) if self.layer == "grid" else x

    def behind(self, activations: Tensor) -> Tensor:
        """The layer's activations to the last grid ``[b, d, h, w]``."""
        if self.layer == "grid":
            return activations
        x = activations
        for block in self.network._blocks[self.cut :]:
            x = block(x)
        return self._head(x)

    def _head(self, x: Tensor) -> Tensor:
        made: Tensor = self.network._swish(self.network._bn1(self.network._conv_head(x)))
        return made

    def activations(self, pixels: Array) -> Tensor:
        """:meth:`before` of pictures, uint8 ``[n, size, size, 3]``, without a gradient."""
        with torch.no_grad():
            parts = [self.before(part) for part in torch.split(torch.tensor(pixels), _TOGETHER)]
        return torch.cat(parts)


class PicturePath(nn.Module):
    """A layer's activations and the rest of the examples to a score ``[b]``.

    ``layer`` is an identity through which the activations pass, for methods that hook a layer.

    Args:
        encoder: Whose layer it is.
        score: What the network says of a batch.
        features: What the encoder made: which modalities are pooled vectors and grids.
        read: Modalities as the network reads them; a grid that it reads as one vector is
            summarised here too.
    """

    def __init__(
        self, encoder: CutEncoder, score: Score, features: Features, read: Mapping[str, Modality]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.layer = nn.Identity()
        self.score = score
        self.seen = {
            name: item
            for name, item in features.modalities.items()
            if name in read and item.kind in {"image", "regions"}
        }
        self.summarised = {name for name in self.seen if read[name].kind != self.seen[name].kind}

    def forward(self, activations: Tensor, batch: Batch) -> Tensor:
        """Scores ``[b]`` of activations ``[b, k, h, w]`` beside what else ``batch`` has."""
        grid = self.encoder.behind(self.layer(activations))
        return self.score(self.see(grid, batch))

    def see(self, grid: Tensor, batch: Batch) -> Batch:
        """``batch`` with the picture whose last grid is ``grid`` ``[b, d, h, w]``."""
        cells = grid.flatten(2).transpose(1, 2)
        inputs = dict(batch.inputs)
        for name, item in self.seen.items():
            inputs[name] = cells.mean(1) if item.kind == "image" else cells
        for name in self.summarised:
            used = torch.full((len(cells),), cells.shape[1], device=cells.device)
            inputs[name] = summary(replace(batch, inputs=inputs, lengths={name: used}), name)
        return replace(batch, inputs=inputs)


def check_features(
    encoder: CutEncoder, activations: Tensor, features: Features, entities: Array
) -> float:
    """How far the rebuilt features are from the saved ones, as a share of what is allowed.

    Args:
        encoder: Made the activations.
        activations: ``[n, k, h, w]``.
        features: The saved ones.
        entities: Rows of the arrays that the activations belong to, int64 ``[n]``.

    Raises:
        RuntimeError: They differ by more than ``TOLERANCE (1 + |x|)``.
    """
    worst = 0.0
    with torch.no_grad():
        grid = encoder.behind(activations)
    cells = grid.flatten(2).transpose(1, 2)
    for name, item in features.modalities.items():
        if item.kind not in {"image", "regions"}:
            continue
        made = (cells.mean(1) if item.kind == "image" else cells).numpy()
        saved = np.asarray(features.arrays[name][entities]).astype(np.float32)
        if made.shape != saved.shape:
            raise RuntimeError(f"{name}: rebuilt features are {made.shape}, saved {saved.shape}")
        worst = max(worst, float((np.abs(made - saved) / (TOLERANCE * (1 + np.abs(saved)))).max()))
    if worst > 1.0:
        raise RuntimeError(
            f"the rebuilt image features differ from the saved ones by {worst:.1f} times what is "
            "allowed; run featurise again with the present encoder"
        )
    return worst
