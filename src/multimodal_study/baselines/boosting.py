"""Gradient boosting on every column that means something: the bar that networks are held against.

Reads numbers, categories and graph factors; on ratings datasets also what is learnt from ratings of
train, which leaves out the fold of the example that reads it. The number of trees is chosen by the
validation loss, after each tree (see :mod:`.metadata_only`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from multimodal_study.baselines.metadata_only import boost, column
from multimodal_study.baselines.result import BaselineResult, run
from multimodal_study.contract import Features
from multimodal_study.errors import InputError

KINDS = frozenset({"numeric", "categorical", "graph"})


def fit_predict(features: Features, parameters: dict[str, Any], seed: int) -> BaselineResult:
    """Fit on all modalities of the kinds ``KINDS``; a missing value stays missing.

    Args:
        features: Must have such a modality.
        parameters: As for ``metadata_only``.
        seed: Seed of the booster.

    Raises:
        InputError: If there is none.
    """
    names = [name for name, item in features.modalities.items() if item.kind in KINDS]
    if not names:
        raise InputError(
            f"boosting needs a modality of a kind in {sorted(KINDS)}, there are only "
            f"{sorted(features.modalities)}"
        )
    columns = np.hstack([column(features, name) for name in names])
    return run(features, seed, lambda: boost(features, columns, parameters, seed))
