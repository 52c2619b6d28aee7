"""Label rules as data: which factors decide a label, how, and through which modality.

A rule has *components*. Each sorts the values of one or more factors into ``k`` levels and adds
the levels modulo ``k`` (with two binary factors: XOR). The label is made of *digits*, a mixed
radix number whose first digit counts most: a digit is a component, or a component chosen by the
level of another one (``by``/``of``), so that for one part of the items this factor decides and for
another part that one. Nothing is evaluated; whatever does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered.factors import ATTRIBUTES, FACTORS

_TWO = 2


@dataclass(frozen=True)
class Component:
    """Levels of one or more factors, added modulo their number."""

    name: str
    levels: dict[str, dict[str, int]]
    """Factor to value to level."""
    size: int
    """Number of levels ``k``, the same for every factor."""

    def of(self, values: Mapping[str, str]) -> int:
        """Level of an item."""
        return self.add({name: self.levels[name][values[name]] for name in self.levels})

    def add(self, levels: Mapping[str, int]) -> int:
        """Level of the component from the levels of its factors."""
        return sum(levels[name] for name in self.levels) % self.size


@dataclass(frozen=True)
class Digit:
    """One digit of the label: a component, or one of several, chosen by the level of ``by``."""

    of: tuple[str, ...]
    by: str | None = None


@dataclass(frozen=True)
class Rule:
    """A label as a function of the factors."""

    name: str
    classes: tuple[str, ...]
    components: dict[str, Component]
    digits: tuple[Digit, ...]

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that the label depends on, in the order of :data:`FACTORS`."""
        used = {name for component in self.components.values() for name in component.levels}
        return tuple(name for name in FACTORS if name in used)

    def combine(self, found: Mapping[str, int]) -> int:
        """Class index from the level of every component."""
        index = 0
        for digit in self.digits:
            name = digit.of[found[digit.by] if digit.by else 0]
            index = index * self.components[name].size + found[name]
        return index

    def label(self, values: Mapping[str, str]) -> str:
        """Class of an item."""
        found = {name: component.of(values) for name, component in self.components.items()}
        return self.classes[self.combine(found)]


def read_rule(name: str, given: Any) -> Rule:
    """A rule from its parameters, checked.

    Args:
        name: Key below ``rules``.
        given: ``classes`` (names), ``components`` (name to factor to list of lists of values),
            ``digits`` (component names, or ``{by: component, of: [components]}``).

    Raises:
        InputError: A key, factor, value or component is unknown or missing; a value has no level
            or two; the factors of a component differ in levels; or the classes do not fit.
    """
    where = f"rules.{name}"
    if not isinstance(given, Mapping) or set(given) != {"classes", "components", "digits"}:
        raise InputError(f"{where} needs exactly classes, components and digits, got {given!r}")
    if not isinstance(given["components"], Mapping) or not given["components"]:
        raise InputError(f"{where}.components is {given['components']!r}, expected components")
    components = {
        str(key): _component(f"{where}.components.{key}", str(key), value)
        for key, value in given["components"].items()
    }
    digits = tuple(_digit(f"{where}.digits", digit, components) for digit in given["digits"])
    used = {part for digit in digits for part in (*digit.of, digit.by)}
    idle = sorted(set(components) - used)
    if idle:
        raise InputError(f"{where}: no digit uses the components {idle}; remove them or use them")
    size = 1
    for digit in digits:
        size *= components[digit.of[0]].size
    classes = tuple(str(label) for label in given["classes"])
    if len(set(classes)) != len(classes) or len(classes) != size or size < _TWO:
        raise InputError(f"{where}.classes is {classes}, expected {size} different names")
    return Rule(name, classes, components, digits)


def _component(where: str, name: str, given: Any) -> Component:
    if not isinstance(given, Mapping) or not given:
        raise InputError(f"{where} is {given!r}, expected factor: [[values of level 0], ...]")
    levels = {str(factor): _levels(f"{where}.{factor}", factor, given[factor]) for factor in given}
    sizes = {factor: max(found.values()) + 1 for factor, found in levels.items()}
    if len(set(sizes.values())) != 1:
        raise InputError(f"{where}: numbers of levels {sizes}, expected the same for every factor")
    return Component(name, levels, next(iter(sizes.values())))


def _levels(where: str, factor: Any, given: Any) -> dict[str, int]:
    if factor not in FACTORS or factor in ATTRIBUTES:
        known = [name for name in FACTORS if name not in ATTRIBUTES]
        raise InputError(f"{where}: expected a factor that every garment has, one of {known}")
    if not isinstance(given, list) or not all(isinstance(level, list) for level in given):
        raise InputError(f"{where} is {given!r}, expected a list of lists of values")
    found = [(str(value), number) for number, level in enumerate(given) for value in level]
    if sorted(value for value, _ in found) != sorted(FACTORS[factor].values) or [] in given:
        raise InputError(
            f"{where} is {given!r}, expected each of {FACTORS[factor].values} in one level"
        )
    return dict(found)


def _digit(where: str, given: Any, components: dict[str, Component]) -> Digit:
    if isinstance(given, str):
        digit = Digit((given,))
    elif isinstance(given, Mapping) and set(given) == {"by", "of"}:
        digit = Digit(tuple(str(name) for name in given["of"]), str(given["by"]))
    else:
        raise InputError(f"{where} has {given!r}, expected a component or {{by: ..., of: [...]}}")
    unknown = sorted({*digit.of, digit.by or digit.of[0]} - set(components))
    if unknown:
        raise InputError(f"{where} names {unknown}, expected some of {sorted(components)}")
    if digit.by and components[digit.by].size != len(digit.of):
        levels = components[digit.by].size
        raise InputError(f"{where}: {digit.by} has {levels} levels, expected as many names in `of`")
    if len({components[name].size for name in digit.of}) != 1:
        raise InputError(f"{where}: {digit.of} differ in their numbers of levels")
    return digit


def factor_rule(name: str) -> Rule:
    """The task of telling one factor: its values are the classes."""
    values = FACTORS[name].values
    levels = {value: number for number, value in enumerate(values)}
    component = Component(name, {name: levels}, len(values))
    return Rule(name, values, {name: component}, (Digit((name,)),))
