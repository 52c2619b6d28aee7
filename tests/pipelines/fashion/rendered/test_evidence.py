"""Which factor decides what, where it shows, and against which classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multimodal_study.pipelines.fashion.evidence import COLUMNS, evidence
from multimodal_study.pipelines.fashion.rendered.draw.picture import draw, shown
from multimodal_study.pipelines.fashion.rendered.evidence import evidence_of
from multimodal_study.pipelines.fashion.rendered.factors import FACTORS
from multimodal_study.pipelines.fashion.rendered.masks import LEGEND, regions
from multimodal_study.pipelines.fashion.rendered.options import read_options

DRESS = {
    "category": "dress", "colour": "red", "pattern": "dots", "background": "park",
    "pose": "straight", "light": "even", "material": "silk", "occasion": "sport",
    "season": "spring", "maker": "Arden", "neckline_design": "V Neckline",
    "sleeve_length": "Sleeveless", "skirt_length": "Midi Length",
}  # fmt: skip
SKIRT = {**DRESS, "category": "skirt", "neckline_design": "", "sleeve_length": ""}


def test_a_dress_is_told_by_background_and_colour_and_a_skirt_by_its_pattern() -> None:
    options = read_options(None)
    rule = options.rule("style")
    found = {one.factor: one for one in evidence_of(rule, options, DRESS)}
    assert set(found) == {"background", "colour"}
    assert not found["background"].inside and found["background"].bit == LEGEND["figure"]
    assert found["colour"].also_told and not found["background"].also_told
    own = rule.label(DRESS)
    for factor, other in (("background", "studio"), ("colour", "blue")):
        assert found[factor].against == (rule.label(DRESS | {factor: other}),) != (own,)
    assert [one.factor for one in evidence_of(rule, options, SKIRT)] == ["pattern"]


def test_what_the_picture_does_not_carry_is_no_evidence() -> None:
    options = read_options({"carriers": {"background": "text", "colour": "text"}})
    assert evidence_of(options.rule("style"), options, DRESS) == []


def test_a_factor_alone_is_told_from_all_its_other_values() -> None:
    options = read_options(None)
    (found,) = evidence_of(options.rule("sleeve_length"), options, DRESS)
    assert found.bit == LEGEND["sleeve_length"] and found.inside
    assert len(found.against) == len(FACTORS["sleeve_length"].values) - 1
    assert evidence_of(options.rule("sleeve_length"), options, SKIRT) == []
    assert evidence_of(options.rule("pose"), options, DRESS) == []


@pytest.mark.parametrize(("factor", "other"), [("background", "studio"), ("pattern", "plain")])
def test_the_region_holds_what_changes_with_the_factor(factor: str, other: str) -> None:
    options = read_options(None)
    rule = options.rule(factor)
    (found,) = evidence_of(rule, options, DRESS)
    first, second = (
        draw(shown(values, options.seen), 72, [3]) for values in (DRESS, DRESS | {factor: other})
    )
    region = ((regions(first, DRESS) & found.bit) > 0) == found.inside
    change = np.abs(np.asarray(first.image, int) - np.asarray(second.image, int)).sum(2)
    assert change[region].sum() > 0.85 * change.sum()
    assert region.mean() < 0.9


def test_the_table_names_masks_and_classes_of_the_items_that_are_asked_about() -> None:
    made: dict[str, Any] = {"root": "x", "options": {}}
    items = pd.DataFrame([{"item_id": "a", **DRESS}, {"item_id": "b", **SKIRT}])
    for name in FACTORS:
        items[name] = items.get(name, "")
    rule = read_options(None).rule("style")
    labels = sorted(rule.classes)
    table = pd.DataFrame({"item_id": ["a", "b"], "label": [rule.label(DRESS), rule.label(SKIRT)]})
    table["target"] = [labels.index(name) for name in table["label"]]
    both = pd.concat(
        [table, pd.DataFrame({"item_id": ["a"] * 4, "label": labels, "target": range(4)})]
    )
    summary = {"targets": ["style"], "source": "rendered"}
    found = evidence(both.iloc[:2], items, made, {}, summary)
    assert list(found.columns) == list(COLUMNS)
    assert found["factor"].tolist() == ["background", "colour", "described", "pattern", "described"]
    assert (found["mask"] == "Masks/" + found["example_id"] + ".png").all()
    whole = evidence(both, items, made, {}, summary).iloc[0]
    assert labels[int(whole["against"])] == rule.label(DRESS | {"background": "studio"})
    table["target"] = -1
    assert evidence(table, items, made, {}, summary).empty
    assert evidence(table, items, {}, {}, summary).empty
