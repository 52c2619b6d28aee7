"""Where in a picture stands what a label was made of: questions whose answer has a known place.

The label of an item has digits (:mod:`.rule`). A factor that decides one of them, that the picture
carries and that shows in one region only is *evidence*: whoever tells this class from the classes
that differ from it in this digit alone must look at that region, or at the text where it carries
the factor too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from multimodal_study.pipelines.fashion.rendered.factors import ATTRIBUTES, applies
from multimodal_study.pipelines.fashion.rendered.masks import LEGEND
from multimodal_study.pipelines.fashion.rendered.options import Options
from multimodal_study.pipelines.fashion.rendered.rule import Rule

REGIONS: dict[str, tuple[str, bool]] = {
    "colour": ("garment", True),
    "pattern": ("garment", True),
    "background": ("figure", False),
    **{name: (name, True) for name in ATTRIBUTES},
}
"""Factor to its region: a name of :data:`.masks.LEGEND`, and whether it shows inside or outside.
Category, pose and light show everywhere."""


@dataclass(frozen=True)
class Evidence:
    """One question to an explainer."""

    factor: str
    bit: int
    """Of the item's mask."""
    inside: bool
    """The region is where the bit is set; else where it is not."""
    against: tuple[str, ...]
    """Classes that differ from the item's own in what the factor decides, and in nothing else."""
    also_told: bool
    """The text carries the factor too."""


def evidence_of(rule: Rule, options: Options, values: Mapping[str, str]) -> list[Evidence]:
    """All evidence in the picture of an item for its class under ``rule``.

    Args:
        rule: Of the task.
        options: What the picture carries.
        values: Value of every factor; of those that the category lacks, empty or none.
    """
    if not all(values.get(name) for name in rule.factors):
        return []
    found = {name: component.of(values) for name, component in rule.components.items()}
    asked = []
    for digit in rule.digits:
        name = digit.of[found[digit.by] if digit.by else 0]
        component = rule.components[name]
        own = rule.combine(found)
        other = [rule.combine(found | {name: level}) for level in range(component.size)]
        against = tuple(rule.classes[index] for index in other if index != own)
        for factor in component.levels:
            shows = factor in REGIONS and applies(factor, values["category"])
            if shows and factor in options.seen:
                region, inside = REGIONS[factor]
                told = options.carriers[factor] == "both"
                asked.append(Evidence(factor, LEGEND[region], inside, against, told))
    return asked
