"""Splits into train, validation and test: pure functions of a table and a seed.

No group stands on two sides. Groups are put in the order of a seeded hash of their key and cut at
the asked fractions, so that a split depends on the keys and the seed but never on the order of the
rows. A split is published as a SHA-256 over its sorted ids.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from multimodal_study.contract import SPLITS
from multimodal_study.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    Codes = np.ndarray[Any, np.dtype[np.int8]]
    Hashes = np.ndarray[Any, np.dtype[np.uint64]]

Strategy = Literal["official", "random", "reviewer", "product", "temporal"]

COLUMNS: dict[str, str] = {
    "official": "official_split",
    "random": "text_key",
    "reviewer": "reviewer_id",
    "product": "product_id",
    "temporal": "time",
}
"""Strategy to the column that it needs besides ``text_key``."""

_TRAIN, _VALIDATION, _TEST = range(3)
_DROPPED = -1
_SLICE = 262_144


def assign(
    keys: pd.DataFrame, *, strategy: str, fractions: dict[str, float], seed: int
) -> pd.Series[Any]:
    """Split of every row: a categorical of train, validation, test; missing where dropped.

    A text on two sides would let a model remember the answer. Where rows with one ``text_key``
    fall on several sides (reviewers who post one text, say), the rows on the side that comes first
    in train, validation, test are dropped: test keeps its rows, and train loses them.

    Args:
        keys: Column ``text_key`` and the column of the strategy (``COLUMNS``); for ``official``
            also ``label``, by which validation is stratified.
        strategy: ``official`` keeps the source's test set and carves validation out of its train;
            ``random`` groups by text; ``reviewer`` and ``product`` by their ids; ``temporal`` puts
            the latest rows into test, equal times on one side.
        fractions: ``validation`` and ``test``, shares of the rows above 0 (of the source's train
            rows for ``official``, which ignores ``test``).
        seed: Of the order of the groups; ``temporal`` has no use for it.

    Raises:
        ValueError: The source lacks the column, the fractions are out of range, there are fewer
            than three groups, or a split is empty.
    """
    import pandas as pd

    _check(keys, strategy, fractions)
    if strategy == "official":
        codes = _official(keys, fractions["validation"], seed)
    elif strategy == "temporal":
        codes = _cut(keys["time"].to_numpy(dtype=np.int64), fractions, latest_first=True)
    else:
        codes = _cut(hashes(keys[COLUMNS[strategy]], seed), fractions)
    codes = _without_straddlers(codes, hashes(keys["text_key"], seed))
    empty = [name for code, name in enumerate(SPLITS) if not (codes == code).any()]
    if empty:
        raise InputError(
            f"split.strategy={strategy} leaves {empty} empty for {len(keys)} rows: too few groups "
            f"of {COLUMNS[strategy]!r}, or one that holds most rows; choose another strategy"
        )
    split = pd.Categorical.from_codes(codes, categories=pd.Index([str(name) for name in SPLITS]))
    return pd.Series(split, index=keys.index, name="split")


def digest(ids: Iterable[str]) -> str:
    """SHA-256 over the sorted ``ids``, one a line: equal for equal sets, whatever their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = pa.array(ids, pa.large_string())
    array = array.take(pc.array_sort_indices(array))
    state = hashlib.sha256()
    for start in range(0, len(array), _SLICE):
        for value in array.slice(start, _SLICE).to_pylist():
            state.update(f"{value}\n".encode())
    return state.hexdigest()


def published(splits: pd.DataFrame, said: pd.Series[Any]) -> dict[str, Any]:
    """What is said about a split: rows, clusters, class balance and digests, as JSON values.

    Args:
        splits: ``example_id``, ``split`` and ``cluster``, ``n`` rows.
        said: Label of each row in the same order, for the balance of the classes.

    Returns:
        ``rows``, ``clusters``, ``classes``, ``digests`` by side, and ``digest`` over the three.
    """
    side = splits["split"]
    balance = {
        name: {
            str(key): int(n) for key, n in said[side == name].value_counts().sort_index().items()
        }
        for name in SPLITS
    }
    digests = {name: digest(splits.loc[side == name, "example_id"]) for name in SPLITS}
    return {
        "rows": {name: int((side == name).sum()) for name in SPLITS},
        "clusters": {name: int(splits.loc[side == name, "cluster"].nunique()) for name in SPLITS},
        "classes": balance,
        "digests": digests,
        "digest": digest(f"{name} {value}" for name, value in digests.items()),
    }


