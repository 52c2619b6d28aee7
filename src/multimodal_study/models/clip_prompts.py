"""Prompts that name a class, encoded as the text tower's input was."""

from __future__ import annotations

from typing import Any

import numpy as np

from multimodal_study.contract import Modality
from multimodal_study.encoders.clip_views import TEXT, clip_width, encode_texts
from multimodal_study.encoders.text import TextEncoder
from multimodal_study.errors import InputError
from multimodal_study.models.clip_config import LABEL, Config


def prompt_width(config: Config, modalities: dict[str, Modality]) -> int:
    """Width of an encoded prompt: that of the sentence vectors, or of the pretrained space.

    Raises:
        InputError: There are no sentence vectors, or another encoder made them.
    """
    if config.model is not None:
        return clip_width(config.model)
    if "text" not in modalities or modalities["text"].origin != config.pair[1]:
        raise InputError(
            "clip.mode zero_shot reads prompts as the modality 'text' of the text origin, and "
            f"there is none among {sorted(modalities)}; add sentence vectors, or set clip.model"
        )
    width, expected = _encoder(config).width, modalities["text"].width
    if width != expected:
        raise InputError(
            f"clip.prompt_encoder makes vectors of {width}, but the modality 'text' has {expected} "
            f"({modalities['text'].encoder}); give it the same model and layers"
        )
    return width


def encode_prompts(config: Config, classes: list[str]) -> np.ndarray[Any, Any]:
    """Every prompt of the first class, then of the second, ...: float32 ``[c p, width]``."""
    texts = [prompt.replace(LABEL, name) for name in classes for prompt in config.prompts]
    if config.model is not None:
        return encode_texts(config.model, texts)
    return np.array(_encoder(config).encode(texts), dtype=np.float32)


def _encoder(config: Config) -> TextEncoder:
    return TextEncoder(**config.prompt_encoder)


__all__ = ["TEXT", "encode_prompts", "prompt_width"]
