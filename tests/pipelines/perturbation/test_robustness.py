from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from asked_cells import EVALUATION, SETTINGS, pairs

from multimodal_study.contract import Task
from multimodal_study.pipelines.perturbation.robustness import (
    AREAS,
    AT_RANDOM,
    CURVES,
    EVERY,
    NOT_BY_VALUE,
    _scores,
    robustness,
)
from multimodal_study.pipelines.perturbation.scores import Components, first_component, label_score
from multimodal_study.reporting.robustness_figure import SHOWN, robustness_figure


@pytest.fixture(scope="module")
def measured(of_image):
    table, config, *_ = of_image
    features = pairs(lambda image, text: image)
    return robustness(features, {"early": table}, {"early": config}, SETTINGS, EVALUATION)


def test_only_the_origin_that_carries_the_label_is_missed(measured):
    curves, areas = measured
    assert list(curves.columns) == CURVES and list(areas.columns) == AREAS
    rows = areas.set_index(["perturbation", "origin"])
    for perturbation in rows.index.levels[0]:
        assert rows.loc[(perturbation, "image"), "lost_low"] > 0.01, perturbation
        assert abs(rows.loc[(perturbation, "text"), "lost"]) < 0.03, perturbation
    assert rows.loc[("removed", "image"), "worst"] < 0.7


def test_losses_completely_at_random_are_a_straight_line_between_all_and_none(measured):
    curves, _ = measured
    own = curves[(curves["perturbation"] == "missing completely at random")]
    line = own[own["origin"] == "image"].sort_values("severity")
    ends = line["value"].iloc[[0, -1]].to_numpy()
    assert line["severity"].tolist() == [0.0, *SETTINGS["missing"], 1.0]
    assert line["value"].to_numpy() == pytest.approx(ends[0] + line["severity"] * np.diff(ends)[0])
    assert (line["low"] <= line["value"]).all() and (line["value"] <= line["high"]).all()


def test_all_mechanisms_agree_where_nothing_and_where_everything_is_lost(measured):
    curves, _ = measured
    missing = curves[curves["perturbation"].str.startswith("missing")]
    for origin in ("image", "text"):
        own = missing[missing["origin"] == origin]
        for severity in (0.0, 1.0):
            ends = own[own["severity"] == severity]["value"]
            assert len(ends) == 4 and ends.max() == pytest.approx(ends.min())
    assert EVERY in set(missing["origin"])


def test_the_clean_end_of_every_curve_is_the_same(measured):
    _, areas = measured
    assert areas["clean"].nunique() == 1
    assert (areas["examples"] == 80).all() and (areas["seeds"] == 2).all()


def test_an_area_under_a_roc_curve_makes_no_curves(of_image, caplog):
    table, config, *_ = of_image
    config = {**config, "task": {**config["task"], "decides": "auroc"}}
    features = pairs(lambda image, text: image)
    curves, areas = robustness(features, {"e": table}, {"e": config}, SETTINGS, EVALUATION)
    assert curves.empty and areas.empty and "no curves" in caplog.text
    robustness_figure(curves)


def test_the_figure_has_a_panel_per_curve_it_shows(measured):
    curves, areas = measured
    figure = robustness_figure(curves)
    shown = areas[areas["perturbation"].isin(SHOWN)]
    assert len(figure.axes) == len(shown)


def test_the_first_component_is_that_of_scikit_learn():
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    features = pairs(lambda image, text: image)
    rows = np.arange(50, 150)
    found = first_component(features, ["text"], rows)
    scaled = StandardScaler().fit_transform(features.arrays["text"][rows].astype(float))
    pca = PCA(1)
    known = pca.fit_transform(scaled)[:, 0]
    largest = pca.components_[0][np.abs(pca.components_[0]).argmax()]
    assert found == pytest.approx(known * np.sign(largest), abs=1e-6)


def test_rarer_labels_have_higher_scores(tiny_features):
    features = pairs(lambda image, text: image & text)
    rows = features.rows("test")
    found = pd.Series(label_score(features, rows)).groupby(features.examples["target"][rows].values)
    assert found.nunique().tolist() == [1, 1]
    assert found.first()[1] > found.first()[0]
    numbers = tiny_features("regression")
    assert label_score(numbers, np.array([3])) == pytest.approx([numbers.examples["target"][3]])
    task = Task("stars", "ordinal", ("a", "b"), "mae", (1.0, 5.0))
    ordinal = label_score(replace(features, task=task), rows)
    assert set(ordinal) == {1.0, 5.0}


def test_words_alone_score_by_their_number(tiny_features):
    features = tiny_features().select(["words", "metadata"])
    found = first_component(features, ["text"], np.arange(5))
    index = features.examples["review"].to_numpy()[:5]
    assert found.tolist() == features.arrays["words"][index].getnnz(axis=1).tolist()


def test_an_origin_that_is_the_cells_own_is_scored_by_the_pair_that_it_was_made_of():
    features = pairs(lambda image, text: image)
    keys = {f"{origin}_key": np.arange(len(features.examples)) for origin in ("image", "text")}
    features = replace(features, examples=features.examples.assign(**keys), pair=("image", "text"))
    ids = features.examples["example_id"].to_numpy()[:50]
    found = _scores(Components(features), ids, ["contents"])
    assert AT_RANDOM not in {mechanism for mechanism, _ in found}  # nothing else is there
    both = first_component(features, ["image", "text"], np.arange(50))
    np.testing.assert_array_equal(found[NOT_BY_VALUE, "contents"], both)