def hashes(keys: pd.Series[Any], seed: int) -> Hashes:
    """Seeded 64-bit hash of each key: uint64 ``[n]``, the same on every machine."""
    import pandas as pd

    salt = hashlib.sha256(str(seed).encode()).hexdigest()[:16]
    parts = [
        pd.util.hash_array(
            keys.iloc[start : start + _SLICE].to_numpy(dtype=object),
            hash_key=salt,
            categorize=False,
        )
        for start in range(0, len(keys), _SLICE)
    ]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)


def _check(keys: pd.DataFrame, strategy: str, fractions: dict[str, float]) -> None:
    if strategy not in COLUMNS:
        raise InputError(f"split.strategy is {strategy!r}, expected one of {tuple(COLUMNS)}")
    wanted = ("validation",) if strategy == "official" else ("validation", "test")
    shares = [fractions.get(name, 0.0) for name in wanted]
    if any(not 0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise InputError(f"split.fractions is {fractions}, expected {wanted} above 0, sum below 1")
    column = COLUMNS[strategy]
    if not len(keys):
        raise InputError("there are no rows to split")
    missing = int(keys[column].isna().sum()) if column in keys else len(keys)
    if missing:
        raise InputError(
            f"split.strategy={strategy} needs {column!r}, which {missing} of {len(keys)} rows lack "
            "in this source; use official, random or another strategy that it supports"
        )
    groups = keys[column].nunique() if strategy != "official" else len(SPLITS)
    if groups < len(SPLITS):
        raise InputError(
            f"split.strategy={strategy}: {groups} groups of {column!r}, three splits need 3 or more"
        )


def _cut(
    order: np.ndarray[Any, Any], fractions: dict[str, float], *, latest_first: bool = False
) -> Codes:
    """Groups of equal ``order``, sorted by it: the first to test, the next to validation."""
    _, inverse, counts = np.unique(order, return_inverse=True, return_counts=True)
    if latest_first:
        counts, inverse = counts[::-1], len(counts) - 1 - inverse
    ends = np.cumsum(counts)
    last = len(counts)
    test = min(_nearest(ends, fractions["test"] * len(order)), last - 2)
    both = (fractions["test"] + fractions["validation"]) * len(order)
    validation = min(max(_nearest(ends, both), test + 1), last - 1)
    codes = np.full(len(counts), _TRAIN, dtype=np.int8)
    codes[:validation] = _VALIDATION
    codes[:test] = _TEST
    return codes[inverse]


def _nearest(ends: np.ndarray[Any, Any], rows: float) -> int:
    """Number of leading groups, at least one, whose rows come nearest to ``rows``."""
    after = min(int(np.searchsorted(ends, rows)), len(ends) - 1)
    before = ends[after - 1] if after else 0
    return max(after if rows - before < ends[after] - rows else after + 1, 1)


def _official(keys: pd.DataFrame, share: float, seed: int) -> Codes:
    """The source's own split, with validation carved out of train by label and text."""
    given = keys["official_split"].to_numpy(dtype=object)
    unknown = sorted(set(np.unique(given.astype(str))) - set(SPLITS))
    if unknown:
        raise InputError(f"official_split has {unknown}, expected {SPLITS}")
    codes = np.select(
        [given == name for name in SPLITS], range(len(SPLITS)), default=_DROPPED
    ).astype(np.int8)
    if (codes == _VALIDATION).any():
        return codes
    texts = hashes(keys["text_key"], seed)
    pool = np.flatnonzero(codes == _TRAIN)
    labels = keys["label"].to_numpy(dtype=object)[pool].astype(str)
    order = np.lexsort((labels, texts[pool]))
    _, starts, inverse = np.unique(texts[pool][order], return_index=True, return_inverse=True)
    stratum = labels[order][starts][inverse]
    for label in np.unique(stratum):
        rows = pool[order][stratum == label]
        _, group, counts = np.unique(texts[rows], return_inverse=True, return_counts=True)
        taken = _nearest(np.cumsum(counts), share * len(rows))
        codes[rows[group < taken]] = _VALIDATION
    return codes


def _without_straddlers(codes: Codes, texts: Hashes) -> Codes:
    """Drop rows whose text stands on a side that comes later in train, validation, test."""
    _, inverse = np.unique(texts, return_inverse=True)
    latest = np.full(int(inverse.max()) + 1, _DROPPED, dtype=np.int8)
    np.maximum.at(latest, inverse, codes)
    return np.where(codes == latest[inverse], codes, np.int8(_DROPPED)).astype(np.int8)
