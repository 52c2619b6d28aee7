"""Tiny features of texts and pictures that describe one thing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from multimodal_study.contract import Features, Modality, Task

WORDS, CELLS = 5, 4


def paired(n: int = 40, *, further: bool = False, vectors: bool = True, seed: int = 0) -> Features:
    """``n`` items: tokens (6 wide, 2-5 used), 2 x 2 regions (8 wide), their means as vectors.

    The third item has the text of the second, the fifth the picture of the fourth.
    """
    rng = np.random.default_rng(seed)
    meaning = rng.standard_normal((n, 3)).astype(np.float32)
    meaning[2] = meaning[1]
    tokens = rng.standard_normal((n, WORDS, 6)).astype(np.float32) * 0.3
    tokens[:, :, :3] += meaning[:, None]
    regions = rng.standard_normal((n, CELLS, 8)).astype(np.float32) * 0.3
    regions[:, :, :3] += meaning[:, None]
    tokens[2], regions[4] = tokens[1], regions[3]
    lengths = rng.integers(2, WORDS + 1, n)
    lengths[2] = lengths[1]
    arrays = {"tokens": tokens.astype(np.float16), "regions": regions.astype(np.float16)}
    modalities = {
        "tokens": Modality("tokens", "item", "tokens", 6, "text", "normal", "test"),
        "regions": Modality("regions", "item", "regions", 8, "image", "normal", "test"),
    }
    if vectors:
        arrays |= {"text": tokens.mean(1), "image": regions.mean(1)}
        modalities |= {
            "text": Modality("text", "item", "text", 6, "text", "cosine", "test"),
            "image": Modality("image", "item", "image", 8, "image", "normal", "test"),
        }
    if further:
        arrays["numbers"] = rng.standard_normal((n, 2)).astype(np.float32)
        modalities["numbers"] = Modality("numbers", "item", "numeric", 2, "shop", "normal", "test")
    split = np.array(["train"] * n, dtype=object)
    split[n // 2 : 3 * n // 4], split[3 * n // 4 :] = "validation", "test"
    text_key = [f"t{i}" for i in range(n)]
    image_key = [f"p{i}" for i in range(n)]
    text_key[2], image_key[4] = text_key[1], image_key[3]
    examples = pd.DataFrame(
        {
            "example_id": [f"i{i}" for i in range(n)],
            "item": np.arange(n),
            "split": split,
            "target": (meaning[:, 0] + meaning[:, 1] > 0).astype(int),
            "cluster": text_key,
            "image_key": image_key,
            "text_key": text_key,
        }
    )
    return Features(
        arrays,
        {name: np.ones(n, dtype=bool) for name in arrays},
        examples,
        modalities,
        Task("sum", "binary", ("low", "high"), "accuracy"),
        {},
        {"tokens": lengths.astype(np.int64), "regions": np.full(n, CELLS, dtype=np.int64)},
        ("image", "text"),
    )


def config(**changes: Any) -> dict[str, Any]:
    """Parameters of a tiny network without anything random in training."""
    return {
        "embed_dim": 16,
        "heads": 2,
        "feed_forward": 2.0,
        "text_depth": 1,
        "image_depth": 1,
        "coattention_depth": 2,
        "norm": "pre",
        "single_stream": False,
        "fusion": "product",
        "dropout": 0.0,
        "input_dropout": 0.0,
        "words_dropout": 0.0,
        "modality_dropout": 0.0,
        "region_columns": None,
        "contrastive": 1.0,
        "matching": 1.0,
        "negatives": "hard",
        "masked_tokens": 0.0,
        "masked_regions": 0.0,
        "task": 1.0,
        "masked_objective": "regression",
        "mask_rate": 0.3,
        "candidates": 3,
        "pretrained": None,
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "class_weights": "none",
        **changes,
    }
