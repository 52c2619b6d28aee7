"""Shapley values: what each player adds to a game, averaged over the orders of joining it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np

from multimodal_study.metrics.statistics import Array

Coalition = frozenset[str]
EXACT = 5
"""Players up to which every subset is played; of more, a sample of orders is."""


def every_subset(players: Sequence[str]) -> list[Coalition]:
    """All ``2^n`` subsets, smallest first."""
    return [frozenset(one) for k in range(len(players) + 1) for one in combinations(players, k)]


def orders(players: Sequence[str], count: int, seed: int) -> list[tuple[str, ...]]:
    """``count`` random orders, every second one the reverse of the one before it.

    The reverse evens out early and late places, which lowers the variance of the mean (Mitchell
    et al., 2022).

    Raises:
        ValueError: ``count`` is below 2.
    """
    if count < 2:  # noqa: PLR2004 - an order and its reverse
        raise ValueError(f"{count} orders of joining, expected at least 2")
    random = np.random.default_rng([seed, len(players)])
    found: list[tuple[str, ...]] = []
    while len(found) < count:
        drawn = tuple(players[place] for place in random.permutation(len(players)))
        found += [drawn, drawn[::-1]]
    return found[:count]


def subsets_of(sampled: Sequence[tuple[str, ...]]) -> list[Coalition]:
    """Subsets that :func:`sampled_values` needs: what has joined after each step of each order."""
    seen = {frozenset(order[:k]): None for order in sampled for k in range(len(order) + 1)}
    return sorted(seen, key=lambda one: (len(one), sorted(one)))


def shapley_values(worth: Mapping[Coalition, Array]) -> dict[str, Array]:
    """Exact values by player (Shapley, 1953), of the shape of a worth.

    ``phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S))``

    Args:
        worth: ``v`` of every subset of the players, numbers or arrays of one shape.

    Raises:
        ValueError: A subset is missing.
    """
    players = sorted(frozenset().union(*worth)) if worth else []
    missing = [sorted(one) for one in every_subset(players) if one not in worth]
    if missing:
        raise ValueError(f"the worth of {missing[0]} is not known, {len(missing)} are missing")
    n = len(players)
    found: dict[str, Array] = {}
    for player in players:
        gained = [
            factorial(len(one)) * factorial(n - len(one) - 1) / factorial(n)
            * (np.asarray(worth[one | {player}]) - np.asarray(worth[one]))
            for one in every_subset([other for other in players if other != player])
        ]  # fmt: skip
        found[player] = np.asarray(np.sum(gained, axis=0))
    return found


def sampled_values(
    worth: Mapping[Coalition, Array], sampled: Sequence[tuple[str, ...]]
) -> dict[str, Array]:
    """Mean gain of each player over ``sampled`` orders (Castro et al., 2009): unbiased."""
    gains: dict[str, list[Array]] = {}
    for order in sampled:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            gain = np.asarray(worth[before | {player}]) - np.asarray(worth[before])
            gains.setdefault(player, []).append(gain)
    return {player: np.asarray(np.mean(own, axis=0)) for player, own in gains.items()}
