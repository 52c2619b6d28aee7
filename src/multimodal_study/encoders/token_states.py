"""Texts to what the trained part of a transformer starts from.

The layers below the ones that train never change, so their output is made once: float16 states of
all tokens, without padding. Where everything trains, the token ids themselves are kept instead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from tqdm import tqdm

from multimodal_study.encoders.serialise import fields_of, serialise
from multimodal_study.encoders.text_model import find_model
from multimodal_study.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from multimodal_study.encoders.text_model import TextModel

logger = logging.getLogger(__name__)

Keep = Literal["head", "head_tail"]
Arrays = dict[str, np.ndarray[Any, Any]]
KINDS = ("bert", "roberta", "xlm-roberta")
"""Architectures whose layers can be taken one by one."""
TOKENS_PER_BATCH = 4096
"""Padded tokens of a batch: large products use bf16 well, and memory stays small."""
_SHORTEST = 3
_BLOCK = 16_384


def encode_states(table: pd.DataFrame, config: Mapping[str, Any]) -> Arrays:
    """Serialise the rows of ``table`` and run the frozen part of the encoder on them.

    Args:
        table: One row per review, ``n`` rows, with ``text`` and any of the metadata columns.
        config: Fields of ``models.transformer.Config``: encoder, trained_layers, max_tokens,
            keep, fields.

    Returns:
        ``values`` float16 ``[sum t, d]`` (int32 ``[sum t]`` token ids where all layers train) and
        ``offsets`` int64 ``[n + 1]``; text ``i`` is ``values[offsets[i]:offsets[i + 1]]``.
    """
    texts = serialise(table, fields_of(table, config.get("fields")))
    return token_states(
        texts,
        find_model(str(config["encoder"])),
        trained_layers=int(config["trained_layers"]),
        max_tokens=int(config["max_tokens"]),
        keep=config["keep"],
    )


def token_states(
    texts: Sequence[str],
    model: TextModel,
    *,
    trained_layers: int,
    max_tokens: int,
    keep: Keep = "head",
    bf16: bool | None = None,
) -> Arrays:
    """States below the last ``trained_layers`` layers; see :func:`encode_states` for the result.

    Args:
        texts: ``n`` texts.
        model: A BERT or RoBERTa encoder.
        trained_layers: 0 to the number of layers; -1: token ids.
        max_tokens: Tokens of a text that are looked at, special tokens included.
        keep: ``head`` keeps a long text's beginning, ``head_tail`` half from each end (Sun et al.
            2019, "How to fine-tune BERT for text classification?").
        bf16: Half precision; None: where the CPU or GPU multiplies in it.

    Raises:
        ValueError: A parameter is out of range or the architecture is not supported.
    """
    if keep not in get_args(Keep):
        raise InputError(f"transformer.keep is {keep!r}, expected one of {get_args(Keep)}")
    _check_kind(model)
    if not _SHORTEST <= max_tokens <= model.longest:
        raise InputError(
            f"transformer.max_tokens is {max_tokens}, {model.name} takes {_SHORTEST} to "
            f"{model.longest}"
        )
    tokens = tokenise(texts, model, max_tokens, keep)
    lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.concatenate([np.empty(0, np.int32), *tokens]).astype(np.int32)
    if trained_layers < 0:
        return {"values": ids, "offsets": offsets}
    started = time.perf_counter()
    values = _run(ids, offsets, lower_layers(model, trained_layers), model.width, bf16)
    logger.info(
        "%s below the last %d layers: %d texts, %d tokens in %.1f s",
        model.name, trained_layers, len(texts), len(ids), time.perf_counter() - started,
    )  # fmt: skip
    return {"values": values, "offsets": offsets}


def tokenise(
    texts: Sequence[str], model: TextModel, max_tokens: int, keep: Keep
) -> list[np.ndarray[Any, np.dtype[np.int32]]]:
    """Token ids of every text, special tokens included, at most ``max_tokens`` each."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        str(model.folder), use_fast=True, local_files_only=True
    )
    tail = (max_tokens - 2) // 2 if keep == "head_tail" else 0
    head = max_tokens - 2 - tail
    start, end = tokenizer("")["input_ids"]
    found: list[np.ndarray[Any, np.dtype[np.int32]]] = []
    for begin in range(0, len(texts), _BLOCK):
        # A lone surrogate cannot cross into the tokeniser's UTF-8.
        clean = [t.encode("utf-8", "replace").decode() for t in texts[begin : begin + _BLOCK]]
        if not clean:
            continue
        encoded = tokenizer(clean, add_special_tokens=False, verbose=False)["input_ids"]
        for ids in encoded:
            kept = ids if len(ids) <= head + tail else ids[:head] + ids[len(ids) - tail :]
            found.append(np.array([start, *kept, end], dtype=np.int32))
    return found


