"""Baselines: same tables as every cell, choices on validation, clear refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from multimodal_study.baselines import majority, metadata_only, tfidf
from multimodal_study.errors import InputError

TFIDF = {"inverse_regularisation": [0.1, 1.0, 10.0], "max_iterations": 500}
BOOSTING = {
    "learning_rate": 0.1,
    "max_trees": 40,
    "max_leaves": 4,
    "min_leaf_rows": 5,
    "l2": 1.0,
    "patience": 5,
}
ALL = {
    "majority": (majority.fit_predict, {}),
    "tfidf": (tfidf.fit_predict, TFIDF),
    "metadata_only": (metadata_only.fit_predict, BOOSTING),
}


@pytest.mark.parametrize("kind", ["binary", "multiclass", "ordinal", "regression"])
@pytest.mark.parametrize("name", ALL)
def test_tables(tiny_features: Any, name: str, kind: str) -> None:
    features = tiny_features(kind, missing="metadata")
    fit_predict, parameters = ALL[name]
    result = fit_predict(features, parameters, 7)
    table = result.predictions
    assert set(table["split"]) == {"validation", "test"}
    assert (table["seed"] == 7).all()
    assert len(table) == len(features.rows("validation")) + len(features.rows("test"))
    if kind != "regression":
        columns = [f"p_{index}" for index in range(features.task.outputs)]
        np.testing.assert_allclose(table[columns].sum(axis=1), 1.0)
        assert (table["prediction"] == table[columns].to_numpy().argmax(1)).all()
    assert ("expected" in table) is (kind == "ordinal")
    assert result.cost[0]["fit_seconds"] >= 0
    again = fit_predict(features, parameters, 7).predictions
    np.testing.assert_array_equal(table["prediction"], again["prediction"])


@pytest.mark.parametrize("name", ["tfidf", "metadata_only"])
def test_learns_what_is_there(tiny_features: Any, name: str) -> None:
    features = tiny_features(n=300)
    accuracy = {}
    for row in (name, "majority"):
        table = ALL[row][0](features, ALL[row][1], 0).predictions.query("split == 'test'")
        accuracy[row] = (table["prediction"] == table["target"]).mean()
    assert accuracy[name] > accuracy["majority"] + 0.1


def test_majority_is_the_train_frequencies(tiny_features: Any) -> None:
    features = tiny_features("multiclass")
    result = majority.fit_predict(features, {}, 0)
    target = features.examples["target"].to_numpy()[features.rows("train")]
    expected = np.bincount(target, minlength=3) / len(target)
    found = result.predictions[["p_0", "p_1", "p_2"]].to_numpy()
    np.testing.assert_allclose(found, np.tile(expected, (len(found), 1)))


def test_tfidf_is_logistic_regression_with_the_c_of_least_validation_loss(
    tiny_features: Any,
) -> None:
    features = tiny_features(n=200)
    result = tfidf.fit_predict(features, TFIDF, 0)
    losses = {row["inverse_regularisation"]: row["validation_loss"] for row in result.history}
    chosen = result.chosen["inverse_regularisation"]
    assert set(losses) == {0.1, 1.0, 10.0} and losses[chosen] == min(losses.values())
    words = features.arrays["words"][features.examples["review"].to_numpy()]
    target = features.examples["target"].to_numpy()
    train = features.rows("train")
    model = LogisticRegression(C=chosen, max_iter=500).fit(words[train], target[train])
    expected = model.predict_proba(words[features.rows("test")])
    found = result.predictions.query("split == 'test'")[["p_0", "p_1"]]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_test_rows_do_not_touch_a_choice(tiny_features: Any) -> None:
    features = tiny_features(n=200)
    for name, (fit_predict, parameters) in ALL.items():
        before = fit_predict(features, parameters, 0)
        examples = features.examples.copy()
        test = examples["split"] == "test"
        examples.loc[test, "target"] = 1 - examples.loc[test, "target"]
        other = type(features)(
            features.arrays, features.present, examples, features.modalities, features.task
        )
        after = fit_predict(other, parameters, 0)
        assert before.chosen == after.chosen, name
        np.testing.assert_array_equal(before.predictions["p_1"], after.predictions["p_1"])


def test_missing_views_are_refused_clearly(tiny_features: Any) -> None:
    features = tiny_features()
    with pytest.raises(InputError, match="metadata_only needs a modality of origin 'metadata'"):
        metadata_only.fit_predict(features.select(["text", "words"]), BOOSTING, 0)
    with pytest.raises(InputError, match="tfidf needs a modality of kind 'words'"):
        tfidf.fit_predict(features.select(["text"]), TFIDF, 0)
    with pytest.raises(InputError, match="inverse_regularisation is empty"):
        tfidf.fit_predict(features, {**TFIDF, "inverse_regularisation": []}, 0)
