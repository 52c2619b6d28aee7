"""What is predicted on items, and which of them have an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from multimodal_study.contract import BINARY, SPLITS, Task, TaskKind
from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.attributes import CLASSES, GROUPS
from multimodal_study.pipelines.fashion.sources.fashion_products import ABSENT
from multimodal_study.pipelines.options import known_options

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

OPTIONS = ("name", "min_class_rows", "decides")
ATTRIBUTES = "attributes"
"""The one task whose classes form groups."""


def target_of(task: dict[str, Any], ingest_summary: dict[str, Any]) -> str:
    """Name of the label that is asked for; the source's first one unless ``task.name`` says.

    Raises:
        InputError: The source has no such label.
    """
    known_options("fashion.task", task, OPTIONS)
    targets = list(ingest_summary["targets"])
    name = str(task.get("name") or targets[0])
    if name not in targets:
        raise InputError(
            f"fashion.task.name is {name!r}, the source {ingest_summary['source']} has "
            f"{', '.join(targets)}; null takes the first"
        )
    return name


def task_of(name: str, classes: Sequence[str], decides: str | None) -> Task:
    """The task ``name`` over ``classes``; accuracy decides unless another metric is named."""
    if name == ATTRIBUTES:
        return Task(name, "multiclass", CLASSES, decides or "accuracy", groups=GROUPS)
    kind: TaskKind = "binary" if len(classes) == BINARY else "multiclass"
    return Task(name, kind, tuple(classes), decides or "accuracy")


def classes_of(
    name: str, labels: pd.Series[Any], split: pd.Series[Any], least: int
) -> tuple[str, ...]:
    """Classes with at least ``least`` rows in train, sorted; all 54 where they form groups.

    Raises:
        InputError: Fewer than two are left.
    """
    if name == ATTRIBUTES:
        return CLASSES
    train = labels[(split == "train") & ~labels.isin(ABSENT)].value_counts()
    kept = tuple(sorted(str(label) for label, rows in train.items() if rows >= least))
    if len(kept) < BINARY:
        raise InputError(
            f"fashion.task.name={name}: {len(kept)} class with at least fashion.task."
            f"min_class_rows={least} training rows, a task needs two; lower it or take another task"
        )
    return kept


def rows_by_class(
    labels: pd.Series[Any], split: pd.Series[Any], used: np.ndarray[Any, Any]
) -> pd.DataFrame:
    """Rows of every label by side: ``class``, ``train``, ``validation``, ``test``, ``used``.

    ``used`` says whether the task asks for them, or why not.
    """
    import pandas as pd

    counts = pd.crosstab(labels, split).reindex(columns=list(SPLITS), fill_value=0)
    asked = set(labels[used])
    verdicts = [
        "yes" if label in asked else "no: no label" if label in ABSENT else "no: too few rows"
        for label in counts.index
    ]
    table = counts.reset_index(names="class")
    table["class"] = [label or "(empty)" for label in table["class"]]
    return table.assign(used=verdicts)
