"""Exact search in blocks: where the best positive of every query stands in the gallery.

Similarity is the cosine, as one matrix product per block of queries; nothing is approximated and
no list is sorted, since counting what lies above the best positive is enough. Memory is bounded by
a budget, whatever the size of the gallery.

Ties are kept as ties: items whose similarity differs from the best positive's by less than
:data:`TIE` are counted as tied with it, and every metric takes the expectation over their random
order. Equal vectors therefore cannot gain by the order of the gallery, and a constant embedding
scores exactly chance. The tolerance also covers the last bits, which depend on an item's place
inside a matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from multimodal_study.metrics.statistics import Array

TIE = 1e-6
"""Difference of cosines below which two items are equally similar; rounding is below 5e-7."""
BYTES_PER_SIMILARITY = 4
BYTES_PER_POSITIVE = 64
MOST_ROWS = 1024
MEMORY_MB = 256


@dataclass(frozen=True)
class Standing:
    """Place of the best positive of each of ``n`` queries; ranks count from 1."""

    above: Array
    """Gallery items that are more similar than the best positive: int64 ``[n]``."""
    tied: Array
    """Items as similar as the best positive, which is one of them: int64 ``[n]``, at least 1."""
    hits: Array
    """Positives among the tied items: int64 ``[n]``, at least 1."""
    positives: Array
    """Positives in the whole gallery: int64 ``[n]``."""
    gallery: int
    """Items in the gallery."""

    def by_chance(self) -> Standing:
        """The same queries with every item equally similar: a random ranking, in expectation."""
        nothing = np.zeros_like(self.above)
        everything = np.full_like(self.tied, self.gallery)
        return Standing(nothing, everything, self.positives, self.positives, self.gallery)


@dataclass(frozen=True)
class Candidates:
    """Gallery items of each query that were scored one by one, to be ranked before all others."""

    positions: Array
    """Positions in the gallery, int64 ``[n, k]``, no position twice in a row."""
    scores: Array
    """Higher is better, float ``[n, k]``."""

    def check(self, items: int) -> None:
        """Refuse candidates that do not fit ``items`` queries and gallery items.

        Raises:
            ValueError: Naming what is wrong.
        """
        shape = self.positions.shape
        if len(shape) != 2 or shape[0] != items or not 1 <= shape[1] <= items:  # noqa: PLR2004
            raise ValueError(f"candidates {shape}, expected [{items}, k] with k in 1..{items}")
        if self.scores.shape != shape or not np.isfinite(self.scores).all():
            raise ValueError(f"scores {self.scores.shape}: expected finite numbers {shape}")
        ordered = np.sort(self.positions, axis=1)
        if ordered.min() < 0 or ordered.max() >= items:
            raise ValueError(f"candidates leave the gallery, whose positions are 0..{items - 1}")
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            raise ValueError("a candidate occurs twice for one query")


class Positives:
    """Which gallery items answer a query: those that share one of its two keys."""

    def __init__(self, keys: tuple[Array, Array]) -> None:
        """Index the items by both ``keys``, ``[n]`` each, for example of pictures and of texts."""
        self.codes = [np.unique(key, return_inverse=True)[1] for key in keys]
        self._order = [np.argsort(code, kind="stable") for code in self.codes]
        self._count = [np.bincount(code) for code in self.codes]
        self._start = [np.cumsum(count) - count for count in self._count]

    def number(self) -> Array:
        """Positives of every query, itself included: int64 ``[n]``."""
        first, second = self.codes
        both = np.unique(first * (second.max() + 1) + second, return_inverse=True)[1]
        shared = np.bincount(both)[both]
        return np.asarray(self._count[0][first] + self._count[1][second] - shared)

    def of(self, start: int, stop: int) -> tuple[Array, Array]:
        """Positives of the queries ``start`` to ``stop``: their row in the block, their column."""
        items = len(self.codes[0])
        found = []
        for code, order, count, begin in zip(
            self.codes, self._order, self._count, self._start, strict=True
        ):
            own = code[start:stop]
            size = count[own]
            rows = np.repeat(np.arange(len(own)), size)
            within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
            found.append(rows * items + order[np.repeat(begin[own], size) + within])
        return np.divmod(np.unique(np.concatenate(found)), items)

    def among(self, start: int, positions: Array) -> Array:
        """Which of ``positions`` ``[b, k]`` answer the queries from ``start`` on: bool."""
        stop = start + len(positions)
        first, second = (code[positions] == code[start:stop, None] for code in self.codes)
        return np.asarray(first | second)


def standings(
    queries: Array,
    gallery: Array,
    keys: tuple[Array, Array],
    *,
    candidates: Candidates | None = None,
    memory_mb: float = MEMORY_MB,
) -> tuple[Standing, Standing]:
    """Where the best positive of each query stands, by cosine.

    Query ``i`` and gallery item ``i`` are two views of one entity. In the first result an item
    answers a query if the two entities share a key (the same picture or the same text); in the
    second, one to one, only the query's own entity does, and its duplicates count against it.

    Args:
        queries: Embeddings ``[n, d]`` of one origin, unnormalised.
        gallery: Embeddings ``[n, d]`` of the other origin, of the same entities.
        keys: Key of each entity's view of one origin and of the other, ``[n]`` each.
        candidates: Items to rank first, by their own scores; the rest follow by cosine.
        memory_mb: Budget of one block, in MiB. Any budget gives the same standings.

    Raises:
        ValueError: If the shapes disagree, nothing is there, or a number is not finite.
    """
    if queries.shape != gallery.shape or queries.ndim != 2 or not len(queries):  # noqa: PLR2004
        raise ValueError(f"queries {queries.shape} and gallery {gallery.shape}: expected [n, d]")
    if any(key.shape != (len(queries),) for key in keys):
        raise ValueError(f"keys {[key.shape for key in keys]} for {len(queries)} entities")
    if candidates is not None:
        candidates.check(len(queries))
    asked, offered = unit_rows(queries), unit_rows(gallery)
    positives = Positives(keys)
    number = positives.number()
    found = np.ones((2, 3, len(asked)), dtype=np.int64)
    for start, stop in _blocks(number, memory_mb):
        similar = asked[start:stop] @ offered.T
        block = _count(similar, start, positives)
        if candidates is not None:
            chosen = slice(start, stop)
            own = Candidates(candidates.positions[chosen], candidates.scores[chosen])
            block = _reranked(block, similar, start, own, positives)
        found[:, :, start:stop] = [(each.above, each.tied, each.hits) for each in block]
    items = len(offered)
    (above, tied, hits), (own_above, own_tied, own_hits) = found
    return (
        Standing(above, tied, hits, number, items),
        Standing(own_above, own_tied, own_hits, np.ones_like(number), items),
    )


def unit_rows(vectors: Array) -> Array:
    """Rows of length one, float32; a row of zeros stays: it is equally far from everything.

    Raises:
        ValueError: If a number is not finite.
    """
    length = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    if not np.isfinite(length).all():
        raise ValueError(f"{(~np.isfinite(length)).sum()} embeddings have a NaN or infinite number")
    scaled: Array = np.divide(vectors, np.where(length > 0, length, 1.0)[:, None])
    return np.ascontiguousarray(scaled, dtype=np.float32)


@dataclass(frozen=True)
class _Block:
    """Counts of one block of queries, with the similarity of the best positive."""

    above: Array
    tied: Array
    hits: Array
    best: Array


def _blocks(positives: Array, memory_mb: float) -> Iterator[tuple[int, int]]:
    """Ranges of queries whose similarities and positives fit the budget, at least one each."""
    cost = np.cumsum(BYTES_PER_SIMILARITY * len(positives) + BYTES_PER_POSITIVE * positives)
    start, spent = 0, 0
    while start < len(positives):
        stop = int(np.searchsorted(cost, spent + memory_mb * 2**20, side="right"))
        stop = min(max(stop, start + 1), start + MOST_ROWS)
        yield start, stop
        start, spent = stop, int(cost[stop - 1])


def _count(similar: Array, start: int, positives: Positives) -> tuple[_Block, _Block]:
    size = len(similar)
    rows, columns = positives.of(start, start + size)
    values = similar[rows, columns]
    best = np.full(size, -np.inf, dtype=np.float32)
    np.maximum.at(best, rows, values)
    own = similar[np.arange(size), start + np.arange(size)]
    hits = np.bincount(rows[values >= best[rows] - np.float32(TIE)], minlength=size)
    counts = np.empty((2, 2, size), dtype=np.int64)
    for row, line in enumerate(similar):
        # Row by row: counting a contiguous line of bools is many times as fast as along an axis.
        counts[0, :, row] = _above_and_tied(line, best[row])
        same = own[row] == best[row]
        counts[1, :, row] = counts[0, :, row] if same else _above_and_tied(line, own[row])
    return (
        _Block(counts[0, 0], counts[0, 1], hits, best),
        _Block(counts[1, 0], counts[1, 1], np.ones_like(hits), own),
    )


def _above_and_tied(line: Array, value: np.float32) -> tuple[int, int]:
    above = int(np.count_nonzero(line > value + np.float32(TIE)))
    return above, int(np.count_nonzero(line >= value - np.float32(TIE))) - above


def _reranked(
    block: tuple[_Block, _Block],
    similar: Array,
    start: int,
    candidates: Candidates,
    positives: Positives,
) -> tuple[_Block, _Block]:
    """Counts after the candidates were moved before all other items, by their scores."""
    own = (start + np.arange(len(similar)))[:, None]
    answers = (positives.among(start, candidates.positions), candidates.positions == own)
    seen = np.take_along_axis(similar, candidates.positions, axis=1)
    return _rerank(block[0], seen, candidates, answers[0]), _rerank(
        block[1], seen, candidates, answers[1]
    )


def _rerank(block: _Block, seen: Array, candidates: Candidates, answers: Array) -> _Block:
    scores = candidates.scores
    inside = answers.any(axis=1)
    top = np.where(answers, scores, -np.inf).max(axis=1, keepdims=True)
    first = [(scores > top), (scores == top), (scores == top) & answers]
    # No positive is a candidate: every candidate is above it, however similar it was.
    best = block.best[:, None]
    higher = (seen > best + np.float32(TIE)).sum(axis=1)
    level = (seen >= best - np.float32(TIE)).sum(axis=1) - higher
    rest = [block.above - higher + scores.shape[1], block.tied - level, block.hits]
    above, tied, hits = (
        np.where(inside, one.sum(axis=1), other) for one, other in zip(first, rest, strict=True)
    )
    return _Block(above, tied, hits, block.best)
