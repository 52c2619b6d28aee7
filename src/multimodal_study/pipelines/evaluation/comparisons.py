"""Which paired differences a dataset is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def comparisons_of(dataset: str, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """``evaluation`` with the comparisons of ``dataset``: those that name it, and general ones."""
    own = [
        wanted
        for wanted in evaluation.get("comparisons", [])
        if dataset in wanted.get("datasets", [dataset])
    ]
    return {**evaluation, "comparisons": own}
