"""A tower: all that one origin gives, to one embedding on the unit sphere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import SEQUENCES, Modality
from multimodal_study.data.batches import Batch
from multimodal_study.errors import InputError
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
    of an attention pooling. A modality that a row lacks is replaced by a learnt placeholder; in
    training, modalities are dropped at random in the same way.
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
        read = {
            name: item for name, item in modalities.items() if heads or item.kind not in SEQUENCES
        }
        if not read:
            raise InputError(
                f"clip.heads is 0, which leaves nothing of {sorted(modalities)}: these are all "
                "sequences; set clip.heads to 1 or more"
            )
        for name, item in read.items():
            if item.kind in SEQUENCES:
                made: nn.Module = AttentionPooling(item.width, hidden, heads, input_dropout)
            elif item.kind == "words":
                made = WordsProjection(item.width, hidden, words_dropout)
            else:
                made = DenseProjection(item.width, hidden, input_dropout)
            self.project[name] = made
        self.placeholder = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(hidden)) for name in read}
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
            else:
                rows = [_rows(b, name) for b in batches]
                cast(DenseProjection | WordsProjection, part).start(rows)

    def forward(self, batch: Batch, rows: slice) -> Tensor:
        """Embeddings ``[b, d]`` of length 1 of ``rows`` of the batch."""
        states = []
        for name, part in self.project.items():
            x, present = rows_of(batch.inputs[name], rows), batch.present[name][rows]
            if self.training and self.modality_dropout > 0:
                kept = torch.rand(len(present), device=present.device) >= self.modality_dropout
                present = present & kept
            own = isinstance(part, AttentionPooling)
            h = part(x, used(batch, name)[rows]) if own else part(x)
            states.append(torch.where(present[:, None], h, self.placeholder[name]))
        hidden = torch.stack(states).sum(0)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return F.normalize(self.out(hidden), dim=1)


def steady(deviation: Tensor) -> Tensor:
    """Deviations ``[d]``, none below a hundredth of their mean.

    A number that is constant in train, as a dead channel is, must not explode elsewhere.
    """
    return deviation.clamp_min(max(1e-2 * float(deviation.mean()), _TINY))


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


def _rows(batch: Batch, name: str) -> Tensor:
    """Rows that have the modality; a missing bag of words has no entries to leave out."""
    x = batch.inputs[name]
    return x if x.layout == torch.sparse_csr else x[batch.present[name]]
