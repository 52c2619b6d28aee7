"""A pretrained transformer as an embedding and a list of layers, cut where training begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from multimodal_study.encoders.text_model import find_model
from multimodal_study.errors import InputError

_BLOCKED = -1e4
"""Added to a padding position's attention score: e^-1e4 is 0 in every precision, and finite."""


@dataclass(frozen=True)
class Stack:
    """The parts of an encoder; ``layers[i]`` maps hidden states ``[b, t, d]`` to the same shape."""

    embeddings: nn.Module
    layers: nn.ModuleList
    width: int


def load_stack(model: str) -> Stack:
    """The pretrained encoder ``model`` (see :func:`find_model`), in float32.

    Raises:
        ValueError: If the model is not found, or is not an encoder built of ``embeddings`` and
            ``encoder.layer`` as BERT, RoBERTa, ELECTRA and their kin are.
    """
    from transformers import AutoModel
    from transformers.utils import logging as hub_logging

    found = find_model(model)
    bars = hub_logging.is_progress_bar_enabled()
    hub_logging.disable_progress_bar()
    try:
        # The fused attention's backward pass on a CPU costs as much as all its matrix products.
        network: Any = AutoModel.from_pretrained(
            str(found.folder), attn_implementation="eager", dtype=torch.float32
        )
    finally:
        if bars:
            hub_logging.enable_progress_bar()
    layers = getattr(getattr(network, "encoder", None), "layer", None)
    if layers is None or not hasattr(network, "embeddings") or found.kind == "mpnet":
        raise InputError(
            f"transformer.model is {model!r}, a {found.kind!r}: its layers cannot be separated; "
            "choose a BERT-like encoder, for example all-MiniLM-L6-v2"
        )
    return Stack(network.embeddings, nn.ModuleList(layers), found.width)


def run_layers(layers: nn.ModuleList, hidden: Tensor, mask: Tensor) -> Tensor:
    """Hidden states ``[b, t, d]`` through ``layers``; ``mask`` bool ``[b, t]`` is True at tokens."""
    blocked = ((~mask).to(hidden.dtype) * _BLOCKED)[:, None, None, :]
    for layer in layers:
        output = layer(hidden, attention_mask=blocked)
        hidden = output[0] if isinstance(output, tuple) else output
    return hidden


def set_dropout(module: nn.Module, probability: float) -> None:
    """Give every dropout inside ``module`` this probability."""
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = probability


def bf16_gains() -> bool:
    """Whether this CPU multiplies bfloat16 matrices faster than float32 ones."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
