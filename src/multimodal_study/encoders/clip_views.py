"""What a pretrained CLIP makes of the pictures and texts of a dataset, as modalities.

Frozen towers: ``clip_image`` and ``clip_text``, vectors of one space. To be fine-tuned: ``pixels``
at the size of its vision tower and ``token_ids``, from which the network itself goes on. Local
folders never ask the hub.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from multimodal_study.contract import Features, Modality
from multimodal_study.encoders.cache import FeatureCache, digest_texts
from multimodal_study.errors import InputError

logger = logging.getLogger(__name__)

IMAGE, TEXT = "clip_image", "clip_text"
PIXELS, TOKEN_IDS = "clip_pixels", "clip_token_ids"
Array = np.ndarray[Any, Any]
Picture = Callable[[int], Array | None]
"""Row of the entity to its picture, uint8 ``[h, w, 3]``; None where there is none."""
_TOGETHER = 32


def clip_folder(model: str) -> str:
    """Local folder of ``model``; the hub is asked only for a name that is no folder.

    Raises:
        InputError: The folder or the hub has no such ``CLIPModel``, with what to do.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if model.startswith((".", "/", "~")):
            raise InputError(f"clip.model is {model!r}: there is no such folder")
        folder = _from_hub(model)
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise InputError(
            f"clip.model is {model!r}, but {folder} has no config.json with *.safetensors; save "
            "the model and its processor there with save_pretrained"
        )
    return str(folder)


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        kept = ["*.json", "*.txt", "*.safetensors"]
        return Path(snapshot_download(model, allow_patterns=kept))
    except (OSError, ValueError) as error:
        raise InputError(
            f"clip.model is {model!r}: no such folder, and the Hugging Face hub did not give it "
            f"({type(error).__name__}; is the network there, is HF_HUB_OFFLINE set?); give the "
            "folder of a downloaded copy, or set clip.model to null"
        ) from error


def load_clip(model: str) -> Any:
    """The ``CLIPModel``, in evaluation mode.

    Raises:
        InputError: It is another kind of model.
    """
    from transformers import AutoConfig, CLIPModel

    folder = clip_folder(model)
    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    if kind != "clip":
        raise InputError(f"clip.model is {model!r}, a {kind!r} model; expected a CLIPModel")
    network: Any = CLIPModel.from_pretrained(folder, local_files_only=True)
    return network.eval()


def load_processors(model: str) -> tuple[Any, Any]:
    """Tokeniser and image processor of the model."""
    from transformers import AutoTokenizer, CLIPImageProcessorPil

    folder = clip_folder(model)
    return (
        AutoTokenizer.from_pretrained(folder, local_files_only=True),
        CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True),
    )


def moments(model: str) -> tuple[list[float], list[float]]:
    """Mean and deviation of the channels that the vision tower expects."""
    _, images = load_processors(model)
    return list(images.image_mean), list(images.image_std)


