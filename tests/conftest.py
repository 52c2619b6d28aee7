"""Fixtures that every test may use: tiny features for each kind of task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from scipy.sparse import csr_matrix

from multimodal_study.contract import Features, Modality, Task, TaskKind

# A busy machine must not fail a property.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

TASKS: dict[TaskKind, Task] = {
    "binary": Task("sentiment", "binary", ("other", "great"), "accuracy"),
    "multiclass": Task("topic", "multiclass", ("a", "b", "c"), "accuracy"),
    "ordinal": Task("stars", "ordinal", ("1", "2", "3", "4"), "mae", (1.0, 2.0, 3.0, 4.0)),
    "regression": Task("rating", "regression", (), "rmse"),
}
TinyFeatures = Callable[..., Features]


def _target(kind: TaskKind, signal: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if kind == "regression":
        return 3.0 + 2.0 * signal
    classes = len(TASKS[kind].classes)
    return np.searchsorted(np.quantile(signal, np.arange(1, classes) / classes), signal)


def _make(
    kind: TaskKind = "binary",
    n: int = 60,
    *,
    missing: Literal["none", "metadata"] = "none",
    seed: int = 0,
) -> Features:
    """``n`` reviews with text (6), words (12, CSR) and metadata (3) that all know the target."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal(n)
    target = _target(kind, signal)
    text = rng.standard_normal((n, 6)).astype(np.float32)
    text[:, 0] += 2 * signal
    words = (rng.random((n, 12)) < 0.3).astype(np.float32)
    words[:, 0], words[:, 1] = signal > 0, signal <= 0
    metadata = rng.standard_normal((n, 3)).astype(np.float32)
    metadata[:, 1] += signal
    order = rng.permutation(n)
    split = np.array(["train"] * n, dtype=object)
    split[order[: n // 5]], split[order[n // 5 : 2 * n // 5]] = "validation", "test"
    present = {name: np.ones(n, dtype=bool) for name in ("text", "words", "metadata")}
    if missing == "metadata":
        present["metadata"][::3] = False
    review = rng.permutation(n)
    back = np.argsort(review)
    examples = pd.DataFrame(
        {
            "example_id": [f"r{i}" for i in range(n)],
            "review": review,
            "split": split,
            "target": target,
            "cluster": [f"c{i // 2}" for i in range(n)],
        }
    )
    modalities = {
        "text": Modality("text", "review", "text", 6, "text", "cosine", "test"),
        "words": Modality("words", "review", "words", 12, "text", "multinomial", "test"),
        "metadata": Modality("metadata", "review", "numeric", 3, "metadata", "normal", "test"),
    }
    # Entity rows lie in another order than the examples, so that a forgotten index shows.
    arrays = {"text": text[back], "words": csr_matrix(words[back]), "metadata": metadata[back]}
    return Features(arrays, present, examples, modalities, TASKS[kind])


@pytest.fixture(scope="session")
def tiny_features() -> TinyFeatures:
    """Factory of small, learnable features: ``tiny_features("ordinal", n=60, missing=...)``."""
    return _make
