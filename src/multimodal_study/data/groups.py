"""Rows that belong together: connected over shared keys, and sides by a published hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Split

TENTHS = 10
_VALIDATION, _TEST = 8, 9


def connected(keys: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Component of every row: int64 ``[n]``, numbered by first appearance.

    Two rows are connected where any column holds the same key in both; components are the classes
    of the transitive closure.

    Args:
        keys: ``n`` rows, a column per kind of key; missing keys connect nothing.
    """
    import pandas as pd
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = len(keys)
    starts, ends, nodes = [], [], rows
    for name in keys.columns:
        codes, values = pd.factorize(keys[name])
        there = codes >= 0
        starts.append(np.flatnonzero(there))
        ends.append(codes[there] + nodes)
        nodes += len(values)
    edges = (np.concatenate(starts), np.concatenate(ends)) if starts else (np.array([], int),) * 2
    graph = coo_array((np.ones(len(edges[0]), dtype=bool), edges), shape=(nodes, nodes))
    found = connected_components(graph, directed=False)[1][:rows]
    codes, _ = pd.factorize(found)
    return np.asarray(codes, dtype=np.int64)


def first_of(
    groups: np.ndarray[Any, Any], names: Sequence[str]
) -> np.ndarray[Any, np.dtype[np.object_]]:
    """The lexicographically first name of each row's group: object ``[n]``."""
    import pandas as pd

    named = pd.Series(list(names), dtype=object).groupby(groups).transform("min")
    return named.to_numpy(dtype=object)


def side_by_hash(name: str) -> Split:
    """Train (eight tenths), validation or test (one each) from the SHA-1 of ``name`` alone.

    The side of an item then depends neither on the others nor on a seed: whoever has the name has
    the split. SHA-1 serves as a public scrambler here, not as protection.
    """
    scrambled = hashlib.sha1(name.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    tenth = int(scrambled.hexdigest(), 16) % TENTHS
    return {_VALIDATION: "validation", _TEST: "test"}.get(tenth, "train")  # type: ignore[return-value]
