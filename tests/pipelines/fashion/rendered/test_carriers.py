"""Pictures and texts carry what they should, and nothing else; masks hold what changes."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered.draw.picture import draw, shown
from multimodal_study.pipelines.fashion.rendered.factors import (
    ATTRIBUTES,
    CATEGORIES,
    FACTORS,
    applies,
)
from multimodal_study.pipelines.fashion.rendered.masks import LEGEND, regions
from multimodal_study.pipelines.fashion.rendered.options import Options, read_options
from multimodal_study.pipelines.fashion.rendered.sample import draw_item
from multimodal_study.pipelines.fashion.rendered.vocabulary import (
    ATTRIBUTE_CONNECTORS,
    CONNECTORS,
    IRRELEVANT,
    PHRASES,
    UNSAID_CATEGORY,
)
from multimodal_study.pipelines.fashion.rendered.wording import describe

PIXELS = 72


def garment(category: str, number: int = 0, **changed: str) -> dict[str, str]:
    """Values of a garment of a category; drawn from its number where not given."""
    values = {
        name: factor.values[(number * 7 + len(name)) % len(factor.values)]
        for name, factor in FACTORS.items()
        if applies(name, category)
    }
    return values | {"category": category} | changed


def picture(values: dict[str, str], options: Options) -> np.ndarray[Any, Any]:
    drawn = draw(shown(values, options.seen), PIXELS, [1, 2])
    return np.asarray(drawn.image, dtype=int)


@pytest.mark.parametrize("category", CATEGORIES)
def test_picture_changes_with_what_it_carries_and_with_nothing_else(category: str) -> None:
    options = read_options({"carriers": {"light": "text", "pose": "text"}})
    values = garment(category)
    before = picture(values, options)
    for name, factor in FACTORS.items():
        if not applies(name, category) or name == "category":
            continue
        other = factor.values[(factor.values.index(values[name]) + 1) % len(factor.values)]
        same = np.array_equal(before, picture(values | {name: other}, options))
        assert same == (options.carriers[name] == "text"), name


@pytest.mark.parametrize(
    ("category", "attribute"), [(c, a) for c, owned in CATEGORIES.items() for a in owned]
)
def test_mask_holds_the_pixels_that_change(category: str, attribute: str) -> None:
    options = read_options(None)
    for number in range(2):
        base = shown(garment(category, number), options.seen)
        drawn = [
            draw(base | {attribute: value}, PIXELS, [number]) for value in ATTRIBUTES[attribute]
        ]
        masks = [regions(one, base) & LEGEND[attribute] > 0 for one in drawn]
        assert all(np.array_equal(mask, masks[0]) for mask in masks)
        assert masks[0].mean() < 0.75
        for first, second in itertools.pairwise(drawn):
            change = np.abs(
                np.asarray(first.image, dtype=int) - np.asarray(second.image, dtype=int)
            ).sum(axis=2)
            assert change.sum() > 0, attribute
            # The rest is shading along a sleeve whose end or beginning moves.
            assert change[masks[0]].sum() >= 0.9 * change.sum()


def test_pattern_and_background_stay_in_their_regions() -> None:
    options = read_options(None)
    values = garment("dress", light="even", background="studio", pattern="dots")
    base = shown(values, options.seen)
    plain, dots, park = (
        draw(base | change, PIXELS, [0])
        for change in ({"pattern": "plain"}, {}, {"background": "park"})
    )
    pattern = np.abs(np.asarray(plain.image, dtype=int) - np.asarray(dots.image, dtype=int)).sum(2)
    assert pattern[dots.garment].sum() > 0.95 * pattern.sum()
    scene = np.abs(np.asarray(dots.image, dtype=int) - np.asarray(park.image, dtype=int)).sum(2)
    assert scene[~dots.figure].sum() > 0.95 * scene.sum()
    assert dots.garment.any() and (dots.garment <= dots.figure).all()


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9&'-]+", text.lower())


def holds(text: str, phrase: str) -> bool:
    """Whether the words of a phrase stand in a text, one after the other."""
    return f" {' '.join(words(phrase))} " in f" {' '.join(words(text))} "


def test_no_phrase_tells_two_things() -> None:
    every = [
        (factor, value, phrase)
        for factor, values in PHRASES.items()
        for value, phrases in values.items()
        for phrase in phrases
    ]
    for (factor, value, phrase), (other, other_value, text) in itertools.permutations(every, 2):
        if (factor, value) != (other, other_value):
            assert not holds(text, phrase), (phrase, text)
    fillers = [*IRRELEVANT, *ATTRIBUTE_CONNECTORS, *UNSAID_CATEGORY, *sum(CONNECTORS.values(), ())]
    for filler, (_, _, phrase) in itertools.product(fillers, every):
        assert not holds(filler, phrase), (filler, phrase)
    assert {f: set(v) for f, v in PHRASES.items()} == {f: set(FACTORS[f].values) for f in FACTORS}


@pytest.mark.parametrize(
    "carriers", [{}, {"pattern": "both", "colour": "image", "season": "text", "pose": "text"}]
)
def test_text_says_what_it_carries_and_nothing_else(carriers: dict[str, str]) -> None:
    options = read_options({"carriers": carriers, "omission": 0.3, "irrelevant": 1.0, "typo": 1.0})
    for number in range(150):
        item = draw_item(1, number)
        found = describe(item.values, options, [1, number])
        for name, values in PHRASES.items():
            stated = {v for v, ps in values.items() if any(holds(found.text, p) for p in ps)}
            assert stated == ({item.values[name]} if name in found.said else set()), found
        assert not {n for n in found.said if options.carriers[n] == "image"}


def test_text_does_not_change_with_an_image_only_factor() -> None:
    options = read_options(None)
    values = garment("blouse")
    text = describe(values, options, [5]).text
    for name in ("pattern", "background", "collar_design"):
        for value in FACTORS[name].values:
            assert describe(values | {name: value}, options, [5]).text == text


def test_omissions_happen_at_their_rate_and_a_hidden_category_hides_its_attributes() -> None:
    options = read_options({"omission": 0.25, "omissions": {"category": 0.5}})
    said = [describe(garment("skirt"), options, [n]).said for n in range(600)]
    rate = np.mean(["material" not in one for one in said])
    assert abs(rate - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 600)
    assert all("category" in one for one in said if "skirt_length" in one)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"nn": 1}, "no such option"),
        ({"n": 0}, "rendered.n is 0"),
        ({"size": 8}, "rendered.size"),
        ({"typo": 1.5}, "probability"),
        ({"carriers": {"material": "image"}}, "rendered.carriers.material"),
        ({"carriers": {"hat": "image"}}, "hat"),
        ({"carriers": {"category": "image"}}, "words tell the category"),
        ({"omissions": {"hat": 0.1}}, "hat"),
    ],
)
def test_wrong_options_are_named(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_options(given)
