"""Parameters of the two streams with co-attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from multimodal_study.models.alignment import MaskedObjective, Negatives
from multimodal_study.models.coattention import Norm, Shape
from multimodal_study.models.config import FusionConfig, check, check_choice


@dataclass(frozen=True)
class Config(FusionConfig):
    """Parameters of co-attention; see ``conf/base/parameters_vilbert.yml``."""

    heads: int
    feed_forward: float
    """Width inside the feed-forward layers, in widths of a position."""
    text_depth: int
    image_depth: int
    coattention_depth: int
    norm: Norm
    single_stream: bool
    """One transformer over both sides in place of two streams, of about as many parameters."""
    fusion: Literal["product", "concatenate"]
    input_dropout: float
    """Dropout of single channels of the inputs."""
    region_columns: int | None
    """Columns of the grid of cells; None: square."""
    task: float
    """Weight of the task's loss; 0: the streams learn from pairs alone."""
    contrastive: float
    matching: float
    negatives: Negatives
    masked_tokens: float
    masked_regions: float
    masked_objective: MaskedObjective
    mask_rate: float
    """Share of positions that the masked objectives hide in training."""
    candidates: int
    """Best items by embedding that a query is matched with; 0: none."""
    pretrained: str | None
    """Folder or hub id of an LXMERT (two streams) or ViLT (single stream)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check("heads", self.heads, 1, self.embed_dim)
        if self.pretrained is None and self.embed_dim % self.heads:
            raise ValueError(f"heads is {self.heads}, expected a divisor of {self.embed_dim}")
        check("feed_forward", self.feed_forward, 0.1, 16.0)
        for name in ("text_depth", "image_depth"):
            check(name, getattr(self, name), 0, 48)
        check("coattention_depth", self.coattention_depth, 1, 48)
        check_choice("norm", self.norm, get_args(Norm))
        check_choice("fusion", self.fusion, ("product", "concatenate"))
        check("input_dropout", self.input_dropout, 0.0, 0.95)
        if self.region_columns is not None:
            check("region_columns", self.region_columns, 1, 4096)
        for name in ("task", "contrastive", "matching", "masked_tokens", "masked_regions"):
            check(name, getattr(self, name), 0.0, 1000.0)
        check_choice("negatives", self.negatives, get_args(Negatives))
        check_choice("masked_objective", self.masked_objective, get_args(MaskedObjective))
        check("mask_rate", self.mask_rate, 0.01, 0.95)
        check("candidates", self.candidates, 0, 1 << 20)

    @property
    def shape(self) -> Shape:
        """The body's, unless a checkpoint brings its own."""
        return Shape(
            width=self.embed_dim,
            heads=self.heads,
            hidden=round(self.feed_forward * self.embed_dim),
            text_depth=self.text_depth,
            image_depth=self.image_depth,
            coattention_depth=self.coattention_depth,
            norm=self.norm,
            dropout=self.dropout,
        )
