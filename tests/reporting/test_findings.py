"""Sentences say what their tests say, on tables made by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from multimodal_study.reporting import findings
from multimodal_study.reporting.alignment import alignment_and_task, correlation, paired
from multimodal_study.reporting.limits import of_dataset
from reporting.entries import answer, entry, pair, row


def test_the_best_is_named_with_what_cannot_be_told_from_it() -> None:
    found = findings.best_paradigm(entry())
    assert found.text == (
        "early is best on validation; on test its accuracy is 0.800 [0.750, 0.850]. It is"
        " measurably better than 2 of 4 others (paired permutation tests, Holm's correction);"
        " text_only and hybrid cannot be told from it: within noise."
    )
    assert not found.noise


def test_a_rival_that_is_better_on_test_is_not_hidden() -> None:
    found = findings.best_paradigm(entry(significance=[pair("hybrid", "early", 0.001)]))
    assert "better than 0 of 1 others" in found.text
    assert "hybrid is measurably better on test" in found.text


def test_too_few_permutations_are_no_evidence_of_likeness() -> None:
    few = [row | {"permutations": 50} for row in entry()["significance"]]
    assert "too few permutations" in findings.best_paradigm(entry(significance=few)).text
    assert "within noise" not in findings.best_paradigm(entry(significance=few)).text
    assert findings.cheapest(entry(significance=few)).missing


def test_without_a_test_nothing_is_claimed() -> None:
    assert "No test of it" in findings.best_paradigm(entry(significance=[])).text
    assert findings.fusion(entry(answers=[])).missing
    assert findings.cheapest(entry(significance=[])).missing
    assert findings.best_paradigm(entry(best=None)).missing


@given(st.floats(-0.5, 0.5), st.floats(0.0, 0.5))
def test_noise_is_said_exactly_where_the_interval_contains_zero(low: float, width: float) -> None:
    high = low + width
    found = findings.fusion(entry(answers=[answer("fusion", "early", "text_only", low, high)]))
    contains = low <= 0.0 <= high
    assert found.noise == contains
    assert ("within noise" in found.text) == contains
    assert ("a measurable gain" in found.text) == (low > 0.0)
    assert ("a measurable loss" in found.text) == (high < 0.0)


def test_a_lower_error_is_a_gain() -> None:
    one = answer("fusion", "early", "text_only", -0.2, -0.1) | {"verdict": "a measurable gain"}
    assert "a measurable gain" in findings.fusion(entry(answers=[one])).text


def test_the_answer_about_z_comes_from_the_study_of_the_weight() -> None:
    study: dict[str, Any] = {
        "recommended": {"lambda": 0.5, "beta": 1.0},
        "decides": "accuracy",
        "answer": {
            "against_task_alone": {
                "difference": 0.01,
                "low": -0.02,
                "high": 0.04,
                "verdict": "no measurable contribution",
                "split": "test",
            }
        },
    }
    found = findings.latent_helps_label(entry(), study)
    assert "weight 0.5" in found.text
    assert "+0.010 [-0.020, 0.040], within noise" in found.text
    assert findings.latent_helps_label(entry(), None).missing


def test_the_cheapest_within_noise_of_the_best() -> None:
    found = findings.cheapest(entry())
    assert found.text.startswith("text_only is within noise of early, the best, and takes 8.0 s")
    alone = [pair("early", other, 0.001) for other in ("text_only", "mvae", "hybrid", "tfidf")]
    assert "no other is within noise of it" in findings.cheapest(entry(significance=alone)).text


def test_the_correlation_agrees_with_scipy_and_its_test_with_an_enumeration() -> None:
    x, y = [1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 3.0, 2.0, 5.0, 4.0]
    found = correlation(x, y)
    assert found["value"] == pytest.approx(spearmanr(x, y).statistic)
    assert found["low"] < found["value"] < found["high"]
    from itertools import permutations

    r = [spearmanr(x, list(order)).statistic for order in permutations(y)]
    exact = np.mean(np.abs(r) >= abs(found["value"]) - 1e-12)
    assert found["p_value"] == pytest.approx(exact, abs=1e-9)
    assert math.isnan(correlation(x, [1.0] * 5)["value"])
    with pytest.raises(ValueError, match="4 pairs"):
        correlation([1.0], [1.0])


def searched(order: list[str]) -> dict[str, Any]:
    rows = [
        row(name, 0.1 * place, f"mrr_{way}{suffix}")
        for place, name in enumerate(order, 1)
        for way in ("image_to_text", "text_to_image")
        for suffix in ("", "_one_to_one")
    ]
    return {"pair": ["image", "text"], "spaces": {}, "rows": [*rows, row("chance", 0.01, "mrr_x")]}


def test_alignment_is_tied_to_the_task_only_where_the_test_says_so() -> None:
    names = [f"p{i}" for i in range(8)]
    board = [row(name, 0.1 + 0.1 * place) for place, name in enumerate(names)]
    tied = entry(leaderboard=board, retrieval=searched(names))
    assert len(paired(tied)) == 8
    found = alignment_and_task(tied)
    assert "+1.00" in found.text
    assert "measurably better" in found.text
    mixed = entry(
        leaderboard=board, retrieval=searched([names[i] for i in (3, 6, 0, 5, 2, 7, 1, 4)])
    )
    assert alignment_and_task(mixed).noise
    assert alignment_and_task(entry()).missing


def test_limits_are_counted_from_the_records() -> None:
    said = " ".join(of_dataset(entry()))
    assert "5 examples of test in 5 clusters" in said
    assert "0.100 wide" in said
    assert "image 25.0%" in said
    assert "2 rows were refused" in said
    assert "longer fit may do better: early, hybrid, mvae, text_only." in said
    cells = entry()["cells"]
    cells["early"]["trainer"]["max_epochs"] = 10
    assert "may do better: hybrid" in " ".join(of_dataset(entry(cells=cells)))
    single = [
        one | {"seeds": 1 if one["paradigm"] == "mvae" else 3} for one in entry()["leaderboard"]
    ]
    assert "nothing is known of its spread: mvae." in " ".join(
        of_dataset(entry(leaderboard=single))
    )
