"""Random prediction tables for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from multimodal_study.contract import Task, TaskKind

TASKS = {
    "binary": Task("sentiment", "binary", ("other", "great"), "accuracy"),
    "multiclass": Task("category", "multiclass", ("a", "b", "c", "d"), "macro_f1"),
    "ordinal": Task("stars", "ordinal", tuple("12345"), "mae", (1.0, 2.0, 3.0, 4.0, 5.0)),
    "regression": Task("score", "regression", (), "rmse"),
}


def predictions(
    kind: TaskKind,
    *,
    n: int = 80,
    seeds: tuple[int, ...] = (42, 43),
    clusters: int | None = None,
    skill: float = 1.0,
    salt: int = 0,
) -> pd.DataFrame:
    """Validation and test rows whose truth and clusters depend on ``n`` alone."""
    task = TASKS[kind]
    parts = []
    for split in ("validation", "test"):
        truth = np.random.default_rng([7, n, len(split)])
        c = task.outputs
        target = truth.normal(size=n) if kind == "regression" else truth.integers(0, c, n)
        group = np.arange(n) if clusters is None else truth.integers(0, clusters, n)
        for seed in seeds:
            noise = np.random.default_rng([seed, salt, len(split)]).normal(size=(n, c))
            columns: dict[str, Any] = {
                "example_id": [f"{split}{row}" for row in range(n)],
                "split": split,
                "seed": seed,
                "cluster": [f"c{one}" for one in group],
                "target": target,
            }
            if kind == "regression":
                columns["prediction"] = skill * target + noise[:, 0]
            else:
                columns |= _classes(skill * np.eye(c)[target] + noise, task)
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _classes(logits: np.ndarray[Any, Any], task: Task) -> dict[str, Any]:
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = {f"p_{index}": probabilities[:, index] for index in range(task.outputs)}
    if task.kind == "ordinal":
        columns["expected"] = probabilities @ np.asarray(task.values)
    return {"prediction": probabilities.argmax(axis=1), **columns}
