"""A tower: all that one origin gives, to one embedding on the unit sphere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import SEQUENCES, Modality
from multimodal_study.data.batches import Batch
from multimodal_study.models.layers import DenseProjection, WordsProjection

_TINY = 1e-6


class AttentionPooling(nn.Module):
    """Positions of a sequence to one vector, by ``h`` learnt questions.

    ``p_k = sum_t softmax_t(q_k x_t) x_t`` and ``y = W [p_1; ...; p_h] + b`` (Lin et al. 2017, a
    structured self-attentive embedding, without its penalty). Weights are taken on the standardised
    states as they are, so that the cost is that of ``h`` vectors and not of ``t``.
    """

    def __init__(self, width: int, d: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.query = nn.Linear(width, heads, bias=False)
        nn.init.normal_(self.query.weight, std=width**-0.5)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(heads * width, d)

    def start(self, parts: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take the moments of used positions; parts are states ``[n, t, width]``, masks ``[n, t]``.

        Summed in double precision part by part: the states of a whole split do not fit twice.
        """
        width = len(self.get_buffer("mean"))
        total, squares = torch.zeros(2, width, dtype=torch.float64).unbind()
        count = 0
        for states, used in parts:
            flat = states[used].double()
            total, squares = total + flat.sum(0), squares + flat.square().sum(0)
            count += len(flat)
        if count:
            mean = total / count
            spread = (squares / count - mean.square()).clamp_min(0).sqrt()
            self.get_buffer("mean").copy_(mean)
            self.get_buffer("scale").copy_(steady(spread))

    def forward(self, states: Tensor, used: Tensor) -> Tensor:
        """States ``[b, t, width]`` and bool ``[b, t]`` to ``[b, d]``."""
        x = (states - self.get_buffer("mean")) / self.get_buffer("scale")
        # A row without any position asks its first one; its placeholder replaces the answer.
        first = torch.arange(used.shape[1], device=used.device) == 0
        used = used | (first & ~used.any(1, keepdim=True))
        weight = self.query(x).masked_fill(~used[..., None], -torch.inf).softmax(1)
        # What lies behind the end may be anything, also not a number.
        x = x.masked_fill(~used[..., None], 0.0)
        pooled = torch.einsum("bth,btd->bhd", weight, x).flatten(1)
        y: Tensor = self.linear(self.dropout(pooled))
        return y


class Tower(nn.Module):
    """Several modalities of one origin to ``[b, d]`` of length 1.

    ``h = sum_m E_m(x_m)``, then ``depth`` residual blocks ``h + W_2 drop(gelu(W_1 norm(h)))``, and
    ``z = W drop(norm(h))``. ``E_m`` is a linear map of standardised numbers, of a bag of words, or
    of an attention pooling over a sequence (``heads`` 0: of its :func:`summary`). A modality that a
    row lacks is replaced by a learnt placeholder; in training, modalities are dropped at random in
    the same way.
    """

    def __init__(
        self,
        modalities: dict[str, Modality],
        *,
        hidden: int,
        d: int,
        depth: int,
        heads: int,
        dropout: float,
        input_dropout: float,
        words_dropout: float,
        modality_dropout: float,
    ) -> None:
        super().__init__()
        self.modality_dropout = modality_dropout
        self.project = nn.ModuleDict()
        for name, item in modalities.items():
            if item.kind == "words":
                made: nn.Module = WordsProjection(item.width, hidden, words_dropout)
            elif item.kind in SEQUENCES and heads:
                made = AttentionPooling(item.width, hidden, heads, input_dropout)
            else:
                made = DenseProjection(summary_width(item), hidden, input_dropout)
            self.project[name] = made
        self.placeholder = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(hidden)) for name in modalities}
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(hidden),
                nn.Linear(hidden, hidden),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(hidden, hidden),
            )
            for _ in range(depth)
        )
        self.out = nn.Sequential(nn.LayerNorm(hidden), nn.Dropout(dropout), nn.Linear(hidden, d))

    def start(self, batches: list[Batch]) -> None:
        """Moments of the training rows that have the modality."""
        for name, part in self.project.items():
            if isinstance(part, AttentionPooling):
                part.start([(b.inputs[name], used(b, name)) for b in batches])
            elif isinstance(part, WordsProjection):
                # A missing bag has no entries to leave out.
                part.start([batch.inputs[name] for batch in batches])
            else:
                rows = [summary(batch, name)[batch.present[name]] for batch in batches]
                dense = cast(DenseProjection, part)
                dense.start(rows)
                dense.get_buffer("scale").copy_(steady(dense.get_buffer("scale")))

    def forward(self, batch: Batch, rows: slice, summaries: dict[str, Tensor]) -> Tensor:
        """Embeddings ``[b, d]`` of length 1 of ``rows`` of the batch.

        Args:
            batch: Holds the rows.
            rows: Which of them.
            summaries: :func:`summary` of the rows by modality, where it is known already.
        """
        states = []
        for name, part in self.project.items():
            present = batch.present[name][rows]
            if self.training and self.modality_dropout > 0:
                kept = torch.rand(len(present), device=present.device) >= self.modality_dropout
                present = present & kept
            if isinstance(part, AttentionPooling):
                h = part(batch.inputs[name][rows], used(batch, name)[rows])
            elif isinstance(part, WordsProjection):
                h = part(rows_of(batch.inputs[name], rows))
            else:
                known = summaries.get(name)
                h = part(summary(batch, name, rows) if known is None else known)
            states.append(torch.where(present[:, None], h, self.placeholder[name]))
        hidden = torch.stack(states).sum(0)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return F.normalize(self.out(hidden), dim=1)


