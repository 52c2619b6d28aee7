"""Baselines against scikit-learn used by hand, on every kind of task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from multimodal_study.baselines import boosting, majority, metadata_only, tfidf
from multimodal_study.errors import InputError

BOOST = {
    "learning_rate": 0.1,
    "max_trees": 20,
    "max_leaves": 4,
    "min_leaf_rows": 2,
    "l2": 1.0,
    "columns_per_split": 1.0,
    "patience": 5,
}
LINEAR = {"inverse_regularisation": [0.1, 1.0, 10.0], "max_iterations": 500}
ALL = [(majority, {}), (tfidf, LINEAR), (metadata_only, BOOST), (boosting, BOOST)]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "ordinal", "regression"])
@pytest.mark.parametrize(("baseline", "parameters"), ALL)
def test_every_baseline_fits_every_task(
    tiny_features: Any, baseline: Any, parameters: dict[str, Any], kind: str
) -> None:
    features = tiny_features(kind, 120, missing="metadata")
    result = baseline.fit_predict(features, parameters, 3)
    table = result.predictions
    assert set(table["split"]) == {"validation", "test"}
    assert set(table["seed"]) == {3}
    assert np.isfinite(table["prediction"]).all()
    assert result.cost[0]["parameters"] >= 1
    floor = majority.fit_predict(features, {}, 3).predictions
    if kind == "regression":
        loss, worst = (((t["prediction"] - t["target"]) ** 2).mean() for t in (table, floor))
        assert loss <= worst * 1.05
    else:
        hits, chance = ((t["prediction"] == t["target"]).mean() for t in (table, floor))
        assert hits >= chance


def test_tfidf_is_logistic_regression_with_the_c_that_validation_chose(tiny_features: Any) -> None:
    features = tiny_features("binary", 120)
    result = tfidf.fit_predict(features, LINEAR, 0)
    losses = {row["inverse_regularisation"]: row["validation_loss"] for row in result.history}
    chosen = result.chosen["inverse_regularisation"]
    assert losses[chosen] == min(losses.values())
    index = features.examples["review"].to_numpy()
    words, target = features.arrays["words"][index], features.examples["target"].to_numpy()
    train, test = features.rows("train"), features.rows("test")
    model = LogisticRegression(C=chosen, max_iter=500).fit(words[train], target[train])
    found = result.predictions.query("split == 'test'")["p_1"]
    np.testing.assert_allclose(found, model.predict_proba(words[test])[:, 1], atol=1e-6)


def test_test_targets_change_nothing(tiny_features: Any) -> None:
    features, changed = tiny_features("binary", 120), tiny_features("binary", 120)
    rows = changed.rows("test")
    changed.examples.loc[rows, "target"] = 1 - changed.examples.loc[rows, "target"]
    for baseline, parameters in ALL:
        a, b = (baseline.fit_predict(f, parameters, 0).predictions for f in (features, changed))
        np.testing.assert_array_equal(a["p_1"], b["p_1"])


def test_what_a_baseline_needs_is_named(tiny_features: Any) -> None:
    with pytest.raises(InputError, match="kind 'words'"):
        tfidf.fit_predict(tiny_features().select(["text"]), LINEAR, 0)
    with pytest.raises(InputError, match="origin 'metadata'"):
        metadata_only.fit_predict(tiny_features().select(["text"]), BOOST, 0)
    with pytest.raises(InputError, match="'numeric'"):
        boosting.fit_predict(tiny_features().select(["words"]), BOOST, 0)
    with pytest.raises(InputError, match="values of C"):
        tfidf.fit_predict(tiny_features(), {**LINEAR, "inverse_regularisation": []}, 0)
