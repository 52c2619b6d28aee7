"""What the study over all datasets reads of one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def scores(
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]], alignment: pd.DataFrame | None = None
) -> dict[str, Any]:
    """The deciding metric of every cell by split and seed, and the rows of ``alignment``.

    Returns:
        Plain JSON values: ``cells`` (paradigm to ``task`` with what ``decides``, and ``per_seed``)
        and ``alignment``, None where a value is missing.

    Raises:
        ValueError: The paradigms decide by different metrics.
    """
    from multimodal_study.metrics.selection import deciding

    decides = deciding(metrics_by_paradigm)
    cells = {
        paradigm: {
            "task": {"decides": decides},
            "per_seed": {
                split: {s: {decides: v[decides]} for s, v in seeds.items() if decides in v}
                for split, seeds in metrics["per_seed"].items()
            },
        }
        for paradigm, metrics in metrics_by_paradigm.items()
    }
    rows = [] if alignment is None else alignment.to_dict("records")
    return {
        "cells": cells,
        "alignment": [{str(name): _json(value) for name, value in row.items()} for row in rows],
    }


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
