"""Options that nodes read from parameters: a name that nobody reads is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from multimodal_study.errors import InputError


def known_options(place: str, options: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse options of ``place`` (for example ``amazon.featurise``) outside ``allowed``.

    Raises:
        InputError: Names them and what is allowed.
    """
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise InputError(f"{place} has {unknown}, expected some of {tuple(allowed)}")
