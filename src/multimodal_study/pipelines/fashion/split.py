"""Train, validation and test of the items, with published digests.

No picture and no text stands on two sides: items that share either, directly or through others,
are one group. Thousands of products stand beside another colour of theirs, with the same title.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from multimodal_study.data.groups import connected, first_of, side_by_hash
from multimodal_study.data.splits import assign, published
from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.sources import SOURCES
from multimodal_study.pipelines.options import known_options

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

logger = logging.getLogger(__name__)

AUTO = "auto"
STRATEGIES = ("grouped", "random", "official")


def split(
    items: pd.DataFrame, split: dict[str, Any], ingest_summary: dict[str, Any], seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One row per item that is used: ``item_id``, ``split``, ``cluster``; and a JSON summary.

    ``cluster`` is the item's group, named by its first id.

    Args:
        items: Table of ``ingest``.
        split: ``strategy``. ``grouped``: a group goes by the SHA-1 of its first lower-cased text
            modulo 10 (0-7 train, 8 validation, 9 test), whatever the seed. ``random``: whole
            groups by a seeded hash, cut at ``fractions``. ``official``: the source's test set,
            validation out of its train. ``auto``: official where the source has a split.
        ingest_summary: Names the source.
        seed: Of ``random`` and ``official``.

    Raises:
        InputError: The strategy is unknown, the source has no split, or a side is empty.
    """
    import pandas as pd

    known_options("fashion.split", split, ("strategy", "fractions"))
    source = SOURCES[ingest_summary["source"]]
    strategy = str(split.get("strategy", AUTO))
    if strategy not in (AUTO, *STRATEGIES):
        raise InputError(
            f"fashion.split.strategy is {strategy!r}, expected one of {(AUTO, *STRATEGIES)}"
        )
    if strategy == AUTO:
        strategy = "official" if source.official else "grouped"
    keys = list(source.grouped_by)
    groups = connected(items[keys])
    cluster = first_of(groups, items["item_id"].tolist())
    sides: Any
    if strategy == "grouped":
        sides = _grouped(items, groups, "text" if "text_key" in keys else "image_key")
    else:
        sides = _assigned(items, cluster, strategy, split, seed)
    splits = pd.DataFrame({"item_id": items["item_id"], "split": sides, "cluster": cluster})
    used = splits["split"].notna().to_numpy()
    target = items[ingest_summary["targets"][0]][used].reset_index(drop=True)
    splits = splits[used].reset_index(drop=True)
    summary = {
        "strategy": strategy,
        "seed": seed,
        "grouped_by": keys,
        "dropped_straddling": int((~used).sum()),
        **published(splits.rename(columns={"item_id": "example_id"}), target),
    }
    logger.info("split %s: %s", strategy, summary["rows"])
    return splits, summary


def _grouped(items: pd.DataFrame, groups: np.ndarray[Any, Any], named_by: str) -> list[str]:
    names = first_of(groups, items[named_by].str.lower().tolist())
    sides = {name: side_by_hash(name) for name in dict.fromkeys(names)}
    empty = {"train", "validation", "test"} - set(sides.values())
    if empty:
        raise InputError(
            f"fashion.split.strategy=grouped leaves {sorted(empty)} empty for {len(items)} items "
            f"in {len(sides)} groups; use more items, or strategy=random"
        )
    return [sides[name] for name in names]


def _assigned(
    items: pd.DataFrame,
    cluster: np.ndarray[Any, Any],
    strategy: str,
    split: dict[str, Any],
    seed: int,
) -> pd.Series[Any]:
    """Sides by :func:`multimodal_study.data.splits.assign`, whole groups taken for texts."""
    import pandas as pd

    keys = pd.DataFrame({"text_key": cluster})
    if strategy == "official":
        keys["official_split"] = items["official_split"]
        keys["label"] = items[items.columns[-1]]
    fractions = dict(split.get("fractions") or {})
    sides = assign(keys, strategy=strategy, fractions=fractions, seed=seed)
    return sides.astype(object).where(sides.notna(), None)