def summary(batch: Batch, name: str, rows: slice = slice(None)) -> Tensor:
    """Vectors as they are; of a sequence the maxima and deviations over its positions ``[b, 2 w]``.

    Its mean is what the pooled vector beside it says already.
    """
    x = batch.inputs[name][rows]
    if name not in batch.lengths:
        return x
    mask = used(batch, name)[rows][..., None]
    if bool(mask.all()):  # a grid of regions is always full; masks would triple the time
        # torch.var_mean over the middle axis takes four times as long as this.
        variance = (x - x.mean(1, keepdim=True)).square().mean(1)
        return torch.cat([x.amax(1), _root(variance)], dim=1)
    count = mask.sum(1).clamp_min(1)
    x = x.masked_fill(~mask, 0.0)
    mean = x.sum(1) / count
    variance = (x - mean[:, None]).masked_fill(~mask, 0.0).square().sum(1) / count
    highest = x.masked_fill(~mask, -torch.inf).amax(1)
    return torch.cat([highest.masked_fill(~mask.any(1), 0.0), _root(variance)], dim=1)


def _root(variance: Tensor) -> Tensor:
    """Square root with a gradient at zero, where a sequence of one position is."""
    return (variance + _TINY**2).sqrt()


def summary_width(item: Modality) -> int:
    """Width of :func:`summary`."""
    return 2 * item.width if item.kind in SEQUENCES else item.width


def steady(deviation: Tensor) -> Tensor:
    """Deviations ``[d]``, none below a hundredth of their mean.

    A number that is constant in train, as a dead channel is, must not explode elsewhere. Infinite
    deviations, of columns that are silent, stay so.
    """
    finite = deviation[deviation.isfinite()]
    mean = float(finite.mean()) if len(finite) else 0.0
    return deviation.clamp_min(max(1e-2 * mean, _TINY))


def used(batch: Batch, name: str) -> Tensor:
    """Positions of sequence ``name`` that mean something: bool ``[b, t]``."""
    positions = torch.arange(batch.inputs[name].shape[1], device=batch.rows.device)
    return (positions < batch.lengths[name][:, None]) & batch.present[name][:, None]


def rows_of(x: Tensor, rows: slice) -> Tensor:
    """Some rows of ``[b, ...]``; a CSR tensor stays one."""
    if x.layout != torch.sparse_csr:
        return x[rows]
    start, stop, _ = rows.indices(len(x))
    crow = x.crow_indices()[start : stop + 1]
    begin, end = int(crow[0]), int(crow[-1])
    return torch.sparse_csr_tensor(
        crow - crow[0],
        x.col_indices()[begin:end],
        x.values()[begin:end],
        size=(stop - start, x.shape[1]),
        check_invariants=False,
    )
