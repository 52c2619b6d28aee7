"""What the block ``evaluation`` of the parameters means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multimodal_study.metrics.bootstrap import Resampling


def resampling_of(evaluation: dict[str, Any]) -> Resampling:
    """How intervals are made."""
    from multimodal_study.metrics.bootstrap import Resampling

    names = {"bootstrap": "replicates", "confidence": "confidence", "seed": "seed"}
    return Resampling(**{ours: evaluation[key] for key, ours in names.items() if key in evaluation})


def splits_of(evaluation: dict[str, Any]) -> list[str]:
    """Splits that tables show, the first of them in figures.

    Raises:
        ValueError: If there is none.
    """
    splits = list(evaluation.get("splits", ["test"]))
    if not splits:
        raise ValueError("evaluation.splits is empty, expected some of train, validation, test")
    return splits


def retrieval_of(evaluation: dict[str, Any]) -> dict[str, Any]:
    """``map``, ``regularisation`` and ``memory_mb`` of the retrieval."""
    shipped = {"map": "ridge", "regularisation": [0.001, 0.01, 0.1, 1.0], "memory_mb": 256}
    return {**shipped, **evaluation.get("retrieval", {})}
