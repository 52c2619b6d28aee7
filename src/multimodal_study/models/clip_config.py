"""Parameters of ``clip``, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from multimodal_study.errors import InputError
from multimodal_study.models.config import FusionConfig, check, check_choice
from multimodal_study.models.contrastive import LARGEST_SCALE

Mode = Literal["heads", "linear_probe", "zero_shot", "full"]
Loss = Literal["info_nce", "sigmoid"]
_SIDES = 2
_NEED_MODEL = ("linear_probe", "full")
LABEL = "{label}"
"""Where a prompt names the class."""


@dataclass(frozen=True)
class Config(FusionConfig):
    """Parameters of the dual tower.

    ``dropout`` acts inside the towers, ``embed_dim`` is the width of the shared space of a member;
    ``class_weights`` and ``label_smoothing`` are those of the probe alone.
    """

    pair: list[str]
    """Origins that are aligned, the picture's first: ``zero_shot`` classifies by the first."""
    mode: Mode
    model: str | None
    """Folder or Hugging Face id of a ``CLIPModel``; null: towers over the dataset's features."""
    loss: Loss
    hidden: int
    """Width inside a tower."""
    depth: int
    """Residual blocks of a tower."""
    heads: int
    """Questions of an attention pooling over each sequence; 0: its maxima and
    deviations take the place of attention."""
    members: int
    """Independent pairs of towers, trained side by side. Their embeddings are put side by side, so
    that the cosine is the mean of theirs: an ensemble that stays one embedding search."""
    linear_weight: float
    """Share of a closed-form linear member in the cosines, beside the towers'; 0: none."""
    regularisation: float
    """Of that member, in units of the mean variance."""
    power: float
    """Of the canonical correlations, as weights of its dimensions."""
    input_dropout: float
    """Dropout of the numbers that enter a tower (words have ``words_dropout``)."""
    temperature: float
    """At the start; learnt, and kept in 0.01 to 1."""
    chunk: int
    """Rows that a tower encodes at a time in training, twice each; 0: the batch, once."""
    averaging: float
    """Decay of the exponential mean of the weights that predicts; 0: the last weights predict."""
    pretrained_learning_rate: float
    """Rate of the pretrained towers in ``full``; what is new has ``learning_rate``."""
    prompts: list[str]
    """What a text says of an item of a class, for ``zero_shot``; ``{label}`` is the class."""
    prompt_encoder: dict[str, Any]
    """Options of ``encoders.text.TextEncoder``: the encoder that made the modality ``text``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("mode", self.mode, ("heads", "linear_probe", "zero_shot", "full"))
        check_choice("loss", self.loss, ("info_nce", "sigmoid"))
        if len(set(self.pair)) != _SIDES:
            raise InputError(f"clip.pair is {self.pair}, expected two origins: [image, text]")
        for name, low, high in (
            ("hidden", 1, 65536),
            ("depth", 0, 64),
            ("heads", 0, 256),
            ("members", 1, 64),
            ("chunk", 0, 1 << 24),
        ):
            check(name, getattr(self, name), low, high)
        check("input_dropout", self.input_dropout, 0.0, 0.95)
        check("linear_weight", self.linear_weight, 0.0, 0.99)
        check("regularisation", self.regularisation, 1e-4, 1e4)
        check("power", self.power, 0.0, 16.0)
        check("temperature", self.temperature, 1 / LARGEST_SCALE, 1.0)
        check("averaging", self.averaging, 0.0, 0.9999)
        check("pretrained_learning_rate", self.pretrained_learning_rate, 0.0, 1.0)
        if self.mode in _NEED_MODEL and self.model is None:
            raise InputError(
                f"clip.mode is {self.mode!r}, which needs towers that are aligned already: set "
                "clip.model to the folder or id of a CLIPModel, or clip.mode to heads"
            )
        if self.mode == "zero_shot" and not all(LABEL in prompt for prompt in self.prompts or [""]):
            raise InputError(f"clip.prompts is {self.prompts}; each must hold {LABEL}")

    @property
    def start_scale(self) -> float:
        """Logarithm of the scale at the start."""
        return -math.log(self.temperature)
