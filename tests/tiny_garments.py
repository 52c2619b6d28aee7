"""Garments whose picture and text say the same, and small dual towers over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.data.batches import Batch, FeatureBatches
from multimodal_study.models.clip import Clip, Config

FILE = Path(__file__).parents[1] / "conf/base/parameters_clip.yml"
SMALL: dict[str, Any] = {
    "embed_dim": 8,
    "hidden": 16,
    "depth": 1,
    "heads": 2,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "words_dropout": 0.0,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
}
NAMES = ("image", "regions", "text", "words", "tokens")


def shipped() -> dict[str, Any]:
    """The shipped parameters without the budget."""
    values: dict[str, Any] = yaml.safe_load(FILE.read_text())["clip"]
    values.pop("trainer")
    return values


def config(**changes: Any) -> Config:
    return Config(**{**shipped(), **SMALL, **changes})


def pairs(n: int = 24, *, missing: bool = False, seed: int = 0) -> Features:
    """Garments whose picture and text both say which of ``n`` hidden vectors they show."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n, 6)).astype(np.float32)

    def seen(width: int) -> np.ndarray[Any, Any]:
        return np.asarray(hidden @ rng.standard_normal((6, width)), dtype=np.float32)

    lengths = {"regions": np.full(n, 4), "tokens": rng.integers(1, 6, n)}
    arrays: dict[str, Any] = {
        "image": seen(10),
        "regions": np.stack([seen(7) for _ in range(4)], 1).astype(np.float16),
        "text": seen(9),
        "words": (seen(12) > 0.5).astype(np.float32),
        "tokens": np.stack([seen(5) for _ in range(5)], 1).astype(np.float16),
    }
    present = {name: np.ones(n, dtype=bool) for name in NAMES}
    if missing:
        present["regions"][::3] = False
        for name in ("text", "words", "tokens"):
            present[name][1::4] = False
    kinds = ("image", "regions", "text", "words", "tokens")
    modalities = {
        name: Modality(
            name,
            "item",
            kind,  # type: ignore[arg-type]
            arrays[name].shape[-1],
            "image" if name in {"image", "regions"} else "text",
            "normal",
            "test",
        )
        for name, kind in zip(NAMES, kinds, strict=True)
    }
    split = np.array(["train"] * n, dtype=object)
    split[n // 2 : 3 * n // 4], split[3 * n // 4 :] = "validation", "test"
    examples = pd.DataFrame(
        {
            "example_id": [f"i{k}" for k in range(n)],
            "item": np.arange(n),
            "split": split,
            "target": (hidden[:, 0] > 0).astype(int),
            "cluster": [f"c{k}" for k in range(n)],
            "image_key": [f"p{k}" for k in range(n)],
            "text_key": [f"t{k}" for k in range(n)],
        }
    )
    task = Task("worn", "binary", ("no", "yes"), "accuracy")
    return Features(arrays, present, examples, modalities, task, {}, lengths, ("image", "text"))


def build(features: Features, **changes: Any) -> Clip:
    torch.manual_seed(0)
    module = Clip(config(**changes), features.modalities, features.task)
    module.start(list(FeatureBatches(features, features.rows("train"), 8)))
    return module


def batch_of(features: Features, n: int = 8) -> Batch:
    rows = np.arange(n)
    return FeatureBatches(features, rows, n, sparse_words=True).gather(rows)
