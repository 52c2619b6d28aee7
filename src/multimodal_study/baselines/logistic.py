"""Logistic regression on all vector modalities side by side: what frozen features hold alone.

Each column is standardised with the moments of train and a missing modality stands at their mean;
the inverse regularisation ``C`` is chosen by the validation loss. Ridge regression for numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from multimodal_study.baselines.result import (
    BaselineResult,
    Candidate,
    all_classes,
    run,
    target_of,
    validation_loss,
)
from multimodal_study.contract import VECTORS, Features
from multimodal_study.errors import InputError

SKIPPED = frozenset({"words", "pixels"})
"""Kinds that are no dense vectors; `tfidf` reads the words."""


def fit_predict(features: Features, parameters: dict[str, Any], seed: int) -> BaselineResult:
    """Fit on every dense vector of an example.

    Args:
        features: Must have a modality of such a kind.
        parameters: ``inverse_regularisation``, the values of C to try, and ``max_iterations``.
        seed: Recorded; the solver is deterministic.

    Raises:
        InputError: If there is none.
    """
    names = [name for name, item in features.modalities.items() if item.kind in VECTORS - SKIPPED]
    if not names:
        raise InputError(
            "logistic needs a modality of dense vectors, there are only "
            f"{sorted(features.modalities)}"
        )
    return run(features, seed, lambda: choose(features, columns(features, names), parameters))


def columns(features: Features, names: list[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Modalities ``names`` of every example side by side, standardised: float32 ``[n, d]``."""
    train = features.rows("train")
    parts = []
    for name in names:
        index = features.examples[features.modalities[name].entity].to_numpy()
        array: Any = features.arrays[name]
        rows = np.array(array[index], dtype=np.float32)
        present = features.present[name][index]
        known = rows[train][present[train]]
        if len(known):
            rows = StandardScaler().fit(known).transform(rows)
        rows[~present] = 0
        parts.append(rows)
    return np.hstack(parts)


def choose(
    features: Features, inputs: np.ndarray[Any, Any], parameters: dict[str, Any]
) -> Candidate:
    """The regression on ``inputs`` ``[n, d]`` whose C has the lowest validation loss.

    Raises:
        InputError: If there is no C to try.
    """
    train, validation = features.rows("train"), features.rows("validation")
    tried, best, start = [], None, None
    for c in parameters["inverse_regularisation"]:
        model = _model(features, float(c), int(parameters["max_iterations"]), start)
        model.fit(inputs[train], target_of(features, train))
        # The next solution is near this one.
        start = model.coef_, model.intercept_
        loss = validation_loss(features, validation, _output(features, model, inputs[validation]))
        tried.append({"inverse_regularisation": float(c), "validation_loss": loss})
        if best is None or loss < best[0]:
            coefficients = (model.coef_.copy(), model.intercept_.copy())
            best = (loss, float(c), coefficients)
    if best is None:
        raise InputError("logistic.inverse_regularisation is empty, expected values of C to try")
    _, chosen, (model.coef_, model.intercept_) = best
    return Candidate(
        predict=lambda rows: _output(features, model, inputs[rows]),
        parameters=int(np.size(model.coef_) + np.size(model.intercept_)),
        chosen={"inverse_regularisation": chosen},
        history=tried,
    )


def _model(features: Features, c: float, iterations: int, start: Any) -> Any:
    if features.task.kind == "regression":
        return Ridge(alpha=1.0 / c)
    model = LogisticRegression(C=c, max_iter=iterations, warm_start=True)
    if start is not None:
        model.coef_, model.intercept_ = start[0].copy(), start[1].copy()
    return model


def _output(features: Features, model: Any, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if features.task.kind == "regression":
        return np.asarray(model.predict(inputs)).reshape(-1, 1)
    return all_classes(model.predict_proba(inputs), model.classes_, features)
