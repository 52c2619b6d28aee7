"""Checks of the parameters of interpretation."""

from __future__ import annotations

from typing import Any

import numpy as np

from multimodal_study.errors import InputError

Array = np.ndarray[Any, Any]


def sampled(rows: Array, limit: int, seed: int) -> Array:
    """``rows`` ``[n]`` in their order, of more than ``limit`` a seeded sample."""
    if len(rows) <= limit:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))


def check_counts(block: str, options: dict[str, Any], names: tuple[str, ...]) -> None:
    """Refuse what is no whole number from 1.

    Args:
        block: ``interpretation.<block>``, for the message.
        options: The block.
        names: Its keys that count something.

    Raises:
        InputError: One is out of range.
    """
    for name in names:
        value = options[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"interpretation.{block}.{name} is {value!r}, expected at least 1")


def check_explain(options: dict[str, Any]) -> None:
    """Refuse a parameter of ``interpretation.explain`` that is out of its range.

    Raises:
        InputError: One is.
    """
    check_counts("explain", options, ("examples", "random_maps", "tested", "steps", "sheet_rows"))
    if not 0.0 <= float(options["margin"]) < 1.0:
        raise InputError(
            f"interpretation.explain.margin is {options['margin']!r}, expected 0 to below 1"
        )
