"""Gradient boosting on the metadata alone: what can be known without reading the text.

Histogram gradient boosting (Ke et al. 2017, scikit-learn's implementation). The number of trees is
chosen by the validation loss, after each tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from multimodal_study.baselines.result import (
    BaselineResult,
    Candidate,
    all_classes,
    run,
    target_of,
)
from multimodal_study.contract import Features
from multimodal_study.errors import InputError

ORIGIN = "metadata"


def fit_predict(features: Features, parameters: dict[str, Any], seed: int) -> BaselineResult:
    """Fit on all modalities whose origin is ``metadata``; a missing value stays missing.

    Args:
        features: Must have a modality of that origin.
        parameters: ``learning_rate``, ``max_trees``, ``max_leaves``, ``min_leaf_rows``,
            ``l2``, ``columns_per_split`` (a share) and ``patience`` (trees without a lower
            validation loss).
        seed: Seed of the booster.

    Raises:
        InputError: If there is no metadata.
    """
    names = [name for name, item in features.modalities.items() if item.origin == ORIGIN]
    if not names:
        raise InputError(
            "metadata_only needs a modality of origin 'metadata' and the features have none: "
            "no metadata column of this source varies in train"
        )
    columns = np.hstack([column(features, name) for name in names])
    return run(features, seed, lambda: boost(features, columns, parameters, seed))


def column(features: Features, name: str) -> np.ndarray[Any, Any]:
    """Modality ``name`` of every example: float32 ``[n, d]``, NaN where it is missing."""
    index = features.examples[features.modalities[name].entity].to_numpy()
    array: Any = features.arrays[name]
    rows = np.array(array[index], dtype=np.float32)
    rows[~features.present[name][index]] = np.nan
    return rows


def boost(
    features: Features, columns: np.ndarray[Any, Any], parameters: dict[str, Any], seed: int
) -> Candidate:
    """The booster on ``columns`` ``[n, d]`` with as many trees as validation wants."""
    train, validation = features.rows("train"), features.rows("validation")
    regression = features.task.kind == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    model = kind(
        learning_rate=parameters["learning_rate"],
        max_iter=parameters["max_trees"],
        max_leaf_nodes=parameters["max_leaves"],
        min_samples_leaf=parameters["min_leaf_rows"],
        l2_regularization=parameters["l2"],
        max_features=parameters["columns_per_split"],
        early_stopping=True,
        n_iter_no_change=parameters["patience"],
        scoring="loss",
        random_state=seed,
    )
    model.fit(
        columns[train],
        target_of(features, train),
        X_val=columns[validation],
        y_val=target_of(features, validation),
    )
    losses = -np.asarray(model.validation_score_)
    return Candidate(
        predict=lambda rows: _output(features, model, columns[rows]),
        parameters=sum(tree.get_n_leaf_nodes() for step in model._predictors for tree in step),
        chosen={"trees": int(model.n_iter_)},
        history=[{"epoch": i, "validation_loss": float(v)} for i, v in enumerate(losses)],
    )


def _output(features: Features, model: Any, columns: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if features.task.kind == "regression":
        return np.asarray(model.predict(columns)).reshape(-1, 1)
    return all_classes(model.predict_proba(columns), model.classes_, features)
