"""Matching scores of a fitted network for the candidates of every query, to rerank a retrieval.

A network that reads both sides together says more of a pair than two embeddings do, at a price that
forbids scoring every pair. So each query is matched with the ``k`` items whose embeddings are most
alike; ``k`` at least as large as the gallery scores them all. What either side can do without its
partner is done once per item, and a pair that both directions ask for is scored once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from multimodal_study.contract import Features, Split
from multimodal_study.data.batches import Batch
from multimodal_study.data.cost import Cost
from multimodal_study.data.gallery import gallery_of, matches_to_save
from multimodal_study.models.base import FusionModule, Parts

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
MATCHED: tuple[Split, Split] = ("validation", "test")
_QUERIES_TOGETHER = 1024
_PAIRS_TOGETHER = 2048


def match_candidates(
    network: FusionModule,
    features: Features,
    batches: Callable[[Array], Iterable[Batch]],
    embedded: dict[str, Array],
    *,
    rows: Array,
    seed: int,
) -> dict[str, Array]:
    """Entries of the embeddings file, in the format of ``data.gallery``; none without a pair.

    Args:
        network: A fitted network; it says how many candidates it wants to see.
        features: What it was fitted on.
        batches: Positions in the examples to batches in that order.
        embedded: Origin to the network's embeddings ``[n, d]`` of ``rows``.
        rows: Positions in the examples, validation and test among them.
        seed: Seed of the fit, which names the entries.
    """
    pair, wanted = features.pair, network.match_candidates
    if pair is None or not wanted or not set(pair) <= set(embedded):
        return {}
    place = np.full(len(features.examples), -1)
    place[rows] = np.arange(len(rows))
    found: dict[str, Array] = {}
    for split in MATCHED:
        gallery = gallery_of(features, split)
        if not len(gallery):
            continue
        first, second = (_unit(embedded[origin][place[gallery.rows]]) for origin in pair)
        wanted_here = min(wanted, len(gallery))
        there, back = nearest(first, second, wanted_here), nearest(second, first, wanted_here)
        with Cost() as cost:
            sides = encode(network, batches(gallery.rows))
            scores = score_both_ways(network, sides, pair, there, back)
        logger.info(
            "%s: %d pairs of %s matched in %.1f s",
            type(network).__name__,
            there.size + back.size,
            split,
            cost.seconds,
        )
        for (query, other), candidates, score in zip(
            (pair, pair[::-1]), (there, back), scores, strict=True
        ):
            found |= matches_to_save(seed, split, query, other, candidates, score)
    return found


def nearest(queries: Array, gallery: Array, k: int) -> Array:
    """The ``k`` items of highest inner product, best first, ties by position: int64 ``[q, k]``.

    Args:
        queries: ``[q, d]``.
        gallery: ``[n, d]``, ``n`` at least ``k``.
        k: Items per query.
    """
    parts = []
    for begin in range(0, len(queries), _QUERIES_TOGETHER):
        similarity = queries[begin : begin + _QUERIES_TOGETHER] @ gallery.T
        best = np.sort(np.argpartition(-similarity, k - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(-np.take_along_axis(similarity, best, 1), axis=1, kind="stable")
        parts.append(np.take_along_axis(best, order, 1))
    return np.concatenate(parts)


def encode(network: FusionModule, batches: Iterable[Batch]) -> dict[str, Parts]:
    """Origin to what matching needs of it, of all rows of ``batches`` in their order."""
    network.eval()
    with torch.inference_mode():
        parts = [network.sides(batch.to(network.device)) for batch in batches]
    return {
        origin: tuple(
            torch.cat(tensors) for tensors in zip(*(p[origin] for p in parts), strict=True)
        )
        for origin in parts[0]
    }


def score_both_ways(
    network: FusionModule,
    sides: dict[str, Parts],
    pair: tuple[str, str],
    there: Array,
    back: Array,
) -> tuple[Array, Array]:
    """Scores of the candidates ``there`` and ``back``, float32 ``[n, k]`` each.

    Args:
        network: Scores pairs.
        sides: What :func:`encode` gave for the gallery's ``n`` entities.
        pair: The two origins.
        there: Candidates of the second origin for each entity as a query of the first.
        back: Candidates of the first origin for each entity as a query of the second.
    """
    items = len(there)
    own = np.arange(items)[:, None]
    codes = np.concatenate([(own * items + there).ravel(), (back * items + own).ravel()])
    distinct, inverse = np.unique(codes, return_inverse=True)
    scores = []
    with torch.inference_mode():
        for begin in range(0, len(distinct), _PAIRS_TOGETHER):
            chosen = np.divmod(distinct[begin : begin + _PAIRS_TOGETHER], items)
            picked = {
                origin: tuple(part[torch.from_numpy(index)] for part in sides[origin])
                for origin, index in zip(pair, chosen, strict=True)
            }
            scores.append(network.match(picked).float().cpu().numpy())
    every = np.concatenate(scores)[inverse]
    return every[: there.size].reshape(there.shape), every[there.size :].reshape(back.shape)


def _unit(vectors: Array) -> Array:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
