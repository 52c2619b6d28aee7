"""Split, fold and index of every rating.

An example of train must not know its own rating. Features that are learnt from ratings therefore
leave out the fold (or keep to the time) of the example that reads them: see :mod:`.features`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import SPLITS
from multimodal_study.data import rating_splits
from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import polars as pl

logger = logging.getLogger(__name__)

FRACTIONS = {"validation": 0.1, "test": 0.1}
"""Shares where none are asked for; ``user_last20`` has a fifth in test."""
FOLDS = (2, 100)


def split(
    ratings: pl.LazyFrame,
    movies: pl.LazyFrame,
    users: pl.LazyFrame,
    split: dict[str, Any],
    seed: int,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """One row per rating, in the order of ``ratings``, and a JSON summary with digests.

    Columns: ``user`` and ``movie`` (int32, positions in their tables), ``split``, ``fold`` (int8;
    for validation and test the number of folds, that is: none).

    Args:
        ratings: Table of ``ingest``, ``n`` rows.
        movies: Table of ``ingest``.
        users: Table of ``ingest``.
        split: ``strategy``, ``fractions`` (null: the strategy's own), ``folds``, ``history``
            (``others``: folds at random; ``before``: blocks of time).
        seed: Of the split and the folds.

    Raises:
        InputError: A parameter is out of range, or a split is left empty.
    """
    import polars as pl

    strategy = str(split.get("strategy", "random"))
    fractions = dict(split.get("fractions") or FRACTIONS)
    if not split.get("fractions") and strategy == "user_last20":
        fractions["test"] = 0.2
    rows = ratings.select("user_id", "movie_id", "timestamp").collect(engine="streaming")
    user = _index(rows["user_id"], users.lazy().select("user_id").collect()["user_id"])
    movie = _index(rows["movie_id"], movies.lazy().select("movie_id").collect()["movie_id"])
    time = rows["timestamp"].to_numpy()
    codes = rating_splits.assign(
        user, movie, time, strategy=strategy, fractions=fractions, seed=seed
    )
    fold, history = _folds(codes, time, split, seed)
    side = pl.Series(codes).cast(pl.UInt8).cat.to(pl.Enum(list(SPLITS)))
    table = pl.DataFrame({"user": user, "movie": movie, "split": side, "fold": fold})
    summary = {
        "strategy": strategy,
        "fractions": fractions,
        "seed": seed,
        "history": history,
        "folds": int(fold.max()),
        **_counts(rows, user, movie, codes),
    }
    logger.info("split %s: %s", strategy, summary["rows"])
    return table, summary


def _index(ids: pl.Series, known: pl.Series) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Position of each of ``ids`` in the sorted ``known``: int32 ``[n]``."""
    names, wanted = known.to_numpy(), ids.to_numpy()
    place = np.searchsorted(names, wanted).astype(np.int32)
    if len(names) == 0 or (names[np.minimum(place, len(names) - 1)] != wanted).any():
        raise InputError(
            f"a {ids.name} of the ratings is not in its table: the tables come from different "
            "runs, run ingest again"
        )
    return place


def _folds(
    codes: Any, time: Any, split: dict[str, Any], seed: int
) -> tuple[np.ndarray[Any, np.dtype[np.int8]], str]:
    number, history = int(split.get("folds", 10)), str(split.get("history", "others"))
    low, high = FOLDS
    if not low <= number <= high:
        raise InputError(f"movielens.split.folds is {number}, expected {low} to {high}")
    if history not in ("others", "before"):
        raise InputError(f"movielens.split.history is {history!r}, expected others or before")
    train = codes == rating_splits.TRAIN
    fold = np.full(len(codes), number, dtype=np.int8)
    if history == "before":
        fold[train] = rating_splits.time_blocks(time[train], number)
    else:
        fold[train] = rating_splits.folds(int(train.sum()), number, seed)
    return fold, history


def _counts(rows: pl.DataFrame, user: Any, movie: Any, codes: Any) -> dict[str, Any]:
    """Rows, people, films and digests of each split, and what test has that train lacks."""
    ids = {name: rows[name].to_numpy() for name in ("user_id", "movie_id", "timestamp")}
    found: dict[str, Any] = {key: {} for key in ("rows", "users", "movies", "digests", "time")}
    for code, name in enumerate(SPLITS):
        mine = codes == code
        found["rows"][name] = int(mine.sum())
        found["users"][name] = int(np.count_nonzero(np.bincount(user[mine])))
        found["movies"][name] = int(np.count_nonzero(np.bincount(movie[mine])))
        found["digests"][name] = rating_splits.digest(ids["user_id"][mine], ids["movie_id"][mine])
        times = ids["timestamp"][mine]
        found["time"][name] = [int(times.min()), int(times.max())]
    found["clusters"] = found["users"]
    train, test = codes == rating_splits.TRAIN, codes == rating_splits.TEST
    for key, index in (("unseen_user", user), ("unseen_movie", movie)):
        seen = np.zeros(int(index.max()) + 1, dtype=bool)
        seen[index[train]] = True
        found[f"test_share_of_{key}"] = round(float(1 - seen[index[test]].mean()), 6)
    return found
