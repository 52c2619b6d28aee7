"""Who reads what in two streams that read each other, and whether that is what counts.

Of the weights, those of the streams' own tokens are looked at, since the answer is read from these:
``text_to_image`` is what the text's token reads of the picture's cells, ``image_to_text`` what the
picture's token reads of the words, both the mean over heads and layers. What counts is taken from
the gradient of a score, ``|sum_k x_k ds/dx_k|`` of each position (gradient times input).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from multimodal_study.data.batches import Batch
from multimodal_study.interpretation.picture_path import Score
from multimodal_study.models.vilbert import Vilbert

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Read:
    """What is read of the cells and of the words of some examples."""

    cells: Array
    """Weights of the text's token on cells, ``[b, r]``."""
    words: Array
    """Weights of the picture's token on word positions, ``[b, t]``; 0 where there is none."""
    word_cells: Array
    """Weights of each word on the cells, ``[b, t, r]``."""


def read(network: Vilbert, batch: Batch, cells: str, words: str) -> Read:
    """Attention both ways, mean over layers and heads.

    Args:
        network: With two streams, or one.
        batch: Examples.
        cells: Modality of the picture's cells.
        words: Modality of the text's tokens.
    """
    with torch.no_grad():
        found = network.attention(batch)
    layout = network.layout(batch)
    seen, told = layout["image"][cells], layout["text"][words]
    mean = {name: weights.mean((1, 2)) for name, weights in found.items()}
    return Read(
        mean["text_to_image"][:, 0, seen].numpy(),
        mean["image_to_text"][:, 0, told].numpy(),
        mean["text_to_image"][:, told, seen].numpy(),
    )


def gradient_times_input(score: Score, batch: Batch, names: tuple[str, ...]) -> dict[str, Array]:
    """Sequence modality to ``|sum_k x_k ds/dx_k|`` of every position ``[b, t]``."""
    inputs = dict(batch.inputs)
    for name in names:
        inputs[name] = inputs[name].detach().clone().requires_grad_()
    total = score(replace(batch, inputs=inputs)).sum()
    gradients = torch.autograd.grad(total, [inputs[name] for name in names])
    return {
        name: (inputs[name].detach() * gradient).sum(-1).abs().numpy()
        for name, gradient in zip(names, gradients, strict=True)
    }


def agreement(first: Array, second: Array, used: Array) -> Array:
    """Spearman's correlation over the used positions of each row: float64 ``[b]``.

    NaN where fewer than three are used or either is constant there.

    Args:
        first: ``[b, t]``.
        second: ``[b, t]``.
        used: Bool ``[b, t]``.
    """
    from multimodal_study.interpretation.faithfulness import rank_correlation

    found = np.full(len(first), np.nan)
    for row, there in enumerate(used):
        if there.sum() >= FEWEST:
            pair = (part[row, there][None, None] for part in (first, second))
            found[row] = rank_correlation(*pair)[0]
    return found


FEWEST = 3
"""Positions below which there is nothing to order."""
