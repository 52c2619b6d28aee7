"""The best additive stand-in for a multimodal network (EMAP, Hessel and Lee, EMNLP 2020).

A network ``f(a, b)`` that scores no better than its projection ``g(a) + h(b)`` may read both
modalities, but uses no interaction of the two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from multimodal_study.metrics.statistics import Array


def additive_projection(conditional: Sequence[Array]) -> Array:
    """Logits ``[n, c]`` of the projection, at the ``n`` examples themselves.

    ``sum_m E[f | x_m] - (m - 1) E[f]``: for two modalities equation 2 of the paper; for more, the
    terms of first order of the functional ANOVA (Hoeffding, 1948).

    Args:
        conditional: For each of ``m`` modalities logits ``[n, k, c]``: entry ``[i, j]`` has the
            modality of example ``i`` and all others of a draw ``j``.

    Raises:
        ValueError: There is no modality.
    """
    if not len(conditional):
        raise ValueError("an additive projection needs at least one modality")
    means = [np.asarray(part, dtype=np.float64).mean(axis=1) for part in conditional]
    overall = np.mean([mean.mean(axis=0) for mean in means], axis=0)
    return np.asarray(np.sum(means, axis=0) - (len(means) - 1) * overall)
