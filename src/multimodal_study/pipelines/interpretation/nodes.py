"""From saved embeddings to tables, free of Kedro."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.evaluation.settings import resampling_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.contract import Features
    from multimodal_study.metrics.bootstrap import Resampling

    Array = np.ndarray[Any, Any]

STRUCTURE = [
    "paradigm", "seeds", "examples", "purity", "purity_low", "purity_high", "chance", "silhouette",
    "silhouette_low", "silhouette_high", "verdict",
]  # fmt: skip
ABOVE, BELOW, NOISE = "above chance", "below chance", "within noise of chance"
UNDEFINED = "not defined here"
UNREAD = frozenset({"words", "pixels"})
"""Kinds that the bare features leave out: counts and raw pictures."""


def latent_structure(
    features: Features,
    embeddings_by_paradigm: Mapping[str, Mapping[str, Array]],
    interpretation: dict[str, Any],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """Whether test examples of one class lie together in each paradigm's joint space.

    Args:
        features: The dataset's.
        embeddings_by_paradigm: ``rows`` ``[n]`` and ``<seed>/joint`` ``[n, d]`` of each.
        interpretation: ``neighbours``, at least 1, and ``examples``, at least 10: of more, a
            sample is taken, the same for every paradigm.
        evaluation: How intervals are made.

    Returns:
        A row per paradigm, and one for the bare ``features``; the columns are :data:`STRUCTURE`.
        Values are means over seeds. ``verdict`` is of the interval of purity less chance. No row
        where the task has no classes. Where it has groups, an example meets its own group alone.

    Raises:
        ValueError: A parameter is out of range.
    """
    import numpy as np
    import pandas as pd

    for name, fewest in (("neighbours", 1), ("examples", 10)):
        value = interpretation[name]
        if not isinstance(value, int) or value < fewest:
            raise InputError(f"interpretation.{name} is {value!r}, expected at least {fewest}")
    rows = features.rows("test")
    if not features.task.classes or not len(rows):
        return pd.DataFrame(columns=STRUCTURE)
    resampling = resampling_of(evaluation)
    if len(rows) > interpretation["examples"]:
        random = np.random.default_rng(resampling.seed)
        rows = np.sort(random.choice(rows, interpretation["examples"], replace=False))
    spaces = {"features": _bare(features, rows)}
    for paradigm, saved in embeddings_by_paradigm.items():
        place = {row: at for at, row in enumerate(saved["rows"].tolist())}
        picked = [place[row] for row in rows.tolist()]
        spaces[paradigm] = [saved[name][picked] for name in sorted(saved) if _is_joint(name)]
    table = [
        {"paradigm": name, **_measured(features, rows, own, interpretation, resampling)}
        for name, own in spaces.items()
        if own
    ]
    return pd.DataFrame(table, columns=STRUCTURE)


def _is_joint(name: str) -> bool:
    return name.endswith("/joint")


def _measured(
    features: Features,
    rows: Array,
    spaces: list[Array],
    interpretation: dict[str, Any],
    resampling: Resampling,
) -> dict[str, Any]:
    """One row of the table; ``spaces`` has ``[n, d]`` per seed."""
    import numpy as np

    from multimodal_study.interpretation import neighbourhoods as near

    examples = features.examples.iloc[rows]
    labels, cluster = examples["target"].to_numpy(), examples["cluster"].to_numpy()
    groups = examples["group"].to_numpy() if features.task.groups else np.zeros(len(rows))
    pure, chance, apart = np.zeros((3, len(rows)))
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        chance[own] = near.chance_purity(labels[own])
        for space in spaces:
            seen = (space[own], labels[own])
            pure[own] += near.neighbour_purity(*seen, interpretation["neighbours"]) / len(spaces)
            apart[own] += near.silhouette(*seen) / len(spaces)
    purity, silhouette, gain = (
        near.clustered_mean(values, cluster, resampling) for values in (pure, apart, pure - chance)
    )
    return {
        "seeds": len(spaces),
        "examples": len(rows),
        **{"purity": purity.value, "purity_low": purity.low, "purity_high": purity.high},
        "chance": near.clustered_mean(chance, cluster, resampling).value,
        "silhouette": silhouette.value,
        "silhouette_low": silhouette.low,
        "silhouette_high": silhouette.high,
        "verdict": _verdict(gain.low, gain.high),
    }


def _verdict(low: float, high: float) -> str:
    if low != low:  # noqa: PLR0124 - NaN alone differs from itself
        return UNDEFINED
    if low > 0.0:
        return ABOVE
    return BELOW if high < 0.0 else NOISE


def _bare(features: Features, rows: Array) -> list[Array]:
    """All vectors of the features, standardised by train, each modality with equal weight."""
    import numpy as np

    from multimodal_study.contract import VECTORS

    parts = []
    for name, modality in features.modalities.items():
        if modality.kind not in VECTORS - UNREAD:
            continue
        index = features.examples[modality.entity].to_numpy()
        array = np.asarray(features.arrays[name])
        train = array[np.unique(index[features.rows("train")])].astype(np.float64)
        spread = train.std(axis=0)
        scaled = (array[index[rows]] - train.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        parts.append(scaled / np.sqrt(modality.width))
    return [np.concatenate(parts, axis=1)] if parts else []
