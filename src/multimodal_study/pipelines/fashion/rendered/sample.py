"""Which garments there are: an item's factors from the seed, its number and nothing else.

Every factor of every item is a hash of (seed, item, factor): factors are independent, values
equally likely, the first hundred items of a large set are the small set, and one factor's carrier
changes no other factor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered.factors import (
    CATEGORIES,
    FACTORS,
    applies,
    folder_of,
)

PICTURE, TEXT = 1, 2
"""Last number of the seeds of an item's picture and of its text."""


@dataclass(frozen=True)
class Item:
    """One garment."""

    number: int
    item_id: str
    """32 hexadecimal digits, as in FashionAI's file names."""
    values: dict[str, str]
    """Value of every factor that its category has."""
    attribute: str
    """The attribute that its row of ``label.csv`` states."""

    @property
    def image(self) -> str:
        """Path of the picture below the root."""
        return f"Images/{folder_of(self.attribute)}/{self.item_id}.jpg"

    @property
    def mask(self) -> str:
        """Path of the mask below the root."""
        return f"Masks/{self.item_id}.png"


def draw_item(seed: int, number: int) -> Item:
    """Item ``number`` of the set of a seed."""
    place = f"{seed}/{number}"
    values = {name: pick(factor.values, f"{place}/{name}") for name, factor in FACTORS.items()}
    category = values["category"]
    kept = {name: value for name, value in values.items() if applies(name, category)}
    item_id = hashlib.blake2b(place.encode(), digest_size=16).hexdigest()
    return Item(number, item_id, kept, pick(CATEGORIES[category], f"{place}/attribute"))


def pick(choices: Sequence[str], key: str) -> str:
    """One of ``choices``, all equally likely, decided by ``key``."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return choices[int.from_bytes(digest, "big") % len(choices)]


def check_seed(seed: int) -> int:
    """The seed, if it is one.

    Raises:
        InputError: It is negative or no whole number.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}, expected a whole number from 0")
    return seed