def pieces_of(table: pd.DataFrame, config: Mapping[str, Any]) -> list[list[str]]:
    """Word pieces of every token that :func:`encode_states` makes of the same rows."""
    from transformers import AutoTokenizer

    model = find_model(str(config["encoder"]))
    texts = serialise(table, fields_of(table, config.get("fields")))
    tokens = tokenise(texts, model, int(config["max_tokens"]), config["keep"])
    tokenizer: Any = AutoTokenizer.from_pretrained(
        str(model.folder), use_fast=True, local_files_only=True
    )
    return [[str(one) for one in tokenizer.convert_ids_to_tokens(ids.tolist())] for ids in tokens]


def load_encoder(model: TextModel) -> Any:
    """The pretrained network in float32, without its pooler and without dropout.

    Raises:
        ValueError: The architecture is not one of :data:`KINDS`.
    """
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    _check_kind(model)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return AutoModel.from_pretrained(
        str(model.folder),
        # On a CPU the fused kernel's backward pass takes longer than the plain products.
        attn_implementation="eager",
        add_pooling_layer=False,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        use_safetensors=True,
        local_files_only=True,
        dtype=torch.float32,
    )


def lower_layers(model: TextModel, trained_layers: int) -> Any:
    """The encoder without its last ``trained_layers`` layers.

    Raises:
        ValueError: It has fewer layers.
    """
    network = load_encoder(model).eval()
    layers = network.encoder.layer
    if trained_layers > len(layers):
        raise InputError(
            f"transformer.trained_layers is {trained_layers}, {model.name} has {len(layers)}: "
            f"expected -1 (everything) to {len(layers)}"
        )
    network.encoder.layer = layers[: len(layers) - trained_layers]
    return network


def run_layers(layers: Sequence[Any], states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """States ``[b, t, d]`` after ``layers``; ``mask`` bool ``[b, t]`` is False on padding."""
    hidden = torch.finfo(torch.float32).min
    bias = torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, hidden)[:, None, None]
    for layer in layers:
        output = layer(states, attention_mask=bias)
        states = output[0] if isinstance(output, tuple) else output
    return states


def _check_kind(model: TextModel) -> None:
    if model.kind not in KINDS:
        raise InputError(
            f"transformer.encoder is {model.name!r} of type {model.kind!r}, expected one of "
            f"{', '.join(KINDS)}; choose such a model"
        )


def _run(
    ids: np.ndarray[Any, Any],
    offsets: np.ndarray[Any, Any],
    network: Any,
    width: int,
    bf16: bool | None,
) -> np.ndarray[Any, np.dtype[np.float16]]:
    """States of the last layer of ``network``, in batches of about equally long texts."""
    from multimodal_study.encoders.padding import token_batches

    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device)
    half = torch.ops.mkldnn._is_mkldnn_bf16_supported() if bf16 is None else bf16
    values = np.empty((len(ids), width), dtype=np.float16)
    lengths = np.diff(offsets)
    with (
        torch.inference_mode(),
        torch.autocast(device, torch.bfloat16, enabled=bool(half)),
        tqdm(total=len(ids), desc="token states", unit="token", disable=None, leave=False) as bar,
    ):
        for rows in token_batches(lengths, TOKENS_PER_BATCH):
            position = np.arange(lengths[rows].max())
            mask = position < lengths[rows, None]
            where = (offsets[rows, None] + position)[mask]
            padded = np.zeros(mask.shape, dtype=np.int64)
            padded[mask] = ids[where]
            seen = torch.from_numpy(mask).to(device)
            states = network.embeddings(input_ids=torch.from_numpy(padded).to(device))
            states = run_layers(network.encoder.layer, states, seen)
            values[where] = states[seen].to(torch.float16).cpu().numpy()
            bar.update(len(where))
    return values
