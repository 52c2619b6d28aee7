"""Sequences as the vectors that a tower without attention makes of them, once for a whole fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from multimodal_study.contract import SEQUENCES, Features, Kind
from multimodal_study.data.batches import Batch
from multimodal_study.models.towers import summary, summary_width

_ROWS_TOGETHER = 256
_VECTOR: dict[Kind, Kind] = {"regions": "image", "tokens": "text"}


def summarised(features: Features) -> Features:
    """``features`` whose sequences are vectors: float32 ``[rows, 2 width]``, their ``summary``."""
    names = [name for name, item in features.modalities.items() if item.kind in SEQUENCES]
    arrays, modalities = dict(features.arrays), dict(features.modalities)
    for name in names:
        item = features.modalities[name]
        modalities[name] = replace(item, kind=_VECTOR[item.kind], width=summary_width(item))
        arrays[name] = _summaries(features, name)
    lengths = {name: value for name, value in features.lengths.items() if name not in names}
    return replace(features, arrays=arrays, modalities=modalities, lengths=lengths)


def _summaries(features: Features, name: str) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    states, width = features.arrays[name], summary_width(features.modalities[name])
    found = np.empty((states.shape[0], width), dtype=np.float32)
    for start in range(0, len(found), _ROWS_TOGETHER):
        rows = slice(start, start + _ROWS_TOGETHER)
        place = torch.arange(len(found[rows]))
        batch = Batch(
            {name: torch.tensor(np.asarray(states[rows]), dtype=torch.float32)},
            {name: torch.tensor(features.present[name][rows], dtype=torch.bool)},
            place,
            place,
            {name: torch.tensor(features.lengths[name][rows])},
        )
        found[rows] = summary(batch, name).numpy()
    return found
