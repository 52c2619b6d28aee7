from __future__ import annotations

from dataclasses import asdict

import pytest
from asked_cells import EVALUATION, SETTINGS, asked, pairs

from multimodal_study.errors import InputError
from multimodal_study.models import late
from multimodal_study.pipelines.perturbation.conditions import conditions_of, perturbation_of
from multimodal_study.pipelines.perturbation.handling import NOT_WRITTEN, handling
from multimodal_study.pipelines.perturbation.worth import (
    AGREES,
    APART,
    CONTRADICTS,
    INTERACTIONS,
    TOGETHER,
    WORTH,
    interactions,
    modality_worth,
)

BEST = {"": 0.5, "image": 1.0, "text": 0.5, "image+text": 1.0}


def test_a_label_that_the_picture_alone_carries_is_found_there(of_image):
    table, config, *_ = of_image
    found = modality_worth({"early": table}, {"early": config}, SETTINGS, EVALUATION, 7, BEST)
    assert list(found.columns) == WORTH
    picture, text = found.set_index("origin").loc[["image", "text"]].to_dict("records")
    assert found["origin"].tolist() == ["image", "text"]
    assert picture["shapley_low"] > 0.3
    assert text["shapley_low"] <= 0.05 and abs(text["shapley"]) < 0.05
    assert picture["alone"] > 0.95 and picture["without"] < 0.7 and picture["shuffled"] < 0.7
    assert picture["shapley"] + text["shapley"] == pytest.approx(picture["all"] - picture["none"])
    assert (picture["expected_shapley"], text["expected_shapley"]) == (0.5, 0.0)
    assert set(found["verdict"]) == {AGREES}


def test_a_construction_that_says_otherwise_is_contradicted(of_image):
    table, config, *_ = of_image
    turned = {**BEST, "image": 0.5, "text": 1.0}
    found = modality_worth({"early": table}, {"early": config}, SETTINGS, EVALUATION, 7, turned)
    assert set(found["verdict"]) == {CONTRADICTS}
    silent = modality_worth({"early": table}, {"early": config}, SETTINGS, EVALUATION, 7)
    assert set(silent["verdict"]) == {""}
    assert silent["expected_shapley"].isna().all()


def test_only_a_network_that_interacts_has_a_gap(of_image, of_both, tmp_path):
    late_table, late_config, *_ = asked(
        pairs(lambda image, text: image ^ text), tmp_path, late, "LateFusion", combination="weights"
    )
    found = interactions(
        {"one": of_image[0], "xor": of_both[0], "late": late_table},
        {"one": of_image[1], "xor": of_both[1], "late": late_config},
        EVALUATION,
    )
    assert list(found.columns) == INTERACTIONS
    rows = found.set_index("paradigm")
    assert rows.loc["xor", "verdict"] == TOGETHER and rows.loc["xor", "gap_low"] > 0.1
    assert rows.loc["xor", "model"] > 0.9
    assert rows.loc["one", "verdict"] == APART
    # A weighted vote of logits is a sum: its projection is itself.
    assert rows.loc["late", "gap"] == 0.0
    assert rows.loc["late", "additive"] == rows.loc["late", "model"]


def test_with_all_origins_the_answers_are_the_saved_predictions(of_image):
    table, _, saved, _ = of_image
    whole = table[(table["perturbation"] == "subset") & (table["origin"] == "image+text")]
    test = saved[saved["split"] == "test"]
    both = whole.merge(test, on=["example_id", "seed"], suffixes=("", "_saved"))
    assert len(both) == len(test) == len(whole)
    assert both["p_1"].to_numpy() == pytest.approx(both["p_1_saved"].to_numpy(), abs=1e-6)


def test_conditions_are_the_same_for_every_seed_and_run(of_image):
    table, *_ = of_image
    keys = ["perturbation", "origin", "severity"]
    by_seed = [own[[*keys, "example_id"]].to_numpy().tolist() for _, own in table.groupby("seed")]
    assert by_seed[0] == by_seed[1]
    assert set(table["split"]) == {"test"}
    noise = table[table["perturbation"] == "noise"]
    assert sorted(noise["severity"].unique()) == SETTINGS["noise"]


def test_an_area_or_a_loss_counts_with_its_sign(of_image):
    table, config, *_ = of_image
    config = {**config, "task": {**config["task"], "decides": "brier"}}
    found = modality_worth({"early": table}, {"early": config}, SETTINGS, EVALUATION, 7)
    picture = found.set_index("origin").loc["image"]
    assert picture["shapley_low"] > 0 and picture["alone"] < picture["none"]


def test_many_origins_are_sampled():
    settings = perturbation_of({**SETTINGS, "orders": 4})

    def subsets(names):
        conditions = conditions_of(names, settings, 0)
        return [one.kept for one in conditions if one.perturbation == "subset"]

    assert len(subsets(["a", "b", "c"])) == 8
    names = list("abcdefgh")
    many = subsets(names)
    assert len(many) == len(set(many)) < 60
    assert {frozenset(), frozenset(names), frozenset("a"), frozenset(names) - {"a"}} <= set(many)


@pytest.mark.parametrize(
    "wrong",
    [
        {"examples": 5},
        {"noise": [1.0]},
        {"noise": [], "words_dropped": []},
        {"missing": [0.5, 0.2]},
        {"missing": [1.0]},
        {"unheard_of": 1},
    ],
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match="perturbation"):
        perturbation_of({**SETTINGS, **wrong})


def test_handling_in_words():
    assert handling({"capabilities": [], "parameters": {}}) == NOT_WRITTEN
    taught = {"capabilities": ["missing_modality"], "parameters": {"modality_dropout": 0.1}}
    assert handling(taught) == "placeholder, taught by dropping it in 10% of examples"
    never = {"capabilities": ["missing_modality"], "parameters": {"modality_dropout": 0.0}}
    assert handling(never).endswith("never met in training")


def test_a_regression_is_asked_too(tiny_features, tmp_path):
    features = tiny_features("regression", n=120)
    table, config, *_ = asked(features, tmp_path)
    found = modality_worth({"early": table}, {"early": config}, SETTINGS, EVALUATION, 7)
    assert set(found["metric"]) == {"rmse"}
    assert found["shapley"].sum() == pytest.approx(found["none"][0] - found["all"][0])
    assert asdict(features.task)["decides"] == "rmse"
