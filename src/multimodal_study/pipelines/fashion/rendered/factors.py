"""What varies in a rendered garment: factors, their values and who may carry them.

The eight attributes, their values and the order of the values are FashionAI's own (Zou et al.,
"FashionAI: A Hierarchical Dataset for Fashion Understanding", CVPR workshops 2019; value lists as
published with the Tianchi competition 231649), misspellings included: position ``k`` of a label
such as ``nnynn`` is value ``k`` of its list. The other factors are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Carrier = Literal["image", "text", "both"]
CARRIERS: tuple[Carrier, ...] = get_args(Carrier)

INVISIBLE = "Invisible"

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "skirt_length": (
        INVISIBLE,
        "Short Length",
        "Knee Length",
        "Midi Length",
        "Ankle Length",
        "Floor Length",
    ),
    "coat_length": (
        INVISIBLE,
        "High Waist Length",
        "Regular Length",
        "Long Length",
        "Micro Length",
        "Knee Length",
        "Midi Length",
        "Ankle&Floor Length",
    ),
    "collar_design": (INVISIBLE, "Shirt Collar", "Peter Pan", "Puritan Collar", "Rib Collar"),
    "lapel_design": (INVISIBLE, "Notched", "Collarless", "Shawl Collar", "Plus Size Shawl"),
    "neck_design": (
        INVISIBLE,
        "Turtle Neck",
        "Ruffle Semi-High Collar",
        "Low Turtle Neck",
        "Draped Collar",
    ),
    "neckline_design": (
        INVISIBLE,
        "Strapless Neck",
        "Deep V Neckline",
        "Straight Neck",
        "V Neckline",
        "Square Neckline",
        "Off Shoulder",
        "Round Neckline",
        "Sweat Heart Neck",
        "One Shoulder Neckline",
    ),
    "pant_length": (
        INVISIBLE,
        "Short Pant",
        "Mid Length",
        "3/4 Length",
        "Cropped Pant",
        "Full Length",
    ),
    "sleeve_length": (
        INVISIBLE,
        "Sleeveless",
        "Cup Sleeves",
        "Short Sleeves",
        "Elbow Sleeves",
        "3/4 Sleeves",
        "Wrist Length",
        "Long Sleeves",
        "Extra Long Sleeves",
    ),
}
"""Attribute to its values, in the order of FashionAI's label strings."""

CATEGORIES: dict[str, tuple[str, ...]] = {
    "skirt": ("skirt_length",),
    "dress": ("neckline_design", "sleeve_length", "skirt_length"),
    "coat": ("lapel_design", "sleeve_length", "coat_length"),
    "blouse": ("collar_design", "sleeve_length"),
    "jumper": ("neck_design", "sleeve_length"),
    "trousers": ("pant_length",),
}
"""Category to the attributes that it has. An attribute's values are drawn in the same way
whichever category has it, so that they tell nothing about anything else."""


@dataclass(frozen=True)
class Factor:
    """One thing that varies, independently of all others."""

    name: str
    values: tuple[str, ...]
    carriers: tuple[Carrier, ...]
    """Carriers that the generator can give it."""
    default: Carrier
    neutral: str = ""
    """What is drawn where the picture does not carry the factor."""


def _drawn(name: str, values: tuple[str, ...], default: Carrier, neutral: str) -> Factor:
    return Factor(name, values, CARRIERS, default, neutral)


_NEUTRAL = {
    "skirt_length": "Knee Length",
    "coat_length": "Micro Length",
    "collar_design": "Shirt Collar",
    "lapel_design": "Collarless",
    "neck_design": "Low Turtle Neck",
    "neckline_design": "Round Neckline",
    "pant_length": "Full Length",
    "sleeve_length": "Elbow Sleeves",
}
_SAID = ("skirt_length", "coat_length", "pant_length", "sleeve_length")
"""Attributes that both modalities carry unless asked otherwise; the designs are seen only."""

_FACTORS = (
    Factor("category", tuple(CATEGORIES), ("image", "both"), "both"),
    _drawn(
        "colour",
        ("red", "orange", "yellow", "pink", "green", "turquoise", "blue", "purple"),
        "both",
        "blue",
    ),
    _drawn("pattern", ("plain", "dots", "floral", "stripes", "checks", "zigzag"), "image", "plain"),
    _drawn(
        "background", ("studio", "room", "bricks", "park", "beach", "street"), "image", "studio"
    ),
    _drawn(
        "pose", ("straight", "arms apart", "left hand on hip", "right hand on hip", "leaning"),
        "image", "straight",
    ),
    _drawn("light", ("even", "from the side", "warm", "dim"), "image", "even"),
    Factor("material", ("cotton", "linen", "silk", "wool", "denim", "velvet"), ("text",), "text"),
    Factor("occasion", ("office", "wedding", "holiday", "sport"), ("text",), "text"),
    Factor("season", ("spring", "summer", "autumn", "winter"), ("text",), "text"),
    Factor("maker", ("Arden", "Bellamy", "Corvane", "Delmira"), ("text",), "text"),
    *(
        _drawn(name, values, "both" if name in _SAID else "image", _NEUTRAL[name])
        for name, values in ATTRIBUTES.items()
    ),
)  # fmt: skip

FACTORS: dict[str, Factor] = {factor.name: factor for factor in _FACTORS}
"""Every factor by name, in the order of the columns of ``factors.csv``."""


def applies(factor: str, category: str) -> bool:
    """Whether a garment of ``category`` has ``factor`` at all."""
    return factor not in ATTRIBUTES or factor in CATEGORIES[category]


def folder_of(attribute: str) -> str:
    """FashionAI's name of an attribute in its label files and folders."""
    return f"{attribute}_labels"
