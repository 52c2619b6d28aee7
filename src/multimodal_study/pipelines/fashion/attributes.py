"""The eight attributes of FashionAI and their values, in the order of its label strings.

Zou et al. 2019, "FashionAI: A Hierarchical Dataset for Fashion Understanding" (CVPR workshops),
and the Tianchi competition of 2018: ``nnynn`` says that the third value holds.
"""

from __future__ import annotations

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "coat_length": (
        "Invisible", "High Waist Length", "Regular Length", "Long Length", "Micro Length",
        "Knee Length", "Midi Length", "Ankle&Floor Length",
    ),
    "collar_design": ("Invisible", "Shirt Collar", "Peter Pan", "Puritan Collar", "Rib Collar"),
    "lapel_design": ("Invisible", "Notched", "Collarless", "Shawl Collar", "Plus Size Shawl"),
    "neck_design": (
        "Invisible", "Turtle Neck", "Ruffle Semi-High Collar", "Low Turtle Neck", "Draped Collar",
    ),
    "neckline_design": (
        "Invisible", "Strapless Neck", "Deep V Neckline", "Straight Neck", "V Neckline",
        "Square Neckline", "Off Shoulder", "Round Neckline", "Sweat Heart Neck",
        "One Shoulder Neckline",
    ),
    "pant_length": (
        "Invisible", "Short Pant", "Mid Length", "3/4 Length", "Cropped Pant", "Full Length",
    ),
    "skirt_length": (
        "Invisible", "Short Length", "Knee Length", "Midi Length", "Ankle Length", "Floor Length",
    ),
    "sleeve_length": (
        "Invisible", "Sleeveless", "Cup Sleeves", "Short Sleeves", "Elbow Sleeves", "3/4 Sleeves",
        "Wrist Length", "Long Sleeves", "Extra Long Sleeves",
    ),
}  # fmt: skip
"""Attribute to its values; 54 in all."""


def class_name(attribute: str, value: str) -> str:
    """How a value is called where it stands beside those of other attributes."""
    return f"{attribute}: {value}"


CLASSES: tuple[str, ...] = tuple(
    class_name(attribute, value) for attribute, values in ATTRIBUTES.items() for value in values
)
GROUPS: tuple[str, ...] = tuple(
    attribute for attribute, values in ATTRIBUTES.items() for _ in values
)
"""Attribute of each class."""
