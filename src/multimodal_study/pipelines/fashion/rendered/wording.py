"""Descriptions: a small grammar with synonyms, omissions, irrelevant phrases and typing errors.

What is said and what is left out is drawn for every factor on its own, and typing errors never
hit the words of a factor: the text of an item carries exactly the factors in ``Description.said``,
so that the information in it can be computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from multimodal_study.pipelines.fashion.rendered.factors import ATTRIBUTES, FACTORS
from multimodal_study.pipelines.fashion.rendered.vocabulary import (
    ATTRIBUTE_CONNECTORS,
    CONNECTORS,
    IRRELEVANT,
    NOUN_FRONT,
    PHRASES,
    UNSAID_CATEGORY,
)

if TYPE_CHECKING:
    from multimodal_study.pipelines.fashion.rendered.options import Options

_TYPABLE = 5
"""Letters from which a word may have a typing error."""


@dataclass(frozen=True)
class Description:
    """A text and the factors whose values it states."""

    text: str
    said: tuple[str, ...]


def describe(values: Mapping[str, str], options: Options, seed: list[int]) -> Description:
    """Text of one garment: depends on the factors that text carries, and on the seed.

    Args:
        values: Of every factor that the garment's category has.
        options: Carriers and rates.
        seed: Of everything that does not matter.
    """
    rng = np.random.default_rng(seed)
    draws = {name: rng.random(3) for name in FACTORS}
    said = [
        name
        for name in FACTORS
        if name in values
        and options.carriers[name] != "image"
        and draws[name][0] >= options.omissions[name]
    ]
    if "category" not in said:  # the words of an attribute would tell the category
        said = [name for name in said if name not in ATTRIBUTES]
    phrases = {
        name: _pick(PHRASES[name][values[name]], draws[name][1], options.synonym) for name in said
    }
    noun = phrases.get("category") or _pick(UNSAID_CATEGORY, draws["category"][1], options.synonym)
    front = [phrases[name] for name in NOUN_FRONT if name in phrases]
    behind = [name for name in said if name not in NOUN_FRONT and name != "category"]
    order = rng.permutation(len(FACTORS))
    behind.sort(key=lambda name: int(order[list(FACTORS).index(name)]))
    clauses = []
    for name in behind:
        leads = ATTRIBUTE_CONNECTORS if name in ATTRIBUTES else CONNECTORS[name]
        lead = _typed(_pick(leads, draws[name][2], 1.0), rng, options.typo)
        clauses.append(f"{lead} {phrases[name]}")
    for _ in range(2):
        extra = _typed(_pick(IRRELEVANT, rng.random(), 1.0), rng, options.typo)
        at = int(rng.random() * (len(clauses) + 1))
        if rng.random() < options.irrelevant:
            clauses.insert(at, extra)
    text = ", ".join([" ".join([*front, noun]), *clauses])
    return Description(text[0].upper() + text[1:] + ".", tuple(said))


def _pick(choices: tuple[str, ...], draw: float, synonym: float) -> str:
    """The first choice, or with probability ``synonym`` any: one draw from [0, 1) decides both."""
    if draw >= synonym:
        return choices[0]
    return choices[int(draw / synonym * len(choices))]


def _typed(words: str, rng: np.random.Generator, typo: float) -> str:
    """Words with two neighbouring letters swapped in one of them, with probability ``typo``."""
    hit, which, where = rng.random(3)
    parts = words.split(" ")
    typable = [number for number, part in enumerate(parts) if len(part) >= _TYPABLE]
    if hit >= typo or not typable:
        return words
    number = typable[int(which * len(typable))]
    letters = list(parts[number])
    at = 1 + int(where * (len(letters) - 2))
    letters[at], letters[at + 1] = letters[at + 1], letters[at]
    parts[number] = "".join(letters)
    return " ".join(parts)
