"""Top-N lists of several recommenders as one table: intervals by user, differences user by user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from multimodal_study.errors import InputError
from multimodal_study.metrics.bootstrap import Resampling, resamples
from multimodal_study.metrics.ranking import PER_USER, TopN
from multimodal_study.metrics.statistics import Array


def ranking_table(found: Mapping[str, TopN], against: str, resampling: Resampling) -> pd.DataFrame:
    """A row per recommender and metric.

    Columns: ``recommender``, ``metric``, ``value``, ``low``, ``high`` (percentile bootstrap over
    users), and ``difference``, ``difference_low``, ``difference_high``: that of the same users to
    the recommender ``against``, on the same resamples. Coverage belongs to all lists together and
    has no interval; ``against`` has no difference.

    Raises:
        InputError: ``against`` is not among ``found``, or users differ.
    """
    if against not in found:
        raise InputError(f"ranking: {against} is compared with, but only {sorted(found)} are there")
    users = found[against].users
    if any(not np.array_equal(each.users, users) for each in found.values()):
        raise InputError("ranking: recommenders were asked for different users")
    values = {name: _values(each) for name, each in found.items()}
    drawn = {name: _drawn(each, resampling) for name, each in values.items()}
    rows: list[dict[str, Any]] = []
    for name, each in found.items():
        own = _intervals(drawn[name], resampling)
        apart = _intervals(drawn[name] - drawn[against], resampling)
        difference = (values[name] - values[against]).mean(0)
        for place, metric in enumerate(PER_USER):
            row = {"recommender": name, "metric": metric, "value": values[name][:, place].mean()}
            row |= {"low": own[0, place], "high": own[1, place]}
            if name != against:
                row["difference"] = difference[place]
                row |= {
                    "difference_low": apart[0, place],
                    "difference_high": apart[1, place],
                }
            rows.append(row)
        rows.append({"recommender": name, "metric": "coverage", "value": each.coverage})
    ends = ["difference", "difference_low", "difference_high"]
    return pd.DataFrame(rows, columns=["recommender", "metric", "value", "low", "high", *ends])


def _values(found: TopN) -> Array:
    """``[users, metrics]``."""
    return np.stack([getattr(found, name) for name in PER_USER], axis=1)


def _drawn(values: Array, resampling: Resampling) -> Array:
    """Means of every resample of users ``[replicates, metrics]``."""
    users = len(values)
    chunks = resamples(users, users, resampling)
    return np.concatenate([weights.T @ values / users for weights in chunks])


def _intervals(drawn: Array, resampling: Resampling) -> Array:
    """Low and high ends ``[2, metrics]``."""
    tail = (1 - resampling.confidence) / 2
    return np.asarray(np.quantile(drawn, [tail, 1 - tail], axis=0))
