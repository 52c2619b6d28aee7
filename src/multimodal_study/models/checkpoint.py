"""Weights of a published two-stream or single-stream transformer for our own bodies.

An LXMERT (Tan & Bansal 2019) has the blocks of ``bodies.TwoStreams`` with ``norm: post``, a ViLT
(Kim et al. 2021) those of ``bodies.SingleStream`` with ``norm: pre``; every block of the checkpoint
is copied, and the body then computes what the checkpoint's encoder computes. Not copied are its
embeddings, poolers and heads: inputs here are states of other encoders, so that the projections to
the checkpoint's width, the learnt tokens and the positions of cells are learnt anew.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import nn

from multimodal_study.errors import InputError
from multimodal_study.models.bodies import SIDES, Body, SingleStream, TwoStreams
from multimodal_study.models.coattention import Attention, Residual, SelfBlock, Shape

logger = logging.getLogger(__name__)

_PARAMETER = "vilbert.pretrained"
_READ = ("*.json", "*.safetensors")


def read_shape(name: str, asked: Shape, *, single: bool) -> Shape:
    """The checkpoint's shape, with the dropout that was asked for.

    Args:
        name: A folder, or a hub id; only for an id the hub (or its local cache) is asked.
        asked: What the parameters say; widths and depths that differ give way, which is logged.
        single: Whether the body is the single stream.

    Raises:
        InputError: There is no such checkpoint, or not one for this body.
    """
    path = _folder(name) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{_PARAMETER}={name}: {path} cannot be read as JSON: {error}") from error
    kind, wanted = config.get("model_type"), "vilt" if single else "lxmert"
    if kind != wanted:
        raise InputError(
            f"{_PARAMETER}={name}: a model of type {kind!r}, expected {wanted!r} with "
            f"single_stream: {str(single).lower()}; name another checkpoint or change that"
        )
    if config.get("hidden_act", "gelu") != "gelu":
        raise InputError(f"{_PARAMETER}={name}: hidden_act {config['hidden_act']!r}, expected gelu")
    shape = replace(
        asked,
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        hidden=config["intermediate_size"],
    )
    if single:
        shape = replace(
            shape,
            norm="pre",
            epsilon=config.get("layer_norm_eps", 1e-12),
            single_depth=config["num_hidden_layers"],
        )
    else:
        shape = replace(
            shape,
            norm="post",
            epsilon=1e-12,
            text_depth=config["l_layers"],
            image_depth=config["r_layers"],
            coattention_depth=config["x_layers"],
        )
    if shape != asked:
        logger.info("%s=%s decides the body: %s in place of %s", _PARAMETER, name, shape, asked)
    return shape


def copy_checkpoint(name: str, body: Body) -> None:
    """Copy the blocks of the checkpoint into ``body``, whose shape :func:`read_shape` gave.

    Raises:
        InputError: A weight is missing or has another shape.
    """
    from safetensors.torch import load_file

    weights: dict[str, torch.Tensor] = {}
    for path in sorted(_folder(name).glob("*.safetensors")):
        weights |= load_file(path)
    source = _Source(name, weights)
    if isinstance(body, TwoStreams):
        _copy_lxmert(source, body)
    else:
        _copy_vilt(source, body)
    logger.info("%s=%s: %d of %d weights copied", _PARAMETER, name, source.copied, len(weights))


class _Source:
    """The checkpoint's weights by name, whatever its task heads prefixed them with."""

    def __init__(self, name: str, weights: dict[str, torch.Tensor]) -> None:
        self.name = name
        self.weights = {
            key.removeprefix("lxmert.").removeprefix("vilt."): value
            for key, value in weights.items()
        }
        self.copied = 0

    def into(self, module: nn.Module, key: str) -> None:
        """Copy the weight and bias of ``key`` into a linear map or normalisation."""
        for part, parameter in module.named_parameters():
            value = self.weights.get(f"{key}.{part}")
            if value is None and part == "bias":
                value = torch.zeros_like(parameter)
            if value is None or value.shape != parameter.shape:
                found = "is missing" if value is None else f"has shape {tuple(value.shape)}"
                raise InputError(
                    f"{_PARAMETER}={self.name}: {key}.{part} {found}, expected "
                    f"{tuple(parameter.shape)}; the checkpoint is not whole"
                )
            with torch.no_grad():
                parameter.copy_(value)
            self.copied += 1

    def attention(self, module: Attention, key: str, output: str) -> None:
        """Copy queries, keys and values of ``key`` and the map ``output`` after them."""
        for part in ("query", "key", "value"):
            self.into(getattr(module, part), f"{key}.{part}")
        self.into(module.output, output)


