"""Ratings of nine people and fourteen films, and graph networks that read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_matrix

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.data.graph_batches import graph_factory
from multimodal_study.models import gnn

REGRESSION = Task("rating", "regression", (), "rmse")
ORDINAL = Task("rating", "ordinal", ("1", "2", "3", "4", "5"), "rmse", (1.0, 2.0, 3.0, 4.0, 5.0))
PLAIN: dict[str, Any] = {
    "embed_dim": 8,
    "dropout": 0.0,
    "words_dropout": 0.0,
    "modality_dropout": 0.0,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "class_weights": "none",
    "edge_dropout": 0.0,
}


def ratings(task: Task = REGRESSION, n: int = 80, users: int = 9, movies: int = 14) -> Features:
    """Distinct pairs; a user and a film stand outside train."""
    rng = np.random.default_rng(0)
    pair = rng.permutation((users - 1) * (movies - 1))[:n]
    user, movie = pair // (movies - 1), pair % (movies - 1)
    split = np.array(["train"] * (n - 20) + ["validation"] * 10 + ["test"] * 10, dtype=object)
    user[-1], movie[-1] = users - 1, movies - 1
    stars = rng.integers(0, 5, n)
    examples = pd.DataFrame(
        {
            "example_id": [f"r{i}" for i in range(n)],
            "user": user,
            "movie": movie,
            "split": split,
            "target": stars if task.kind == "ordinal" else stars + 1.0,
            "cluster": [f"u{u}" for u in user],
        }
    )
    arrays: dict[str, Any] = {
        "facts": rng.standard_normal((movies, 3)).astype(np.float32),
        "words": csr_matrix((rng.random((movies, 6)) < 0.5).astype(np.float32)),
        "genres": (rng.random((movies, 4)) < 0.4).astype(np.float32),
    }
    present = {name: np.ones(movies, dtype=bool) for name in arrays}
    present["facts"][2] = present["words"][3] = present["genres"][4] = False
    modalities = {
        "facts": Modality("facts", "movie", "numeric", 3, "metadata", "normal", "test"),
        "words": Modality("words", "movie", "words", 6, "text", "multinomial", "test"),
        "genres": Modality("genres", "movie", "categorical", 4, "metadata", "bernoulli", "test"),
    }
    return Features(arrays, present, examples, modalities, task)


def batch_of(features: Features, split: str = "train", size: int = 80) -> Any:
    rows = features.rows(split)  # type: ignore[arg-type]
    return graph_factory(features, gnn.GraphNetwork.nodes)(rows, size, None).gather(rows[:size])


def build(features: Features, **changes: Any) -> gnn.GraphNetwork:
    torch.manual_seed(0)
    config = gnn.Config(**{**PLAIN, **changes})
    network = gnn.GraphNetwork(config, features.modalities, features.task)
    network.start([batch_of(features)])
    return network
