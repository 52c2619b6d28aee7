"""What each modality's numbers did for an answer: integrated gradients of all of them at once.

``A_i = (x_i - x'_i) int_0^1 ds(x' + a (x - x')) / dx_i da`` (Sundararajan et al. 2017), by Captum,
all modalities moving together from a baseline ``x'`` to the example. The attributions of all
numbers sum to ``s(x) - s(x')`` (completeness), so that a modality's sum is its part of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from multimodal_study.data.batches import Batch
from multimodal_study.interpretation.picture_path import Score


@dataclass(frozen=True)
class Attributed:
    """Attributions of some examples."""

    parts: dict[str, Tensor]
    """Modality to ``[b, ...]``, one number per number of the input."""
    change: Tensor
    """``s(x) - s(x')``: ``[b]``."""

    def sums(self) -> dict[str, Tensor]:
        """Modality to the sum over its numbers ``[b]``."""
        return {name: part.flatten(1).sum(1) for name, part in self.parts.items()}

    def missed(self) -> Tensor:
        """What the sums over all modalities lack to ``s(x) - s(x')``: ``[b]``, 0 if exact."""
        return self.change - torch.stack(list(self.sums().values())).sum(0)


def integrated_gradients(
    score: Score, batch: Batch, baseline: Mapping[str, Tensor], steps: int
) -> Attributed:
    """Attributions of ``score`` to all modalities of ``batch``.

    Args:
        score: What is explained.
        batch: Examples; a bag of words may be a CSR tensor.
        baseline: Modality to what says nothing, ``[...]`` of one row.
        steps: Points of the Gauss-Legendre rule along the path.
    """
    names = list(batch.inputs)
    inputs = tuple(dense(batch.inputs[name]) for name in names)
    start = tuple(
        baseline[name].expand_as(given).contiguous()
        for name, given in zip(names, inputs, strict=True)
    )

    def along(*moved: Tensor) -> Tensor:
        copies = len(moved[0]) // len(batch)
        return score(repeated(batch, copies, dict(zip(names, moved, strict=True))))

    method: Any = IntegratedGradients(along)
    parts: tuple[Tensor, ...] = method.attribute(
        inputs, baselines=start, n_steps=steps, internal_batch_size=max(64, len(batch))
    )
    with torch.no_grad():
        change = along(*inputs) - along(*start)
    found = {name: part.detach() for name, part in zip(names, parts, strict=True)}
    return Attributed(found, change)


def repeated(batch: Batch, copies: int, inputs: Mapping[str, Tensor]) -> Batch:
    """``copies`` of ``batch`` one behind the other, with other ``inputs`` ``[copies b, ...]``."""

    def tiled(part: Tensor) -> Tensor:
        return part.repeat(copies, *[1] * (part.ndim - 1))

    return replace(
        batch,
        inputs=dict(inputs),
        present={name: tiled(part) for name, part in batch.present.items()},
        target=tiled(batch.target),
        rows=tiled(batch.rows),
        lengths={name: tiled(part) for name, part in batch.lengths.items()},
        candidates=None if batch.candidates is None else tiled(batch.candidates),
        scored=None if batch.scored is None else tiled(batch.scored),
        keys={name: tiled(part) for name, part in batch.keys.items()},
    )


def dense(x: Tensor) -> Tensor:
    """A CSR tensor as a dense one; others in float32."""
    return x.to_dense() if x.layout == torch.sparse_csr else x.float()