def _copy_lxmert(source: _Source, body: TwoStreams) -> None:
    stacks = {"text": "encoder.layer", "image": "encoder.r_layers"}
    for side in SIDES:
        for number, own_block in enumerate(cast(nn.ModuleList, body.streams[side])):
            key = f"{stacks[side]}.{number}"
            _lxmert_block(
                source,
                cast(SelfBlock, own_block),
                f"{key}.attention",
                f"{key}.intermediate",
                f"{key}.output",
            )
    for number, block in enumerate(body.coattention):
        key = f"encoder.x_layers.{number}"
        # LXMERT reads both ways with one set of weights; here each direction starts from it.
        readers: tuple[tuple[Attention, Residual], ...] = (
            (block.text_reads, block.text_sum),  # type: ignore[assignment]
            (block.image_reads, block.image_sum),
        )
        for attention, total in readers:
            cross = f"{key}.visual_attention"
            source.attention(attention, f"{cross}.att", f"{cross}.output.dense")
            source.into(total.norm, f"{cross}.output.LayerNorm")
        for own, name in ((block.text, "lang"), (block.image, "visn")):
            start = f"{key}.{name}"
            _lxmert_block(
                source,
                own,  # type: ignore[arg-type]
                f"{start}_self_att",
                f"{start}_inter",
                f"{start}_output",
            )


def _lxmert_block(source: _Source, block: SelfBlock, *keys: str) -> None:
    attention, inner, outer = keys
    source.attention(block.attention, f"{attention}.self", f"{attention}.output.dense")
    source.into(block.attended.norm, f"{attention}.output.LayerNorm")
    source.into(block.feed_forward[0], f"{inner}.dense")
    source.into(block.feed_forward[2], f"{outer}.dense")
    source.into(block.fed.norm, f"{outer}.LayerNorm")


def _copy_vilt(source: _Source, body: SingleStream) -> None:
    for number, block in enumerate(body.blocks):
        assert isinstance(block, SelfBlock)  # noqa: S101  # for the type checker
        key = f"encoder.layer.{number}"
        source.into(block.attended.norm, f"{key}.layernorm_before")
        source.attention(
            block.attention, f"{key}.attention.attention", f"{key}.attention.output.dense"
        )
        source.into(block.fed.norm, f"{key}.layernorm_after")
        source.into(block.feed_forward[0], f"{key}.intermediate.dense")
        source.into(block.feed_forward[2], f"{key}.output.dense")
    source.into(body.norm, "layernorm")


def _folder(name: str) -> Path:
    if Path(name).expanduser().is_dir():
        folder = Path(name).expanduser()
    elif name.startswith((".", "/", "~")):
        raise InputError(f"{_PARAMETER}={name}: there is no such folder; name one, or a hub id")
    else:
        folder = _from_hub(name)
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise InputError(
            f"{_PARAMETER}={name}: {folder} has no config.json with *.safetensors weights; save it "
            "with save_pretrained, or name another checkpoint"
        )
    return folder


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_READ)))
    # Offline, unknown, gated and malformed ids fail with unrelated classes.
    except Exception as error:
        raise InputError(
            f"{_PARAMETER}={name} is neither a folder nor in the local hub cache, and the Hugging "
            f"Face hub did not give it ({type(error).__name__}); name a folder, or null, or go "
            "online"
        ) from error
