"""TF-IDF words and a linear model: the bar that text models are too seldom held against.

Logistic regression (multinomial) for classes, ridge regression for numbers; the inverse
regularisation ``C`` is chosen by the validation loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from multimodal_study.baselines.result import (
    BaselineResult,
    Candidate,
    all_classes,
    run,
    target_of,
    validation_loss,
)
from multimodal_study.contract import Features
from multimodal_study.errors import InputError


def fit_predict(features: Features, parameters: dict[str, Any], seed: int) -> BaselineResult:
    """Fit on the modalities of kind ``words``.

    Args:
        features: Must have a modality of kind ``words``.
        parameters: ``inverse_regularisation``, the values of C to try, and ``max_iterations``.
        seed: Recorded; the solver is deterministic.

    Raises:
        InputError: If there are no words.
    """
    name = next((n for n, m in features.modalities.items() if m.kind == "words"), None)
    if name is None:
        raise InputError(
            f"tfidf needs a modality of kind 'words', there are {sorted(features.modalities)}"
        )
    words: Any = features.arrays[name]
    index = features.examples[features.modalities[name].entity].to_numpy()
    return run(features, seed, lambda: _choose(features, words[index], parameters))


def _choose(features: Features, words: Any, parameters: dict[str, Any]) -> Candidate:
    train, validation = features.rows("train"), features.rows("validation")
    tried, best = [], None
    for c in parameters["inverse_regularisation"]:
        model = _model(features, float(c), int(parameters["max_iterations"]))
        model.fit(words[train], target_of(features, train))
        loss = validation_loss(features, validation, _output(features, model, words[validation]))
        tried.append({"inverse_regularisation": float(c), "validation_loss": loss})
        if best is None or loss < best[0]:
            best = (loss, float(c), model)
    if best is None:
        raise InputError("tfidf.inverse_regularisation is empty, expected values of C to try")
    _, chosen, model = best
    return Candidate(
        predict=lambda rows: _output(features, model, words[rows]),
        parameters=int(np.size(model.coef_) + np.size(model.intercept_)),
        chosen={"inverse_regularisation": chosen},
        history=tried,
    )


def _model(features: Features, c: float, iterations: int) -> Any:
    if features.task.kind == "regression":
        return Ridge(alpha=1.0 / c)
    return LogisticRegression(C=c, max_iter=iterations)


def _output(features: Features, model: Any, words: Any) -> np.ndarray[Any, Any]:
    if features.task.kind == "regression":
        return np.asarray(model.predict(words)).reshape(-1, 1)
    return all_classes(model.predict_proba(words), model.classes_, features)