def clip_width(model: str) -> int:
    """Width ``d`` of the model's shared space."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(clip_folder(model), local_files_only=True)
    return int(config.projection_dim)


def encode_texts(model: str, texts: list[str]) -> Array:
    """Text embeddings float32 ``[n, d]`` of the frozen model, not normalised."""
    import torch

    network, (tokenizer, _) = load_clip(model), load_processors(model)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), _TOGETHER):
            part = texts[start : start + _TOGETHER]
            tokens = tokenizer(part, padding=True, truncation=True, return_tensors="pt")
            found = network.get_text_features(tokens.input_ids, tokens.attention_mask)
            parts.append(found.pooler_output.numpy())
    return np.concatenate(parts)


def encode_pictures(model: str, picture: Picture, n: int) -> Array:
    """Image embeddings float32 ``[n, d]``, not normalised; zeros where there is no picture."""
    import torch

    network, (_, images) = load_clip(model), load_processors(model)
    found = np.zeros((n, int(network.config.projection_dim)), dtype=np.float32)
    with torch.inference_mode():
        for rows, pictures in _some(picture, n):
            values = images(pictures, return_tensors="pt").pixel_values
            found[rows] = network.get_image_features(values).pooler_output.numpy()
    return found


def resize_pictures(model: str, picture: Picture, n: int) -> Array:
    """Pictures as the model sees them before normalisation: uint8 ``[n, h, w, 3]``."""
    _, images = load_processors(model)
    side = images.crop_size or images.size
    found = np.zeros((n, side["height"], side["width"], 3), dtype=np.uint8)
    for rows, pictures in _some(picture, n):
        made = images(pictures, do_rescale=False, do_normalize=False, return_tensors="np")
        found[rows] = made.pixel_values.transpose(0, 2, 3, 1).round().clip(0, 255)
    return found


def token_ids(model: str, texts: list[str]) -> tuple[Array, Array]:
    """Padded token ids int32 ``[n, t, 1]``, and lengths int64 ``[n]``."""
    tokenizer, _ = load_processors(model)
    found = tokenizer(texts, truncation=True)["input_ids"]
    lengths = np.array([len(ids) for ids in found], dtype=np.int64)
    padded = np.full((len(texts), max(lengths), 1), tokenizer.pad_token_id or 0, dtype=np.int32)
    for row, ids in enumerate(found):
        padded[row, : len(ids), 0] = ids
    return padded, lengths


def clip_views(
    features: Features,
    texts: list[str | None],
    picture: Picture,
    *,
    model: str,
    pair: tuple[str, str],
    fine_tuned: bool,
    cache: Path,
) -> Features:
    """The same examples seen through a ``CLIPModel``: two modalities in place of all others.

    Args:
        features: Must have modalities of the first origin of ``pair``, for their entity.
        texts: Text of each row of the entity; None where there is none.
        picture: Picture of each row of the entity.
        model: Folder or hub id.
        pair: Origins of picture and text.
        fine_tuned: Pixels and token ids in place of embeddings.
        cache: Folder of embeddings, kept under the hash of texts, pictures and weights.
    """
    entities = {m.entity for m in features.modalities.values() if m.origin in pair}
    if len(entities) != 1:
        raise InputError(f"clip.pair is {pair}, whose origins describe {sorted(entities)}, not one")
    entity = entities.pop()
    n = len(texts)
    known = [text or "" for text in texts]
    present = {
        pair[0]: np.array([picture(row) is not None for row in range(n)]),
        pair[1]: np.array([bool(text) for text in texts]),
    }
    lengths: dict[str, Array] = {}
    if fine_tuned:
        ids, used = token_ids(model, known)
        arrays, lengths = {PIXELS: resize_pictures(model, picture, n), TOKEN_IDS: ids}, {}
        lengths = {TOKEN_IDS: used}
        made = {PIXELS: ("pixels", pair[0]), TOKEN_IDS: ("tokens", pair[1])}
    else:
        arrays = _cached(model, known, picture, cache)
        made = {IMAGE: ("image", pair[0]), TEXT: ("text", pair[1])}
    note = f"{Path(model).name}, {'fine-tuned' if fine_tuned else 'frozen'}"
    return replace(
        features,
        arrays=arrays,
        present={name: present[origin] for name, (_, origin) in made.items()},
        lengths=lengths,
        modalities={
            name: Modality(
                name,
                entity,
                kind,  # type: ignore[arg-type]
                arrays[name].shape[-1],
                origin,
                "normal",
                note,
            )
            for name, (kind, origin) in made.items()
        },
    )


def _cached(model: str, texts: list[str], picture: Picture, cache: Path) -> dict[str, Array]:
    import hashlib

    pictures = hashlib.sha256()
    for row in range(len(texts)):
        shown = picture(row)
        pictures.update(b"none" if shown is None else repr(shown.shape).encode() + shown.tobytes())
    weights = hashlib.sha256()
    for path in sorted(Path(clip_folder(model)).glob("*")):
        if path.suffix in {".json", ".txt", ".safetensors"}:
            weights.update(path.name.encode() + path.read_bytes())
    store = FeatureCache(cache)
    key = store.key(
        {
            "views": "clip",
            "texts": digest_texts(texts),
            "pictures": pictures.hexdigest(),
            "weights": weights.hexdigest(),
        }
    )
    found = store.get(key)
    if found is None:
        n = len(texts)
        found = {IMAGE: encode_pictures(model, picture, n), TEXT: encode_texts(model, texts)}
        store.put(key, found)
    return found


def _some(picture: Picture, n: int) -> Iterator[tuple[list[int], list[Array]]]:
    """Rows that have a picture, a few at a time, with their pictures."""
    for start in range(0, n, _TOGETHER):
        shown = {row: picture(row) for row in range(start, min(start + _TOGETHER, n))}
        there = {row: item for row, item in shown.items() if item is not None}
        if there:
            yield list(there), list(there.values())
