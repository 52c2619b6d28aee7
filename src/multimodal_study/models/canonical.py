"""Linear maps of two sides into one space in closed form: regularised canonical correlations.

With centred features ``x``, ``y`` of the training pairs, ``C_x = E[x x'] + r t_x I`` (``t_x`` the
mean of the diagonal, ``r`` the regularisation) and ``L_x L_x' = C_x``:

``L_x^-1 E[x y'] L_y^-T = U S V'``,  ``a = x L_x^-T U_d S_d^p``,  ``b = y L_y^-T V_d S_d^p``

(Hotelling 1936; regularised: Vinod 1976; the power ``p`` of the correlations as weights: Gong et
al. 2014, who take 4 with another scaling). Nothing is learnt by steps, so that this member of the
dual tower errs otherwise than the networks beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import Modality
from multimodal_study.data.batches import Batch
from multimodal_study.models.layers import entries_of
from multimodal_study.models.towers import rows_of, steady, summary, summary_width

_LOST = 1e-3
"""Correlation below which single precision says nothing."""
WORDS_RANK = 500
"""Directions of a bag of words that take part: the largest singular ones of train."""


class Canonical(nn.Module):
    """Both sides' ``[b, d]`` of length 1; :meth:`start` is all the learning there is.

    A sequence gives the maximum and the deviation of each number over its positions. A modality
    that a row lacks counts as average: in a linear map, that is to leave it out.
    """

    def __init__(
        self, sides: tuple[dict[str, Modality], ...], d: int, regularisation: float, power: float
    ) -> None:
        super().__init__()
        self.sides = sides
        self.d, self.regularisation, self.power = d, regularisation, power
        for name, item in _all(sides):
            self.register_buffer(f"{name}_mean", torch.zeros(summary_width(item)))
            self.register_buffer(f"{name}_scale", torch.ones(summary_width(item)))
            self.register_buffer(f"{name}_map", torch.zeros(summary_width(item), d))

    def start(self, batches: list[Batch]) -> None:
        """Fit on the training rows that have both sides."""
        bases = [[self._basis(*named, batches) for named in side.items()] for side in self.sides]
        x, y = (
            torch.cat([torch.cat([basis(batch) for basis in side], 1) for batch in batches])
            for side in bases
        )
        kept = torch.cat([complete(batch, self.sides) for batch in batches])
        if int(kept.sum()) <= 1:
            return
        maps = canonical_maps(x[kept], y[kept], self.d, self.regularisation, self.power)
        for side, found in zip(bases, maps, strict=True):
            blocks = torch.split(found, [basis.width for basis in side])
            for basis, block in zip(side, blocks, strict=True):
                whole = block if basis.rotation is None else basis.rotation @ block
                self.get_buffer(f"{basis.name}_map").copy_(whole)

    def _basis(self, name: str, item: Modality, batches: list[Batch]) -> _Basis:
        """Moments of a modality in train, and the function that standardises it."""
        mean, scale = self.get_buffer(f"{name}_mean"), self.get_buffer(f"{name}_scale")
        if item.kind != "words":
            there = torch.cat([summary(b, name)[b.present[name]] for b in batches])
            if len(there):
                mean.copy_(there.mean(0))
                scale.copy_(steady(there.std(0, unbiased=False)))
            return _Basis(name, item, mean, scale, None)
        rows = torch.cat([_dense(b.inputs[name])[b.present[name]] for b in batches])
        if not len(rows):
            return _Basis(name, item, mean, scale, torch.zeros(len(mean), 1))
        mean.copy_(rows.mean(0))
        rotation = torch.svd_lowrank(rows, q=min(WORDS_RANK, *rows.shape), niter=3)[2]
        scale.fill_(float((rows @ rotation).std(0).mean().clamp_min(1e-6)))
        return _Basis(name, item, mean, scale, rotation)

    def forward(
        self, batch: Batch, rows: slice, summaries: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Embeddings ``[b, d]`` of both sides; arguments as those of a tower."""
        a, b = (F.normalize(self._side(side, batch, rows, summaries), dim=1) for side in self.sides)
        return a, b

    def texts(self, vectors: Tensor) -> Tensor:
        """Embeddings ``[p, d]`` of sentence vectors alone."""
        part = (vectors - self.get_buffer("text_mean")) / self.get_buffer("text_scale")
        return F.normalize(part @ self.get_buffer("text_map"), dim=1)

    def _side(
        self,
        side: dict[str, Modality],
        batch: Batch,
        rows: slice,
        summaries: dict[str, Tensor],
    ) -> Tensor:
        total = torch.zeros(len(batch.rows[rows]), self.d, device=batch.rows.device)
        for name, item in side.items():
            there = batch.present[name][rows]
            mean, scale = self.get_buffer(f"{name}_mean"), self.get_buffer(f"{name}_scale")
            weight = self.get_buffer(f"{name}_map")
            if item.kind == "words":
                word, value, begin = entries_of(rows_of(batch.inputs[name], rows))
                bag = F.embedding_bag(
                    word, weight, begin, mode="sum", per_sample_weights=value.to(weight.dtype)
                )
                part = (bag - mean @ weight) / scale[0]
            else:
                known = summaries.get(name)
                x = summary(batch, name, rows) if known is None else known
                part = (x - mean) / scale @ weight
            total = total + torch.where(there[:, None], part, 0.0)
        return total


