"""What every paradigm's configuration has in common, and how its ranges are checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from multimodal_study.models.image_network import PixelsConfig

ClassWeights = Literal["none", "balanced"]


class Optimisation(Protocol):
    """What the shared step reads from a paradigm's ``Config``."""

    @property
    def learning_rate(self) -> float:
        """Peak learning rate of AdamW."""

    @property
    def weight_decay(self) -> float:
        """Decoupled weight decay (Loshchilov & Hutter 2019)."""

    @property
    def label_smoothing(self) -> float:
        """Mass moved from the true class to all classes evenly."""

    @property
    def class_weights(self) -> ClassWeights:
        """``balanced`` weighs a class by n / (c * its rows in train)."""


def check(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError unless ``low <= value <= high``, naming the parameter."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, expected {low} to {high}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``, naming the parameter."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(choices)}")


@dataclass(frozen=True)
class FusionConfig:
    """Fields that the fusion paradigms share; each adds its own."""

    embed_dim: int
    """Width ``d`` of each modality's representation."""
    dropout: float
    """Dropout inside the network."""
    words_dropout: float
    """Dropout of single words at the input: a bag of words overfits first."""
    modality_dropout: float
    """Probability that a training example loses a modality."""
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    class_weights: ClassWeights
    pixels: PixelsConfig = field(default_factory=PixelsConfig, kw_only=True)
    """How the image network learns, where a dataset gives pixels; a mapping is taken too."""

    def __post_init__(self) -> None:
        if isinstance(self.pixels, Mapping):
            object.__setattr__(self, "pixels", PixelsConfig(**self.pixels))
        check("embed_dim", self.embed_dim, 1, 65536)
        for name in ("dropout", "words_dropout", "modality_dropout", "label_smoothing"):
            check(name, getattr(self, name), 0.0, 0.95)
        check("learning_rate", self.learning_rate, 1e-8, 10.0)
        check("weight_decay", self.weight_decay, 0.0, 100.0)
        check_choice("class_weights", self.class_weights, ("none", "balanced"))
