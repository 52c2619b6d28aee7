"""What may be asked of the generator, its defaults, and the check of what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered.factors import ATTRIBUTES, FACTORS, Carrier
from multimodal_study.pipelines.fashion.rendered.rule import Rule, factor_rule, read_rule

_GARMENTS = [["dress", "coat", "blouse", "jumper"], ["skirt", "trousers"]]
_WARM = [["red", "orange", "yellow", "pink"], ["green", "turquoise", "blue", "purple"]]
_PLACES = [["studio", "room", "bricks"], ["park", "beach", "street"]]
_OCCASIONS = [["office", "wedding"], ["holiday", "sport"]]
_PATTERNS = [["plain", "dots", "floral"], ["stripes", "checks", "zigzag"]]
_SEASONS = [["spring", "summer"], ["autumn", "winter"]]

DEFAULTS: dict[str, Any] = {
    "n": 2400,
    "size": 128,
    "workers": None,
    "carriers": {name: factor.default for name, factor in FACTORS.items()},
    "omission": 0.15,
    "omissions": {"category": 0.0, "colour": 0.0, "occasion": 0.0, "season": 0.0},
    "synonym": 0.5,
    "irrelevant": 0.4,
    "typo": 0.1,
    "rules": {
        "style": {
            "classes": ["classic", "romantic", "sporty", "bohemian"],
            "components": {
                "garment": {"category": _GARMENTS},
                "shared": {"colour": _WARM},
                "seen": {"pattern": _PATTERNS},
                "told": {"occasion": _OCCASIONS},
                "joint": {"background": _PLACES, "season": _SEASONS},
            },
            "digits": [
                {"by": "garment", "of": ["joint", "seen"]},
                {"by": "garment", "of": ["shared", "told"]},
            ],
        },
        "redundancy": {
            "classes": ["warm", "cool"],
            "components": {"shared": {"colour": _WARM}},
            "digits": ["shared"],
        },
        "image_unique": {
            "classes": ["soft", "linear"],
            "components": {"seen": {"pattern": _PATTERNS}},
            "digits": ["seen"],
        },
        "text_unique": {
            "classes": ["formal", "leisure"],
            "components": {"told": {"occasion": _OCCASIONS}},
            "digits": ["told"],
        },
        "synergy": {
            "classes": ["matching", "contrasting"],
            "components": {"joint": {"background": _PLACES, "season": _SEASONS}},
            "digits": ["joint"],
        },
    },
}
"""Defaults of ``fashion.ingest.rendered``."""

SMALLEST, LARGEST = 32, 1024
"""Limits of ``size``, in pixels."""


@dataclass(frozen=True)
class Options:
    """Checked options."""

    n: int
    size: int
    workers: int | None
    carriers: dict[str, Carrier]
    omissions: dict[str, float]
    """Factor to the probability that a text which carries it leaves it out."""
    synonym: float
    irrelevant: float
    typo: float
    rules: dict[str, Rule]
    given: dict[str, Any]
    """All of it as plain values, defaults filled in, without ``workers``: provenance."""

    @property
    def seen(self) -> set[str]:
        """Factors that the picture carries."""
        return {name for name, carrier in self.carriers.items() if carrier != "text"}

    def rule(self, task: str) -> Rule:
        """Rule of a task: one of ``rules``, or a factor's own.

        Raises:
            InputError: There is no such task.
        """
        if task in self.rules:
            return self.rules[task]
        if task in FACTORS:
            return factor_rule(task)
        raise InputError(
            f"task.name is {task!r}; rendered has the rules {sorted(self.rules)} and the factors "
            f"{sorted(FACTORS)}"
        )


def read_options(given: Mapping[str, Any] | None) -> Options:
    """Options from parameters; what is not given has its default, key by key.

    Raises:
        InputError: An unknown key, or a value outside its range; the message says which.
    """
    merged = deepcopy(DEFAULTS)
    for key, value in (given or {}).items():
        if key not in merged:
            raise InputError(f"rendered.{key}: no such option; there are {sorted(merged)}")
        if isinstance(merged[key], dict):
            if not isinstance(value, Mapping):
                raise InputError(f"rendered.{key} is {value!r}, expected keys and values")
            merged[key] |= value
        else:
            merged[key] = value
    carriers = _carriers(merged["carriers"])
    rest = _probability("omission", merged["omission"])
    _known("omissions", merged["omissions"])
    omissions = {
        name: _probability(f"omissions.{name}", merged["omissions"].get(name, rest))
        for name in FACTORS
    }
    rates = {name: _probability(name, merged[name]) for name in ("synonym", "irrelevant", "typo")}
    rules = {str(name): read_rule(str(name), rule) for name, rule in merged["rules"].items()}
    clash = sorted(set(rules) & set(FACTORS))
    if clash:
        raise InputError(f"rendered.rules: {clash} are names of factors, give the rules others")
    workers = merged.pop("workers")
    return Options(
        n=_whole("n", merged["n"], 1, 10_000_000),
        size=_whole("size", merged["size"], SMALLEST, LARGEST),
        workers=None if workers is None else _whole("workers", workers, 1, 1024),
        carriers=carriers,
        omissions=omissions,
        rules=rules,
        given=merged,
        **rates,
    )


def _known(key: str, given: Mapping[str, Any]) -> None:
    unknown = sorted(set(given) - set(FACTORS))
    if unknown:
        raise InputError(f"rendered.{key}: no factors {unknown}; there are {sorted(FACTORS)}")


def _carriers(given: dict[str, Any]) -> dict[str, Carrier]:
    _known("carriers", given)
    carriers: dict[str, Carrier] = {}
    for name, factor in FACTORS.items():
        if given[name] not in factor.carriers:
            raise InputError(
                f"rendered.carriers.{name} is {given[name]!r}, expected one of {factor.carriers}"
            )
        carriers[name] = given[name]
    told = [name for name in ATTRIBUTES if carriers[name] != "image"]
    if carriers["category"] == "image" and told:
        raise InputError(
            f"rendered.carriers.category is image, but text carries {told}, whose words tell the "
            "category; set these to image or the category to both"
        )
    return carriers


def _probability(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"rendered.{key} is {value!r}, expected a probability from 0 to 1")
    return float(value)


def _whole(key: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"rendered.{key} is {value!r}, expected a whole number {low} to {high}")
    return value
