"""What is predicted: the rating, as a number or as one of the steps of the scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from multimodal_study.contract import Task
from multimodal_study.errors import InputError
from multimodal_study.pipelines.movielens.sources import RELEASES, sample
from multimodal_study.pipelines.movielens.sources.schema import HIGHEST

KINDS = ("regression", "ordinal")


def scale(source: str) -> tuple[float, ...]:
    """Ratings that a source can have, from lowest to highest."""
    release = RELEASES.get(source)
    lowest, step = (release.lowest, release.step) if release else (sample.LOWEST, sample.STEP)
    return tuple(float(value) for value in np.arange(lowest, HIGHEST + step / 2, step))


def task_of(task: dict[str, Any], source: str) -> Task:
    """The task: ``kind`` (regression, ordinal), ``decides`` (null: RMSE).

    Raises:
        InputError: The kind is unknown.
    """
    kind = str(task.get("kind", "regression"))
    decides = str(task.get("decides") or "rmse")
    if kind == "regression":
        return Task("rating", "regression", (), decides)
    if kind != "ordinal":
        raise InputError(f"movielens.task.kind is {kind!r}, expected one of {KINDS}")
    values = scale(source)
    return Task("rating", "ordinal", tuple(f"{value:g}" for value in values), decides, values)


def target(rating: Any, task: Task) -> Any:
    """Ratings ``[n]`` as targets: the number itself, or the index of its step."""
    if task.kind == "regression":
        return rating.astype(np.float64)
    return np.rint((rating - task.values[0]) / (task.values[1] - task.values[0])).astype(np.int64)
