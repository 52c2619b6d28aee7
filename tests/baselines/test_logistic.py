from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from multimodal_study.baselines import logistic
from multimodal_study.errors import InputError

PARAMETERS = {"inverse_regularisation": [0.001, 0.1], "max_iterations": 200}


def test_standardised_with_train_and_missing_at_the_mean(tiny_features: Any) -> None:
    features = tiny_features("binary", missing="metadata")
    made = logistic.columns(features, ["text", "metadata"])
    train = features.rows("train")
    np.testing.assert_allclose(made[train, :6].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(made[train, :6].std(0), 1, atol=1e-4)
    absent = ~features.present["metadata"][features.examples["review"].to_numpy()]
    assert absent.any() and not made[absent, 6:].any()
    # What happens in test moves nothing in train.
    moved = {**features.arrays, "text": features.arrays["text"].copy()}
    moved["text"][features.examples["review"].to_numpy()[features.rows("test")]] += 100
    other = logistic.columns(replace(features, arrays=moved), ["text", "metadata"])
    np.testing.assert_array_equal(made[train], other[train])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "ordinal", "regression"])
def test_it_learns_and_validation_chooses(tiny_features: Any, kind: str) -> None:
    features = tiny_features(kind, n=200)
    result = logistic.fit_predict(features, PARAMETERS, seed=3)
    losses = {row["inverse_regularisation"]: row["validation_loss"] for row in result.history}
    assert result.chosen["inverse_regularisation"] == min(losses, key=lambda c: losses[c])
    test = result.predictions[result.predictions["split"] == "test"]
    if kind == "regression":
        assert np.corrcoef(test["target"], test["prediction"])[0, 1] > 0.8
    else:
        assert (test["target"] == test["prediction"]).mean() > 0.55
    assert result.cost[0]["parameters"] >= 10


def test_the_chosen_model_predicts_and_not_the_last(tiny_features: Any) -> None:
    features = tiny_features("binary", n=200)
    both = logistic.fit_predict(features, {**PARAMETERS, "inverse_regularisation": [0.1, 1e-9]}, 1)
    alone = logistic.fit_predict(features, {**PARAMETERS, "inverse_regularisation": [0.1]}, 1)
    np.testing.assert_allclose(both.predictions["p_1"], alone.predictions["p_1"])
    assert both.chosen == {"inverse_regularisation": 0.1}


def test_without_vectors_or_values_it_says_so(tiny_features: Any) -> None:
    with pytest.raises(InputError, match="dense vectors, there are only"):
        logistic.fit_predict(tiny_features().select(["words"]), PARAMETERS, 1)
    with pytest.raises(InputError, match="inverse_regularisation is empty"):
        logistic.fit_predict(tiny_features(), {**PARAMETERS, "inverse_regularisation": []}, 1)