@dataclass(frozen=True)
class _Basis:
    """One modality's standardised features ``[b, w]`` of a batch; zero where it is missing."""

    name: str
    item: Modality
    mean: Tensor
    scale: Tensor
    rotation: Tensor | None
    """Directions ``[v, w]`` that stand for a bag of words."""

    @property
    def width(self) -> int:
        return summary_width(self.item) if self.rotation is None else self.rotation.shape[1]

    def __call__(self, batch: Batch) -> Tensor:
        if self.rotation is None:
            x = (summary(batch, self.name) - self.mean) / self.scale
        else:
            x = (_dense(batch.inputs[self.name]) - self.mean) @ self.rotation / self.scale[0]
        return torch.where(batch.present[self.name][:, None], x, 0.0)


def canonical_maps(
    x: Tensor, y: Tensor, d: int, regularisation: float, power: float
) -> tuple[Tensor, Tensor]:
    """Maps ``[w_x, d]`` and ``[w_y, d]`` of centred ``x`` ``[n, w_x]`` and ``y`` ``[n, w_y]``.

    Columns after the last canonical correlation are zero.
    """
    x, y = x - x.mean(0), y - y.mean(0)
    lower = [_root(side, regularisation) for side in (x, y)]
    cross = torch.linalg.solve_triangular(lower[0], x.T @ y / len(x), upper=False)
    cross = torch.linalg.solve_triangular(lower[1], cross.T, upper=False).T
    left, correlations, right = _leading(cross, d)
    maps = []
    for factor, basis in zip(lower, (left, right), strict=True):
        weighted = basis * correlations**power
        found = torch.linalg.solve_triangular(factor.T, weighted, upper=True)
        maps.append(F.pad(found, (0, d - found.shape[1])))
    return maps[0], maps[1]


def _leading(cross: Tensor, d: int) -> tuple[Tensor, Tensor, Tensor]:
    """The ``d`` largest singular values and their vectors, left, values, right.

    By the eigenvectors of the smaller Gram matrix, a third of the time of a full decomposition.
    That squares the condition: correlations below a thousandth get lost, whose share is nothing.
    """
    wide = cross.shape[1] > cross.shape[0]
    tall = cross.T if wide else cross
    squares, vectors = torch.linalg.eigh(tall.T @ tall)
    known = vectors.flip(1)[:, :d]
    values = squares.flip(0)[:d].clamp_min(0).sqrt()
    there = values > _LOST
    other = torch.where(there, tall @ known / values.clamp_min(_LOST), 0.0)
    values = torch.where(there, values, 0.0)
    return (known, values, other) if wide else (other, values, known)


def _root(x: Tensor, regularisation: float) -> Tensor:
    """Lower triangular root of the regularised covariance."""
    covariance = x.T @ x / len(x)
    diagonal = covariance.diagonal()
    diagonal += regularisation * diagonal.mean().clamp_min(1e-6)
    root: Tensor = torch.linalg.cholesky(covariance)
    return root


def complete(batch: Batch, sides: tuple[dict[str, Modality], ...]) -> Tensor:
    """Rows that have something of both sides: bool ``[b]``."""
    found = [torch.stack([batch.present[name] for name in side]).any(0) for side in sides]
    return found[0] & found[1]


def _all(sides: tuple[dict[str, Modality], ...]) -> Iterator[tuple[str, Modality]]:
    for side in sides:
        yield from side.items()


def _dense(x: Tensor) -> Tensor:
    return x.to_dense() if x.layout == torch.sparse_csr else x
