"""Building blocks that two or more fusion models share."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import Modality


def column_moments(parts: Iterable[Tensor]) -> tuple[Tensor, Tensor] | None:
    """What to subtract from columns and to divide them by: mean and deviation, ``[width]`` each.

    The scale is infinity where all rows have one value. The weights of such a column learn nothing,
    so that a value which train never saw must say nothing; a deviation next to 0 would make it
    drown all others.

    Args:
        parts: Rows of train, ``[n, width]`` each.

    Returns:
        None if there is no row.
    """
    count, origin, total, squares = 0, torch.zeros(1), torch.zeros(1), torch.zeros(1)
    for rows in parts:
        if not len(rows):
            continue
        if not count:
            origin, total, squares = rows[0], total.double(), squares.double()
        # Around one of the rows, single precision is enough within a part, and exact if constant.
        around = rows - origin
        count += len(rows)
        total = total + around.sum(0).double()
        squares = squares + around.square_().sum(0).double()
    if not count:
        return None
    mean = total / count
    deviation = (squares / count - mean.square()).clamp_min(0.0).sqrt().clamp_min(1e-6)
    scale = torch.where(squares == 0, torch.inf, deviation)
    return (origin + mean).float(), scale.float()


class EntryDropout(nn.Module):
    """Dropout of single entries, its rate rounded to 1/256.

    On a CPU one byte decides about an entry, and eight come from one draw: inputs are wide, and a
    float per entry would take longer than the layer that reads them.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """``x``, with a share ``rate`` of its entries 0 and the others larger, in training."""
        below = min(round(256 * self.rate), 255)
        if not self.training or not below:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, below / 256)
        draws = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        dropped = draws.view(torch.uint8)[: x.numel()].view(x.shape) < below
        return (x * (256 / (256 - below))).masked_fill(dropped, 0.0)


class DenseProjection(nn.Module):
    """Standardise with the moments of train, drop entries, map linearly to ``d``."""

    def __init__(self, width: int, d: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.dropout = EntryDropout(dropout)
        self.linear = nn.Linear(width, d)

    def start(self, parts: list[Tensor]) -> None:
        """Take the moments of present training rows, each part ``[n, width]``."""
        if moments := column_moments(parts):
            self.get_buffer("mean").copy_(moments[0])
            self.get_buffer("scale").copy_(moments[1])

    def forward(self, x: Tensor) -> Tensor:
        """``[b, width]`` to ``[b, d]``."""
        standard = (x - self.get_buffer("mean")).div_(self.get_buffer("scale"))
        h: Tensor = self.linear(self.dropout(standard))
        return h


class WordsProjection(nn.Module):
    """A linear map of a bag of words that touches the words a text has, and no others.

    Words are divided by the root mean square of the entries of train that are not zero, and whole
    words are dropped. A bag is mostly zeros, so that a dense dropout and product would spend their
    time on words that are not there.
    """

    def __init__(self, width: int, d: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(1))
        self.dropout = dropout
        bound = 1 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(width, d).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(d).uniform_(-bound, bound))

    def start(self, parts: list[Tensor]) -> None:
        """Take the scale of present training rows, each part ``[n, width]``, dense or CSR."""
        entries = torch.cat([entries_of(part)[1] for part in parts])
        if len(entries):
            self.get_buffer("scale").fill_(entries.square().mean().sqrt().clamp_min(1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """``[b, width]`` to ``[b, d]``."""
        word, entries, begin = entries_of(x)
        values = F.dropout(entries / self.get_buffer("scale"), self.dropout, self.training)
        summed = F.embedding_bag(
            word, self.weight, begin, mode="sum", per_sample_weights=values.to(self.weight.dtype)
        )
        return summed + self.bias


def entries_of(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Columns and values that are not zero, and where rows begin: ``[e]``, ``[e]``, ``[b]``."""
    if x.layout == torch.sparse_csr:
        return x.col_indices(), x.values(), x.crow_indices()[:-1]
    row, column = x.nonzero(as_tuple=True)
    begin = torch.searchsorted(row, torch.arange(len(x), device=x.device))
    return column, x[row, column], begin


class Encoder(nn.Module):
    """One modality to ``[b, d]``: a projection and, unless it is a bag of words, a residual MLP.

    A row whose modality is missing gets a learned placeholder in place of the projection, so that
    no model mistakes zeros for a measurement. In training, whole modalities are dropped at random
    in the same way (ModDrop, Neverova et al. 2016), which is what teaches the placeholder. Words
    stay linear: a bag of words is already as wide as a model needs, and depth overfits.
    """

    def __init__(
        self,
        modality: Modality,
        d: int,
        *,
        dropout: float,
        input_dropout: float,
        modality_dropout: float,
        project: nn.Module | None = None,
    ) -> None:
        """``project`` takes the place of the usual projection of the modality's kind."""
        super().__init__()
        words = modality.kind == "words"
        projection = WordsProjection if words else DenseProjection
        self.project = project or projection(modality.width, d, input_dropout)
        self.placeholder = nn.Parameter(torch.zeros(d))
        self.modality_dropout = modality_dropout
        self.deep = (
            None if words else nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(d, d))
        )

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """``x`` ``[b, width]`` and its mask ``[b]`` to ``[b, d]``."""
        if self.training and self.modality_dropout > 0:
            kept = torch.rand(len(x), device=x.device) >= self.modality_dropout
            present = present & kept
        h = torch.where(present[:, None], self.project(x), self.placeholder)
        return h if self.deep is None else h + self.deep(h)


class SharedDropout(nn.Module):
    """Dropout with one mask for all tokens of a text: ``[b, t, d]`` to the same."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, states: Tensor) -> Tensor:
        """Entries of ``states`` that are kept, each token's alike."""
        if not self.training:
            return states
        kept = F.dropout(torch.ones_like(states[:, :1]), self.rate)
        return states * kept
