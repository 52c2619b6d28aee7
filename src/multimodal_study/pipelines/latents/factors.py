"""Whether single latents of generative paradigms stand for single known factors."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Features
    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.metrics.disentanglement import Scored, Side

Array = np.ndarray[Any, Any]
logger = logging.getLogger(__name__)

SCORES = ("mig", "sap", "disentanglement", "completeness", "informativeness")
COLUMNS = [
    "representation", "fits", "latents", "factors", "examples",
    *(f"{name}{end}" for name in SCORES for end in ("", "_low", "_high")),
]  # fmt: skip
RANDOM, COMPONENTS = "random", "principal components"
_DRAWS = 3
"""Random representations that stand for chance."""


@dataclass(frozen=True)
class Known:
    """Items whose factors are known."""

    values: Array
    """Int ``[n, k]``."""
    cluster: Array
    train: Array
    """Positions ``[r]`` of what is fitted on."""
    held_out: Array
    """Positions of validation and test."""

    def sides(self, codes: Array) -> tuple[Side, Side]:
        """``codes`` ``[n, d]`` of both sides with their factors."""
        from multimodal_study.metrics.disentanglement import Side

        train, held_out = (
            Side(codes[rows], self.values[rows], self.cluster[rows])
            for rows in (self.train, self.held_out)
        )
        return train, held_out


def disentanglement(  # noqa: PLR0917 - a node's inputs come by position
    features: Features,
    items: pd.DataFrame,
    carriers: Mapping[str, str],
    embeddings: Mapping[str, Mapping[str, Array]],
    options: dict[str, Any],
    resampling: Resampling,
) -> pd.DataFrame:
    """MIG, SAP and DCI of each paradigm's z, of principal components and of random codes.

    Factors are those that every item has. Rows of train fit what is fitted, those of validation and
    test are scored; no choice is made on either.

    Args:
        features: Of the dataset.
        items: Table of ``ingest``, with a column per known factor.
        carriers: Factor to what carries it; empty where no factor is known.
        embeddings: ``rows`` ``[n]`` and ``<seed>/joint`` ``[n, d]`` of each paradigm.
        options: ``bootstrap``, resamples of an interval.
        resampling: Their confidence and seed.

    Returns:
        A row per representation, columns :data:`COLUMNS`, means over its fits; no row where no
        factor is known, or where the features have no pair.

    Raises:
        InputError: ``bootstrap`` is below 100.
    """
    import pandas as pd
    from joblib import cpu_count

    from multimodal_study.metrics import disentanglement as scores
    from multimodal_study.side_by_side import side_by_side

    if int(options["bootstrap"]) < 100:  # noqa: PLR2004
        raise InputError(
            f"interpretation.disentanglement.bootstrap is {options['bootstrap']}, expected at"
            " least 100"
        )
    # Training rows are embedded where there are pairs to map, and only there.
    if not carriers or features.pair is None:
        if carriers:
            logger.warning("disentanglement: no table, training rows are embedded for pairs alone")
        return pd.DataFrame(columns=COLUMNS)
    resampling = replace(resampling, replicates=int(options["bootstrap"]))
    known, spaces = _spaces(features, items, list(carriers), embeddings)
    fits = [(*known.sides(own), n) for codes in spaces.values() for n, own in enumerate(codes)]
    scored = side_by_side(lambda fit: scores.score(*fit), fits, min(cpu_count(), len(fits)))
    table = [
        {
            "representation": name,
            **_row(known, codes, list(islice(scored, len(codes))), resampling),
        }
        for name, codes in spaces.items()
    ]
    return pd.DataFrame(table, columns=COLUMNS)


def _row(
    known: Known, codes: list[Array], fitted: list[Scored], resampling: Resampling
) -> dict[str, Any]:
    """One row of the table; ``codes`` has ``[n, d]`` per fit."""
    from multimodal_study.metrics import disentanglement as scores

    found = scores.estimates(fitted, known.cluster[known.held_out], resampling)
    row: dict[str, Any] = {"fits": len(codes), "latents": codes[0].shape[1]}
    row |= {"factors": known.values.shape[1], "examples": len(known.held_out)}
    for score, each in found.items():
        row |= {score: each.value, f"{score}_low": each.low, f"{score}_high": each.high}
    return row


def _spaces(
    features: Features,
    items: pd.DataFrame,
    factors: list[str],
    embeddings: Mapping[str, Mapping[str, Array]],
) -> tuple[Known, dict[str, list[Array]]]:
    """The factors, and the codes of every representation, both in the order of the examples."""
    import pandas as pd

    n = len(features.examples)
    spaces: dict[str, list[Array]] = {}
    for name, saved in embeddings.items():
        rows = saved["rows"]
        for key in sorted(saved):
            if key.endswith("/joint"):
                codes = np.full((n, saved[key].shape[1]), np.nan)
                codes[rows] = saved[key]
                spaces.setdefault(name, []).append(codes)
    d = max(codes[0].shape[1] for codes in spaces.values())
    spaces[COMPONENTS] = [_components(features, d)]
    spaces[RANDOM] = [np.random.default_rng(s).normal(size=(n, d)) for s in range(_DRAWS)]
    values = items.set_index(items["item_id"].astype(str)).loc[features.examples["example_id"]]
    shared = [name for name in factors if (values[name].astype(str) != "").all()]
    coded = [pd.factorize(values[name].astype(str), sort=True)[0] for name in shared]
    split = features.examples["split"].to_numpy()
    known = Known(
        np.stack(coded, axis=1),
        features.examples["cluster"].to_numpy(),
        np.flatnonzero(split == "train"),
        np.flatnonzero(split != "train"),
    )
    return known, spaces


def _components(features: Features, d: int) -> Array:
    """The first ``d`` principal components of all dense vectors, fitted on train."""
    from sklearn.decomposition import PCA

    from multimodal_study.contract import VECTORS

    train, parts = features.rows("train"), []
    for name, modality in features.modalities.items():
        if modality.kind in VECTORS - {"words", "pixels"}:
            index = features.examples[modality.entity].to_numpy()
            x = np.asarray(features.arrays[name])[index].astype(np.float64)
            spread = x[train].std(0)
            x = (x - x[train].mean(0)) / np.where(spread > 0, spread, 1.0)
            parts.append(x / np.sqrt(modality.width))
    x = np.concatenate(parts, axis=1)
    fitted = PCA(min(d, *x[train].shape), random_state=0).fit(x[train])
    return np.asarray(fitted.transform(x))
