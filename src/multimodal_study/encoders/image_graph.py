"""A vision model as one network with two outputs, and as an ONNX graph compared with it."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from multimodal_study.encoders.cache import FeatureCache
from multimodal_study.encoders.image_model import MEAN, SCALE, load_efficientnet
from multimodal_study.errors import InputError
from multimodal_study.storage.write_aside import write_aside

if TYPE_CHECKING:
    from multimodal_study.encoders.image_model import ImageModel

logger = logging.getLogger(__name__)

Floats = np.ndarray[Any, np.dtype[np.float32]]
Run = Callable[[np.ndarray[Any, Any]], tuple[Floats, Floats]]
"""Prepared pictures to pooled vectors ``[b, d]`` and cells ``[b, t, e]``."""
VERSION = 1
"""Raised when the exported graph changes: older files are then never looked up."""
TOLERANCE = 1e-4
"""Largest difference to torch that a graph may have on the probe, absolute."""
INPUT, POOLED, REGIONS = "pixels", "pooled", "regions"
_OPSET = 17
_MAP = 4
"""Dimensions of a feature map ``[b, d, h, w]``; a sequence ``[b, t, d]`` has one less."""


class Packaged(nn.Module):
    """EfficientNet-Lite0: uint8 ``[b, size, size, 3]`` to ``[b, d]`` and ``[b, t, d]``."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.network = load_efficientnet(size)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the grid, and its cells row by row."""
        x = ((pixels.float() - MEAN) / SCALE).permute(0, 3, 1, 2)
        cells = self.network.extract_features(x).flatten(2).transpose(1, 2)
        return cells.mean(1), cells


class HuggingFace(nn.Module):
    """The vision tower of any transformers model: float32 ``[b, 3, h, w]`` to the same two.

    Pooled is, in this order: the projection into the shared space of a model that has a text tower
    too (CLIP); the model's own pooler, if the weights hold it; the first token; the mean.
    """

    def __init__(self, model: ImageModel) -> None:
        super().__init__()
        whole, missing = _load(model)
        self.tower = getattr(whole, "vision_model", whole)
        self.projection = getattr(whole, "visual_projection", None)
        self.has_pooler = not any("pooler" in name for name in missing)
        strange = sorted(name for name in missing if "pooler" not in name)
        if strange:
            raise InputError(
                f"the weights of {model.name} lack {strange[:3]} ({len(strange)} in all); choose a "
                "folder whose config.json belongs to its weights"
            )

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled vectors and the states of the patches, row by row."""
        made = self.tower(pixel_values=pixels)
        states = made.last_hidden_state
        pooled = getattr(made, "pooler_output", None) if self.has_pooler else None
        if states.ndim == _MAP:
            cells, first = states.flatten(2).transpose(1, 2), None
        else:
            extra = states.shape[1] - self._patches(pixels, states.shape[1])
            cells, first = states[:, extra:], states[:, 0] if extra else None
        if pooled is None:
            pooled = cells.mean(1) if first is None else first
        pooled = pooled.flatten(1)
        return pooled if self.projection is None else self.projection(pooled), cells

    def _patches(self, pixels: Tensor, states: int) -> int:
        """Tokens that stand for a patch; class, distillation and register tokens precede them."""
        patch = getattr(self.tower.config, "patch_size", None)
        if not isinstance(patch, int):
            return states
        count = (pixels.shape[-2] // patch) * (pixels.shape[-1] // patch)
        # A model that merges patches as it goes (Swin) has fewer states, and no other tokens.
        return count if count <= states else states


def network_of(model: ImageModel, size: int) -> nn.Module:
    """The network of ``model`` in evaluation mode, in float32.

    Raises:
        ValueError: Its weights are not those of its configuration, or it is no vision model.
    """
    network = Packaged(size) if model.folder is None else HuggingFace(model)
    return network.eval()


def onnx_run(model: ImageModel, size: int, probe: np.ndarray[Any, Any], cache: Path) -> Run:
    """ONNX Runtime on one thread; for the arguments see :func:`open_graph`."""
    session = open_graph(model, size, probe, cache)

    def run(inputs: np.ndarray[Any, Any]) -> tuple[Floats, Floats]:
        pooled, regions = session.run([POOLED, REGIONS], {INPUT: inputs})
        return pooled, regions

    return run


def torch_run(model: ImageModel, size: int) -> Run:
    """Torch, the reference, with its own threads inside a batch and one batch at a time."""
    network = network_of(model, size)
    one_at_a_time = threading.Lock()

    def run(inputs: np.ndarray[Any, Any]) -> tuple[Floats, Floats]:
        with one_at_a_time, torch.inference_mode():
            pooled, regions = network(torch.from_numpy(inputs))
        return pooled.numpy(), regions.numpy()

    return run


def open_graph(
    model: ImageModel, size: int, probe: np.ndarray[Any, Any], cache: Path
) -> ort.InferenceSession:
    """Session of the cached graph of ``model``; exported first if it is absent or unreadable.

    Args:
        model: What to export.
        size: Pixels of a side, for the packaged model.
        probe: Two inputs as the model takes them.
        cache: Folder of the feature cache; graphs go to its ``onnx``.

    Raises:
        Exception: Whatever the exporter or the runtime raises on a model they cannot take.
    """
    parts = {"digest": model.digest, "shape": list(probe.shape[1:]), "version": VERSION}
    parts |= {"what": "image graph", "onnxruntime": ort.__version__}
    path = cache / "onnx" / f"{FeatureCache(cache).key(parts)}.onnx"
    if path.is_file():
        try:
            return _session(path)
        except Exception as error:
            logger.warning("the cached graph %s is unreadable, exporting again (%s)", path, error)
    logger.info("exporting %s to %s (once per model)", model.name, path)
    network = network_of(model, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent) as work:
        made = Path(work) / "made.onnx"
        _trace(network, probe, made)
        difference = _difference(network, _session(made), probe)
        if not difference <= TOLERANCE:
            raise RuntimeError(f"the graph differs from torch by {difference:.2g}")
        with write_aside(path) as partial:
            made.rename(partial)
    return _session(path)


def _trace(network: nn.Module, probe: np.ndarray[Any, Any], path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns about shapes that the probe fixes
        torch.onnx.export(
            network,
            (torch.from_numpy(probe),),
            str(path),
            input_names=[INPUT],
            output_names=[POOLED, REGIONS],
            dynamic_axes={name: {0: "b"} for name in (INPUT, POOLED, REGIONS)},
            opset_version=_OPSET,
            dynamo=False,
        )


def _difference(
    network: nn.Module, session: ort.InferenceSession, probe: np.ndarray[Any, Any]
) -> float:
    # Another number of pictures than was traced, so that a batch size that stuck shows.
    several = np.concatenate([probe, probe[:1]])
    with torch.inference_mode():
        expected = [part.numpy() for part in network(torch.from_numpy(several))]
    got = session.run([POOLED, REGIONS], {INPUT: several})
    return max(float(np.abs(a - b).max()) for a, b in zip(got, expected, strict=True))


def _session(path: Path) -> ort.InferenceSession:
    # One thread inside, several batches at a time outside, so that decoding is parallel too.
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _load(model: ImageModel) -> tuple[Any, set[str]]:
    """The transformers model, and names of parameters that its weights lack."""
    from transformers import AutoModel

    with _quiet_transformers():
        whole, report = AutoModel.from_pretrained(
            str(model.folder),
            attn_implementation="eager",
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    return whole, set(report["missing_keys"])


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Without the table of weights that belong to parts which are not used."""
    from transformers.utils import logging as transformers_logging

    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
