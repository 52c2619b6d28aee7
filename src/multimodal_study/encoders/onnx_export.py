"""A frozen sentence encoder as one ONNX file: exported once, fused, checked, then reused."""

from __future__ import annotations

import logging
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from multimodal_study.storage.write_aside import write_aside

log = logging.getLogger(__name__)

OPSET = 17
TOLERANCE = 1e-4
"""Largest difference to torch, per coordinate of a vector, that an export may show."""
INPUTS = ("input_ids", "attention_mask")
POOLINGS = ("mean", "cls", "max")
_FUSIBLE = ("bert", "distilbert", "roberta", "xlm-roberta", "mpnet")


class SentenceVector(nn.Module):
    """Token states of a frozen transformer, pooled into one vector per text.

    The pooling is that of sentence-transformers (Reimers and Gurevych 2019): the mean over the
    tokens that are not padding, the first token, or the maximum.
    """

    def __init__(self, transformer: nn.Module, pooling: str, normalise: bool) -> None:
        super().__init__()
        self.transformer = transformer
        self.pooling = pooling
        self.normalise = normalise

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Vectors float32 ``[b, d]`` of token ids and mask, both int64 ``[b, t]``."""
        output = self.transformer(input_ids=input_ids, attention_mask=attention_mask)
        states = output.last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        if self.pooling == "cls":
            vector = states[:, 0]
        elif self.pooling == "max":
            vector = (states + (mask - 1.0) * 1e9).max(dim=1).values
        else:
            vector = (states * mask).sum(1) / mask.sum(1).clamp_min(1e-9)
        return functional.normalize(vector, dim=-1) if self.normalise else vector


def file_name(key: str) -> str:
    """Name of the file for an encoder ``key``; a newer runtime or opset gets a file of its own."""
    return f"{key}-opset{OPSET}-ort{version('onnxruntime')}.onnx"


def exported(encoder: SentenceVector, key: str, folder: Path) -> Path:
    """The ONNX file of ``encoder`` in ``folder``; made if it is not there.

    Args:
        encoder: The torch reference, in evaluation mode.
        key: Digest of the weights and of the pooling.
        folder: Cache folder; the file appears in it only when it is whole and agrees with torch.

    Raises:
        RuntimeError: The exported graph gives other vectors than torch.
    """
    target = folder / file_name(key)
    if target.is_file():
        return target
    start = time.perf_counter()
    with write_aside(target) as partial:
        _trace(encoder, partial)
        _fuse(encoder, partial)
        difference = _difference(encoder, partial)
        if not difference <= TOLERANCE:
            raise RuntimeError(
                f"the ONNX export differs from torch by {difference:.2g}, allowed {TOLERANCE}"
            )
    log.info("exported the encoder to %s in %.1f s", target, time.perf_counter() - start)
    return target


def open_session(path: Path, threads: int) -> Any:
    """An ONNX Runtime session on the CPU whose operators use ``threads`` threads each."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _example(encoder: SentenceVector, rows: int, tokens: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    words = int(encoder.transformer.config.vocab_size)  # type: ignore[union-attr, arg-type]
    ids = torch.randint(0, words, (rows, tokens), generator=generator)
    mask = torch.ones_like(ids)
    mask[0, tokens // 2 :] = 0
    return ids, mask


def _trace(encoder: SentenceVector, path: Path) -> None:
    axes = {name: {0: "batch", 1: "tokens"} for name in INPUTS}
    with warnings.catch_warnings():
        # The tracing exporter announces that it is the old one, and comments on constant branches.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            encoder,
            _example(encoder, rows=2, tokens=6),
            str(path),
            input_names=list(INPUTS),
            output_names=["vector"],
            dynamic_axes={**axes, "vector": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )


def _fuse(encoder: SentenceVector, path: Path) -> None:
    """Fuse attention, layer norm and GELU of a BERT-like graph in place; else leave it alone."""
    config: Any = encoder.transformer.config
    if config.model_type not in _FUSIBLE:
        log.info("no operator fusion for the architecture %s", config.model_type)
        return
    from onnxruntime.transformers import optimizer

    level = logging.getLogger("onnxruntime.transformers").level
    logging.getLogger("onnxruntime.transformers").setLevel(logging.ERROR)
    try:
        heads = getattr(config, "num_attention_heads", 0)
        width = getattr(config, "hidden_size", 0)
        fused = optimizer.optimize_model(
            str(path), model_type="bert", num_heads=heads, hidden_size=width, opt_level=0
        )
        fused.save_model_to_file(str(path))
    finally:
        logging.getLogger("onnxruntime.transformers").setLevel(level)


def _difference(encoder: SentenceVector, path: Path) -> float:
    """Largest difference between torch and the file, over two shapes of batch."""
    session = open_session(path, threads=1)
    worst = 0.0
    for rows, tokens in ((3, 11), (1, 4)):
        ids, mask = _example(encoder, rows, tokens)
        with torch.inference_mode():
            expected = encoder(ids, mask).numpy()
        inputs = dict(zip(INPUTS, (ids.numpy(), mask.numpy()), strict=True))
        got = session.run(None, inputs)[0]
        worst = max(worst, float(np.abs(got - expected).max()))
    return worst
