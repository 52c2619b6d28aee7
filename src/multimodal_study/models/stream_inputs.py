"""From modalities to the positions of a stream: words, cells of a picture, whole vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import SEQUENCES, Modality
from multimodal_study.data.batches import Batch
from multimodal_study.errors import InputError
from multimodal_study.models.bodies import SIDES, Sequence, Side
from multimodal_study.models.layers import DenseProjection, WordsProjection, column_moments

LARGEST_SIDE = 64
"""Rows and columns of cells that positions are learnt for."""
_PICTURES = ("image", "regions")


@dataclass(frozen=True)
class Division:
    """Which side each modality belongs to."""

    origins: dict[Side, str]
    """The raw signal that each side stands for."""
    own: dict[Side, dict[str, Modality]]
    """Modalities of that signal."""
    further: dict[str, Modality]
    """Modalities of other signals (a user, numbers): further positions of the text, which neither
    side sees before the two meet."""


def divide(modalities: dict[str, Modality]) -> Division:
    """Sides of ``modalities``: pictures and what shares their origin, and the rest.

    The picture's origin is that of the first modality of regions, else of pooled image vectors; the
    text's that of the first tokens, else text vectors, else words, else whatever comes first.
    """

    def first(kinds: tuple[str, ...], *, but: str | None = None) -> str | None:
        found = [m.origin for k in kinds for m in modalities.values() if m.kind == k]
        return next((origin for origin in found if origin != but), None)

    image = first(("regions", "image"))
    rest = tuple(m.kind for m in modalities.values() if m.kind not in _PICTURES)
    text = first(("tokens", "text", "words", *rest), but=image)
    origins: dict[Side, str] = {"text": text or "text", "image": image or "image"}
    own = {
        side: {n: m for n, m in modalities.items() if m.origin == origins[side]} for side in SIDES
    }
    further = {n: m for n, m in modalities.items() if m.origin not in origins.values()}
    return Division(origins, own, further)


class SequenceProjection(nn.Module):
    """Standardise by channel with the moments of train, drop channels, map linearly to ``d``.

    A dropped channel is gone from all positions of a row (Gal & Ghahramani 2016): neighbours hold
    much the same, so that single entries would hide nothing.
    """

    def __init__(self, width: int, d: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.dropout = dropout
        self.linear = nn.Linear(width, d)

    def start(self, parts: list[tuple[Tensor, Tensor]]) -> None:
        """Take the moments of used positions; a part is ``[n, t, width]`` and bool ``[n, t]``."""
        if moments := column_moments(states[used] for states, used in parts):
            self.get_buffer("mean").copy_(moments[0])
            self.get_buffer("scale").copy_(moments[1])

    def standardise(self, x: Tensor) -> Tensor:
        """``[b, t, width]`` with mean 0 and deviation 1 in train."""
        return (x - self.get_buffer("mean")) / self.get_buffer("scale")

    def forward(self, x: Tensor) -> Tensor:
        """``[b, t, width]`` to ``[b, t, d]``."""
        kept = F.dropout(torch.ones_like(x[:, :1]), self.dropout, self.training)
        scaled = (x - self.get_buffer("mean")) * (kept / self.get_buffer("scale"))
        projected: Tensor = self.linear(scaled)
        return projected


class GridPositions(nn.Module):
    """A learnt vector per row and per column of a picture's cells, added.

    Args:
        d: Width of the vectors.
        columns: Columns of the grid; None: a square, as large as the picture's own cells make it.
    """

    def __init__(self, d: int, columns: int | None) -> None:
        super().__init__()
        self.columns = columns
        self.row = nn.Parameter(torch.randn(LARGEST_SIDE, d) * 0.02)
        self.column = nn.Parameter(torch.randn(LARGEST_SIDE, d) * 0.02)

    def forward(self, lengths: Tensor, positions: int) -> Tensor:
        """Vectors ``[b, positions, d]`` of cells in reading order, of which ``lengths`` are there.

        Raises:
            InputError: A grid is no square, or has more than ``LARGEST_SIDE`` rows or columns.
        """
        if self.columns is None:
            columns = lengths.double().sqrt().round().long().clamp_min(1)
            odd = lengths != columns.square()
            if bool((odd & (lengths > 0)).any()):
                raise InputError(
                    f"regions: a picture has {int(lengths[odd][0])} cells, which is no square; "
                    "set vilbert.region_columns to the columns of its grid"
                )
        else:
            columns = torch.full_like(lengths, self.columns)
        largest = int(torch.maximum(columns, -(-lengths // columns)).max())
        if largest > LARGEST_SIDE:
            raise InputError(
                f"regions: a grid with a side of {largest} cells, at most {LARGEST_SIDE} are "
                "known; make the picture's grid coarser"
            )
        cell = torch.arange(positions, device=lengths.device)[None, :]
        row = (cell // columns[:, None]).clamp_max(LARGEST_SIDE - 1)
        return self.row[row] + self.column[cell % columns[:, None]]


class StreamInputs(nn.Module):
    """Positions of some modalities side by side: ``[CLS]``, vectors one each, then sequences.

    A modality that a row lacks has no position: it is not attended to, and where a side lacks all,
    its own learnt token is all there is. In training, whole modalities go in the same way.

    Args:
        modalities: What to read, in this order but for vectors coming first.
        d: Width of a position.
        dropout: Of inputs.
        words_dropout: Of single words.
        modality_dropout: Probability that a training example loses a modality.
        columns: As in :class:`GridPositions`.
        token: Begin with the side's own learnt token.
    """

    def __init__(
        self,
        modalities: dict[str, Modality],
        d: int,
        *,
        dropout: float,
        words_dropout: float,
        modality_dropout: float,
        columns: int | None,
        token: bool,
    ) -> None:
        super().__init__()
        sequences = [name for name, item in modalities.items() if item.kind in SEQUENCES]
        self.names = [n for n in modalities if n not in sequences] + sequences
        self.modality_dropout = modality_dropout
        self.token = nn.Parameter(torch.randn(d) * 0.02) if token else None
        self.projections = nn.ModuleDict()
        for name in self.names:
            kind, width = modalities[name].kind, modalities[name].width
            if kind in SEQUENCES:
                self.projections[name] = SequenceProjection(width, d, dropout)
            elif kind == "words":
                self.projections[name] = WordsProjection(width, d, words_dropout)
            else:
                self.projections[name] = DenseProjection(width, d, dropout)
        self.masks = nn.ParameterDict({n: nn.Parameter(torch.zeros(d)) for n in sequences})
        self.places = nn.ModuleDict(
            {
                name: GridPositions(d, columns)
                for name in sequences
                if modalities[name].kind == "regions"
            }
        )
        self.norm = nn.LayerNorm(d)

    def start(self, batches: list[Batch]) -> None:
        """Scale the inputs with the moments of the training rows."""
        for name, projection in self.projections.items():
            if name in self.masks:
                parts = [(b.inputs[name], used_positions(name, b)) for b in batches]
                projection.start(parts)  # type: ignore[operator]
                continue
            rows = [(b.inputs[name], b.present[name]) for b in batches]
            projection.start(  # type: ignore[operator]
                [x if x.layout == torch.sparse_csr else x[present] for x, present in rows]
            )

    def forward(self, batch: Batch, hidden: dict[str, Tensor] | None = None) -> Sequence:
        """Positions of ``batch``.

        Args:
            batch: The examples.
            hidden: Sequence modality to bool ``[b, t]``: positions whose content is masked.
        """
        parts, used = [], []
        if self.token is not None:
            parts.append(self.token.expand(len(batch), 1, -1))
            used.append(torch.ones(len(batch), 1, dtype=torch.bool, device=self.token.device))
        for name in self.names:
            states, there = self._modality(name, batch, (hidden or {}).get(name))
            if self.training and self.modality_dropout > 0:
                kept = torch.rand(len(batch), 1, device=there.device) >= self.modality_dropout
                there = there & kept
            parts.append(states)
            used.append(there)
        return Sequence(self.norm(torch.cat(parts, dim=1)), torch.cat(used, dim=1))

    def layout(self, batch: Batch) -> dict[str, slice]:
        """Positions of each modality in :meth:`forward`'s answer, and of the learnt ``token``."""
        places, begin = {}, 0
        if self.token is not None:
            places["token"], begin = slice(0, 1), 1
        for name in self.names:
            width = batch.inputs[name].shape[1] if name in self.masks else 1
            places[name], begin = slice(begin, begin + width), begin + width
        return places

    def _modality(self, name: str, batch: Batch, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        x = batch.inputs[name]
        projected: Tensor = self.projections[name](x)
        if name not in self.masks:
            return projected[:, None], batch.present[name][:, None]
        if hidden is not None:
            projected = torch.where(hidden[..., None], self.masks[name], projected)
        if name in self.places:
            projected = projected + self.places[name](batch.lengths[name], x.shape[1])
        return projected, used_positions(name, batch)


def used_positions(name: str, batch: Batch) -> Tensor:
    """Positions of a sequence modality that are there: bool ``[b, t]``."""
    cells = torch.arange(batch.inputs[name].shape[1], device=batch.lengths[name].device)
    return (cells < batch.lengths[name][:, None]) & batch.present[name][:, None]


def trim(batch: Batch) -> Batch:
    """The batch without positions that none of its rows uses."""
    longest = {name: max(1, int(used.max())) for name, used in batch.lengths.items() if len(used)}
    inputs = {
        name: x[:, : longest[name]] if name in longest else x for name, x in batch.inputs.items()
    }
    return replace(batch, inputs=inputs)


def side_by_side(first: Sequence, second: Sequence) -> Sequence:
    """The positions of both, those of ``first`` in front."""
    return Sequence(
        torch.cat([first.states, second.states], dim=1), torch.cat([first.used, second.used], dim=1)
    )


def draw_hidden(name: str, batch: Batch, rate: float) -> Tensor:
    """Used positions to mask, each with probability ``rate``: bool ``[b, t]``."""
    used = used_positions(name, batch)
    return used & (torch.rand(used.shape, device=used.device) < rate)
