"""LightGCN for lists of items (He et al. 2020): users and items meet along what users liked.

A node's vector is the mean of the layers of light graph convolution over learned vectors, which
are all that is learnt; the score of an item is the scalar product, or the cosine divided by the
temperature. Losses:

- ``bpr``: a liked item above a random one that is not liked (Rendle et al. 2009; He et al. 2020,
  equation 15)
- ``softmax``: a liked item among all items, ``-log softmax_i(s_ui)``, summed over what a user
  liked (Liang et al. 2018, equation 2; Wu et al. 2024, "On the effectiveness of sampled softmax
  loss for item recommendation"). It needs far fewer passes than ``bpr``, whose negatives are
  mostly items that nobody would have recommended.

Rows of the matrix need not be people: a trait of items that stands as one more row, with the items
that have it, is a node of the graph like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from multimodal_study.errors import InputError
from multimodal_study.metrics.ranking import Scorer
from multimodal_study.metrics.statistics import Array
from multimodal_study.models.config import check, check_choice
from multimodal_study.models.propagation import BipartiteGraph, propagate

Measure = Callable[[Scorer], float]
Watcher = Callable[[int, "LightGCN"], bool]
"""Epochs done and the network so far to whether it should go on."""


@dataclass(frozen=True)
class Config:
    """Parameters of LightGCN."""

    embed_dim: int = 64
    layers: int = 2
    """Steps along the edges; 0 is matrix factorisation."""
    loss: Literal["softmax", "bpr"] = "softmax"
    similarity: Literal["dot", "cosine"] = "cosine"
    temperature: float = 0.2
    """Scores are divided by it."""
    learning_rate: float = 0.01
    l2: float = 0.0
    """Weight of the mean squared length of the learned vectors that a step uses."""
    edge_dropout: float = 0.0
    """Share of edges that a step does without."""
    batch_size: int = 1024
    """Users of a step; interactions with ``bpr``."""
    max_epochs: int = 40

    def __post_init__(self) -> None:
        check("embed_dim", self.embed_dim, 1, 4096)
        check("layers", self.layers, 0, 16)
        check_choice("loss", self.loss, ("softmax", "bpr"))
        check_choice("similarity", self.similarity, ("dot", "cosine"))
        check("temperature", self.temperature, 1e-4, 1e4)
        check("learning_rate", self.learning_rate, 1e-8, 10.0)
        check("l2", self.l2, 0.0, 1e4)
        check("edge_dropout", self.edge_dropout, 0.0, 0.95)
        check("batch_size", self.batch_size, 1, 1 << 24)
        check("max_epochs", self.max_epochs, 1, 1 << 16)


class LightGCN(nn.Module):
    """Learned vectors of users and items on the graph of ``positives``.

    Args:
        config: Sizes and losses.
        positives: ``[u, i]``, above 0 where there is an edge; the values weigh edges and losses.
        seed: Of everything random.
    """

    def __init__(self, config: Config, positives: csr_matrix, seed: int) -> None:
        super().__init__()
        liked = csr_matrix(positives)
        liked.eliminate_zeros()
        if not liked.nnz or liked.data.min() <= 0:
            raise InputError("lightgcn: the matrix needs entries, and all of them above 0")
        self.config, self.liked = config, liked
        self.generator = torch.Generator().manual_seed(seed)
        users, items = liked.shape
        edges = liked.tocoo()
        self.graph = BipartiteGraph(users, items, liked.nnz)
        self.graph.connect(
            torch.tensor(edges.row, dtype=torch.int64),
            torch.tensor(edges.col, dtype=torch.int64),
            torch.tensor(edges.data, dtype=torch.float32),
        )
        self.users, self.items = (
            nn.Parameter(0.1 * torch.randn(n, config.embed_dim, generator=self.generator))
            for n in (users, items)
        )
        self._whole = self.graph.matrices(torch.ones(liked.nnz, dtype=torch.bool))

    def forward(self) -> tuple[Tensor, Tensor]:
        """Vectors after propagation, ``[u, d]`` and ``[i, d]``, whose products are the scores."""
        dropout = self.config.edge_dropout
        matrices = self._whole
        if self.training and dropout > 0:
            kept = torch.rand(self.liked.nnz, generator=self.generator) >= dropout
            matrices = self.graph.matrices(kept)
        users, items = propagate(matrices, self.users, self.items, self.config.layers)
        if self.config.similarity == "cosine":
            users, items = (functional.normalize(vectors, dim=1) for vectors in (users, items))
        return users / self.config.temperature, items

    def epoch(self, optimiser: torch.optim.Optimizer, steps: int | None = None) -> float:
        """One pass over all users, or interactions, or its first steps; their mean loss."""
        self.train()
        losses = []
        for loss in islice(self._losses(), steps):
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
        self.eval()
        return float(np.mean(losses))

    def scores(self) -> Scorer:
        """Users ``[n]`` to scores ``[n, i]``, of the vectors as they are now."""
        self.eval()
        with torch.no_grad():
            users, items = (vectors.numpy() for vectors in self())
        return lambda asked: np.asarray(users[asked] @ items.T)

    def _losses(self) -> Iterator[Tensor]:
        if self.config.loss == "bpr":
            yield from self._bpr()
            return
        asked = np.flatnonzero(np.diff(self.liked.indptr))
        weight = self.liked.sum() / len(asked)
        for chosen in self._batches(len(asked)):
            rows = asked[chosen]
            target = torch.tensor(self.liked[rows].toarray(), dtype=torch.float32)
            users, items = self()
            logits = users[rows] @ items.T
            loss = -(target * functional.log_softmax(logits, dim=1)).sum() / (len(rows) * weight)
            yield loss + self._length(self.users[rows], self.items)

    def _bpr(self) -> Iterator[Tensor]:
        edges = self.liked.tocoo()
        weights = torch.tensor(edges.data / edges.data.mean(), dtype=torch.float32)
        items_of = self.liked.shape[1]
        pairs = np.sort(edges.row.astype(np.int64) * items_of + edges.col)
        for chosen in self._batches(self.liked.nnz):
            user, better = edges.row[chosen].astype(np.int64), edges.col[chosen].astype(np.int64)
            worse = self._unliked(user, pairs)
            users, items = self()
            above = (users[user] * (items[better] - items[worse])).sum(1)
            loss = (weights[chosen] * functional.softplus(-above)).mean()
            yield loss + self._length(self.users[user], self.items[better], self.items[worse])

    def _unliked(self, user: Array, pairs: Array) -> Array:
        """A random item for each user ``[b]`` that is not among the sorted ``pairs``."""
        items = self.liked.shape[1]
        drawn = torch.randint(items, (len(user),), generator=self.generator).numpy()
        # A user who liked everything keeps a liked one after some tries.
        for _ in range(20):
            asked = user * items + drawn
            place = np.minimum(np.searchsorted(pairs, asked), len(pairs) - 1)
            again = np.flatnonzero(pairs[place] == asked)
            if not len(again):
                break
            drawn[again] = torch.randint(items, (len(again),), generator=self.generator).numpy()
        return drawn

    def _batches(self, n: int) -> Iterator[Array]:
        order = torch.randperm(n, generator=self.generator).numpy()
        size = self.config.batch_size
        return (order[start : start + size] for start in range(0, n, size))

    def _length(self, *vectors: Tensor) -> Tensor:
        return self.config.l2 * torch.stack([v.square().sum(1).mean() for v in vectors]).sum()


def fit(positives: csr_matrix, config: Config, seed: int, watch: Watcher | None = None) -> LightGCN:
    """LightGCN after ``config.max_epochs`` passes, or when ``watch`` says that it is enough.

    Args:
        positives: ``[u, i]``, above 0 what a user liked.
        config: Sizes, losses and budget.
        seed: Of vectors, order, negatives and dropout.
        watch: Called after every pass.

    Raises:
        InputError: There is nothing to learn from.
    """
    network = LightGCN(config, positives, seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    for done in range(1, config.max_epochs + 1):
        network.epoch(optimiser)
        if watch is not None and not watch(done, network):
            break
    return network


def follow(
    positives: csr_matrix, config: Config, seed: int, measure: Measure, *, every: int, patience: int
) -> list[tuple[int, float]]:
    """Passes done, and what ``measure`` says of the scores then: every ``every`` passes.

    Args:
        positives: As of :func:`fit`.
        config: As of :func:`fit`.
        seed: As of :func:`fit`.
        measure: The higher, the better.
        every: Passes between two measurements; the last pass is always measured.
        patience: Measurements without a new best after which it ends.
    """
    reached: list[tuple[int, float]] = []

    def watch(done: int, network: LightGCN) -> bool:
        if done % every and done != config.max_epochs:
            return True
        reached.append((done, measure(network.scores())))
        best = int(np.argmax([value for _, value in reached]))
        return len(reached) - 1 - best < patience

    fit(positives, config, seed, watch)
    return reached
