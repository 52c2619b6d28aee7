"""Cross-modal retrieval of a cell, and of the bare features through linear maps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from multimodal_study.pipelines.evaluation.nodes import defined, json_number
from multimodal_study.pipelines.evaluation.settings import resampling_of, retrieval_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.contract import Features, Split
    from multimodal_study.data.gallery import Gallery
    from multimodal_study.metrics.common_space import CommonSpace

    Array = np.ndarray[Any, Any]
    Views = tuple[Array, Array]
    Outputs = tuple[pd.DataFrame, dict[str, Any]]

logger = logging.getLogger(__name__)

LINEAR_MAPS = ("ridge", "cca")
"""Rows that compare the bare features through one linear map: what training must beat."""
CAPABILITY = "retrieval"
SHARED, MAPPED = "shared", "mapped"
NOT_APPLICABLE = "not applicable"
UNREAD = frozenset({"words", "pixels"})
"""Kinds that a linear map of bare features leaves out: counts and raw pictures."""


def retrieve(
    features: Features,
    embeddings: Mapping[str, Array],
    config: dict[str, Any],
    evaluation: dict[str, Any],
) -> Outputs:
    """How a cell retrieves one origin of the pair by the other, on validation and test.

    A paradigm with the capability ``retrieval`` is compared in its own space. Any other is compared
    through a linear map that is fitted on the training rows of its embeddings, one per seed.

    Args:
        features: With a pair.
        embeddings: ``rows`` ``[n]`` and ``<seed>/<origin>`` ``[n, d]``; also saved matching scores.
        config: The configuration of the cell; read are ``capabilities`` and ``modalities``.
        evaluation: ``retrieval`` (``map``, ``regularisation``, ``memory_mb``) and what
            ``evaluate`` reads.

    Returns:
        The ranks table (:mod:`multimodal_study.metrics.retrieval_table`), and as plain JSON values
        ``space``, ``pair``, ``choices`` (what validation chose, by seed), ``reranked``
        (candidates per query, by split), ``queries``, ``left_out`` and ``clusters`` by split,
        ``per_seed``, ``rows`` and ``chance``. A cell that cannot retrieve has
        ``space`` "not applicable: reason" and no row.
    """
    import numpy as np

    from multimodal_study.data.gallery import pair_of

    lacking = _lacking(features)
    if lacking:
        return _not_applicable(features, lacking)
    pair = pair_of(features)
    seeds = sorted({int(name.split("/")[0]) for name in embeddings if "/" in name})
    reason = _reason(features, config["modalities"], embeddings, pair, seeds)
    if reason:
        return _not_applicable(features, reason)
    place = np.full(len(features.examples), -1)
    place[embeddings["rows"]] = np.arange(len(embeddings["rows"]))

    def views(seed: int, rows: Array) -> Views:
        if (place[rows] < 0).any():
            raise ValueError("the embeddings lack rows of the features; run the cell's predict")
        first, second = (embeddings[f"{seed}/{origin}"][place[rows]] for origin in pair)
        return first, second

    kind = None if CAPABILITY in config["capabilities"] else retrieval_of(evaluation)["map"]
    return _answered(features, views, seeds, kind, evaluation, embeddings)


def retrieve_features(
    features: Features, evaluation: dict[str, Any], seed: int, kind: str
) -> Outputs:
    """As :func:`retrieve`, for the dense vectors of each origin, side by side, and a linear map."""
    import numpy as np

    from multimodal_study.contract import VECTORS
    from multimodal_study.data.gallery import pair_of

    lacking = _lacking(features)
    if lacking:
        return _not_applicable(features, lacking)
    pair = pair_of(features)
    names = {
        origin: [
            name
            for name, each in features.modalities.items()
            if each.origin == origin and each.kind in VECTORS - UNREAD
        ]
        for origin in pair
    }
    bare = [origin for origin in pair if not names[origin]]
    if bare:
        return _not_applicable(features, f"no dense vectors of {' and '.join(bare)}")

    def views(_seed: int, rows: Array) -> Views:
        def of(name: str) -> Array:
            index = features.examples[features.modalities[name].entity].to_numpy()[rows]
            return np.asarray(features.arrays[name][index], dtype=np.float32)

        first, second = (np.concatenate([of(n) for n in names[o]], axis=1) for o in pair)
        return first, second

    return _answered(features, views, [seed], kind, evaluation, {})


def _answered(  # noqa: PLR0917
    features: Features,
    views: Callable[[int, Array], Views],
    seeds: list[int],
    kind: str | None,
    evaluation: dict[str, Any],
    embeddings: Mapping[str, Array],
) -> Outputs:
    import pandas as pd

    from multimodal_study.contract import SPLITS
    from multimodal_study.data.gallery import gallery_of, pair_of
    from multimodal_study.data.predictions import EVALUATED
    from multimodal_study.metrics.retrieval_table import ranks_table

    pair = pair_of(features)
    galleries = {split: gallery_of(features, split) for split in SPLITS}
    memory = float(retrieval_of(evaluation)["memory_mb"])
    tables, choices = [], {}
    reranked: dict[str, int] = {}
    for seed in seeds:
        space = None if kind is None else _common_space(views, seed, galleries, kind, evaluation)
        if space is not None:
            choices[str(seed)] = _named(space.choice, pair)
        for split in EVALUATED:
            gallery = galleries[split]
            seen = views(seed, gallery.rows)
            if space is not None:
                seen = (space.first(seen[0]), space.second(seen[1]))
            queries, depth = _search(seen, gallery, pair, (seed, split), embeddings, memory)
            reranked |= {split: depth} if depth else {}
            examples = features.examples.iloc[gallery.rows]
            tables.append(ranks_table(examples, seed, queries, pair))
    ranks = pd.concat(tables, ignore_index=True)
    result = _measured(ranks, pair, evaluation)
    return ranks, {
        "space": SHARED if kind is None else MAPPED,
        "pair": list(pair),
        "choices": choices,
        "reranked": reranked,
        "queries": {split: len(galleries[split]) for split in EVALUATED},
        "left_out": {split: galleries[split].left_out for split in EVALUATED},
        **result,
    }


def _search(  # noqa: PLR0917
    seen: Views,
    gallery: Gallery,
    pair: tuple[str, str],
    of: tuple[int, Split],
    embeddings: Mapping[str, Array],
    memory_mb: float,
) -> tuple[dict[str, Any], int]:
    """Standings of both directions, and the candidates per query that were scored, 0 if none."""
    from multimodal_study.data.gallery import saved_matches
    from multimodal_study.metrics.retrieval import ONE_TO_ONE, directions
    from multimodal_study.metrics.search import Candidates, standings

    queries: dict[str, Any] = {}
    depth = 0
    for direction, views, origins in zip(
        directions(pair), (seen, seen[::-1]), (pair, pair[::-1]), strict=True
    ):
        saved = saved_matches(embeddings, *of, *origins)
        candidates = None if saved is None else Candidates(*saved)
        depth = max(depth, 0 if saved is None else saved[0].shape[1])
        found = standings(*views, gallery.keys, candidates=candidates, memory_mb=memory_mb)
        queries[direction], queries[direction + ONE_TO_ONE] = found
    return queries, depth


def _common_space(
    views: Callable[[int, Array], Views],
    seed: int,
    galleries: Mapping[Split, Gallery],
    kind: str,
    evaluation: dict[str, Any],
) -> CommonSpace:
    from multimodal_study.metrics.common_space import Pairs, fit_common_space

    validation = galleries["validation"]
    return fit_common_space(
        views(seed, galleries["train"].rows),
        Pairs(*views(seed, validation.rows), validation.keys),
        kind=kind,
        strengths=[float(value) for value in retrieval_of(evaluation)["regularisation"]],
    )


def _measured(
    ranks: pd.DataFrame, pair: tuple[str, str], evaluation: dict[str, Any]
) -> dict[str, Any]:
    from multimodal_study.metrics.bootstrap import estimates
    from multimodal_study.metrics.retrieval import by_chance, retrieval_metrics
    from multimodal_study.metrics.retrieval_table import ranks_panels

    metrics = retrieval_metrics(pair)
    panels = ranks_panels(ranks, pair)
    rows: list[dict[str, Any]] = []
    for split, panel in panels.items():
        for name, estimate in estimates(panel, metrics, resampling_of(evaluation)).items():
            numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append(
                {"metric": name, **{key: json_number(number) for key, number in numbers.items()}}
                | {"seeds": len(panel.seeds), "split": split}
            )
    return {
        "clusters": {split: panel.clusters for split, panel in panels.items()},
        "per_seed": {
            split: {
                str(seed): defined({name: one.value(seen) for name, one in metrics.items()})
                for seed, seen in zip(panel.seeds, panel.rows, strict=True)
            }
            for split, panel in panels.items()
        },
        "rows": rows,
        "chance": {
            split: {name: one.value(by_chance(panel.rows[0])) for name, one in metrics.items()}
            for split, panel in panels.items()
        },
    }


def _reason(
    features: Features,
    modalities: list[str],
    embeddings: Mapping[str, Array],
    pair: tuple[str, str],
    seeds: list[int],
) -> str | None:
    """Why a cell cannot retrieve; None if it can."""
    known = [name for name in modalities if name in features.modalities]
    read = {features.modalities[name].origin for name in known}
    if len(known) < len(modalities):
        read |= set(pair)  # a modality that is the cell's own was made of the pair
    for origin in pair:
        if origin not in read:
            return f"it does not read {origin}"
        if any(f"{seed}/{origin}" not in embeddings for seed in seeds):
            return f"it has no representation of {origin} alone"
    return None


def _lacking(features: Features) -> str | None:
    """Why nothing can be retrieved from ``features``; None if it can."""
    from multimodal_study.contract import SPLITS
    from multimodal_study.data.gallery import gallery_of, reads_pair

    if not reads_pair(features):
        return "the features have no pair"
    empty = [split for split in SPLITS if not len(gallery_of(features, split))]
    return f"no item with both sides belongs to {' and '.join(empty)} alone" if empty else None


def _not_applicable(features: Features, reason: str) -> Outputs:
    logger.info("retrieval is %s: %s", NOT_APPLICABLE, reason)
    return _nothing(features.pair or ("image", "text"), f"{NOT_APPLICABLE}: {reason}")


def _nothing(pair: tuple[str, str], space: str) -> Outputs:
    import pandas as pd

    from multimodal_study.metrics.retrieval_table import columns

    empty: tuple[str, ...] = ("choices", "reranked", "queries", "left_out", "clusters")
    record: dict[str, Any] = {name: {} for name in (*empty, "per_seed", "chance")}
    return pd.DataFrame(columns=columns(pair)), {
        **{"space": space, "pair": list(pair), "rows": []},
        **record,
    }


def _named(choice: dict[str, Any], pair: tuple[str, str]) -> dict[str, Any]:
    return {**choice, "towards": pair[choice["towards"]]} if "towards" in choice else choice
