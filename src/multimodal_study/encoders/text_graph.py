"""A sentence encoder as an ONNX graph: exported once, fused, compared with torch, kept."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn
from torch.nn import functional

from multimodal_study.encoders.cache import FeatureCache
from multimodal_study.errors import InputError
from multimodal_study.storage.write_aside import write_aside

if TYPE_CHECKING:
    from multimodal_study.encoders.text_model import TextModel

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised when the exported graph changes: older files are then never looked up."""
TOLERANCE = 1e-4
"""Largest difference to torch that a graph may have on the probe, absolute."""
STATES, POOLED = "states", "pooled"
_OPSET = 17
_FUSED_KINDS = frozenset({"bert", "roberta", "xlm-roberta"})


class Pooled(nn.Module):
    """A transformer and its pooling: token states ``[b, t, d]`` and sentence vectors ``[b, d]``."""

    def __init__(self, model: TextModel) -> None:
        from transformers import AutoModel
        from transformers.utils import logging as transformers_logging

        super().__init__()
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.transformer = AutoModel.from_pretrained(
            str(model.folder),
            attn_implementation="eager",
            use_safetensors=True,
            local_files_only=True,
            dtype=torch.float32,
        ).eval()
        self.pooling, self.normalise = model.pooling, model.normalise
        self.layers = model.layers
        depth = int(self.transformer.config.num_hidden_layers)
        if not all(0 <= layer <= depth for layer in self.layers):
            raise InputError(
                f"text.layers is {list(self.layers)}, {model.name} has the layers 0 to {depth}"
            )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """States and pooled vectors; padding has no share in either pooling."""
        made = self.transformer(
            input_ids=input_ids,
            attention_mask=attention_mask,
            output_hidden_states=bool(self.layers),
        )
        states = made.last_hidden_state
        if self.layers:
            parts = [self._pool(made.hidden_states[n], attention_mask) for n in self.layers]
            return states, torch.cat(parts, dim=-1)
        pooled = self._pool(states, attention_mask)
        return states, functional.normalize(pooled, dim=-1) if self.normalise else pooled

    def _pool(self, states: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "cls":
            return states[:, 0]
        weight = mask[..., None].to(states.dtype)
        return (states * weight).sum(1) / weight.sum(1).clamp(min=1e-9)


def open_graph(model: TextModel, cache: Path) -> ort.InferenceSession:
    """Session of the cached graph of ``model``; exported first if it is absent or unreadable.

    Raises:
        Exception: Whatever the exporter or the runtime raises on a model they cannot take.
    """
    key = FeatureCache(cache).key(
        {
            "digest": model.digest,
            "pooling": model.pooling,
            "normalise": model.normalise,
            "layers": list(model.layers),
            "version": VERSION,
            "onnxruntime": ort.__version__,
        }
    )
    path = cache / "onnx" / f"{key}.onnx"
    if path.is_file():
        try:
            return _session(path)
        except Exception as error:
            logger.warning("the cached graph %s is unreadable, exporting again (%s)", path, error)
    _export(model, path)
    return _session(path)


def _export(model: TextModel, path: Path) -> None:
    logger.info("exporting %s to %s (once per model)", model.name, path)
    network = Pooled(model)
    probe = _probe(model)
    with torch.inference_mode():
        expected = [part.numpy() for part in network(*map(torch.from_numpy, probe))]
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as work:
        plain, fused = Path(work) / "plain.onnx", Path(work) / "fused.onnx"
        _trace(network, probe, plain)
        chosen = plain
        if model.kind in _FUSED_KINDS:
            _fuse(plain, fused, model)
            if _difference(fused, probe, expected) <= TOLERANCE:
                chosen = fused
            else:
                logger.warning("the fused graph of %s differs from torch; not fused", model.name)
        difference = _difference(chosen, probe, expected)
        if difference > TOLERANCE:
            raise RuntimeError(f"the graph differs from torch by {difference:.2g}")
        with write_aside(path) as partial:
            chosen.rename(partial)


def _probe(model: TextModel) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Made-up token ids with padding: int64 ``[3, 24]`` each."""
    tokens = min(24, model.longest)
    ids = np.random.default_rng(0).integers(4, 20, size=(3, tokens))
    mask = (np.arange(tokens) < np.array([[tokens], [tokens // 2], [3]])).astype(np.int64)
    return np.where(mask == 1, ids, 0), mask


def _trace(network: Pooled, probe: tuple[np.ndarray[Any, Any], ...], path: Path) -> None:
    names = ["input_ids", "attention_mask"]
    axes = {name: {0: "b", 1: "t"} for name in [*names, STATES]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns about shapes that the probe fixes
        torch.onnx.export(
            network,
            tuple(map(torch.from_numpy, probe)),
            str(path),
            input_names=names,
            output_names=[STATES, POOLED],
            dynamic_axes={**axes, POOLED: {0: "b"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _fuse(plain: Path, fused: Path, model: TextModel) -> None:
    """Join the operators of attention, GELU and layer normalisation; same float32 numbers."""
    from onnxruntime.transformers.optimizer import optimize_model

    noisy = logging.getLogger("onnxruntime.transformers")
    level = noisy.level
    noisy.setLevel(logging.ERROR)
    try:
        graph = optimize_model(
            str(plain),
            model_type="bert",
            num_heads=model.heads,
            hidden_size=model.width,
            opt_level=0,
        )
        graph.save_model_to_file(str(fused))
    finally:
        noisy.setLevel(level)


def _difference(
    path: Path,
    probe: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    expected: list[np.ndarray[Any, Any]],
) -> float:
    got = _session(path).run([STATES, POOLED], {"input_ids": probe[0], "attention_mask": probe[1]})
    seen = probe[1].astype(bool)  # states of padding mean nothing
    return max(
        float(np.abs(got[0] - expected[0])[seen].max()), float(np.abs(got[1] - expected[1]).max())
    )


def _session(path: Path) -> ort.InferenceSession:
    # One thread inside, several batches at a time outside: quicker than threads inside a batch.
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # hardly two batches have the same shape
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
