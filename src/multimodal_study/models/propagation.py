"""Light graph convolution between users and films (He et al. 2020, equations 3, 4 and 8)."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn


class BipartiteGraph(nn.Module):
    """Edges between users and films, and the propagation along them.

    ``h_u' = sum_i w_ui / sqrt(|N_u| |N_i|) h_i``, films likewise; the result is the mean of all
    layers, the input among them. LightGCN has ``w = 1``. There are no other weights: all that is
    learnt is the input. Edges are buffers, so that saved weights hold their graph.

    Args:
        users: Number of users ``u``.
        movies: Number of films ``i``.
        edges: Number of edges ``e``.
    """

    def __init__(self, users: int, movies: int, edges: int) -> None:
        super().__init__()
        self.sizes = (users, movies)
        whole = torch.int64
        self.register_buffer("user", torch.zeros(edges, dtype=whole))
        self.register_buffer("movie", torch.zeros(edges, dtype=whole))
        self.register_buffer("weight", torch.zeros(edges))
        # The order of edges by film; by user they lie already.
        self.register_buffer("by_movie", torch.zeros(edges, dtype=whole))

    def connect(self, user: Tensor, movie: Tensor, weight: Tensor) -> Tensor:
        """Take the edges, each ``[e]``; returns the order in which they lie then."""
        order = torch.argsort(self._pair(user, movie), stable=True)
        self.get_buffer("user").copy_(user[order])
        self.get_buffer("movie").copy_(movie[order])
        self.get_buffer("weight").copy_(weight[order])
        self.get_buffer("by_movie").copy_(torch.argsort(movie[order], stable=True))
        return order

    def find(self, user: Tensor, movie: Tensor) -> tuple[Tensor, Tensor]:
        """Positions of the pairs' edges, int64 ``[b]``, and whether there is one, bool ``[b]``."""
        edges = self._pair(self.get_buffer("user"), self.get_buffer("movie"))
        asked = self._pair(user, movie)
        place = torch.searchsorted(edges, asked).clamp_max(len(edges) - 1)
        return place, edges[place] == asked

    def degrees(self) -> tuple[Tensor, Tensor]:
        """Edges of every user ``[u]`` and film ``[i]``."""
        user, movie = (
            torch.bincount(self.get_buffer(name), minlength=size)
            for name, size in zip(("user", "movie"), self.sizes, strict=True)
        )
        return user, movie

    def kept(self, user: Tensor, movie: Tensor, dropout: float) -> Tensor:
        """Edges without those of the given pairs ``[b]`` and a random share: bool ``[e]``."""
        edges = self._pair(self.get_buffer("user"), self.get_buffer("movie"))
        kept = ~torch.isin(edges, self._pair(user, movie))
        if self.training and dropout > 0:
            kept &= torch.rand(len(kept), device=kept.device) >= dropout
        return kept

    def forward(
        self, users: Tensor, movies: Tensor, kept: Tensor, layers: int
    ) -> tuple[Tensor, Tensor]:
        """Inputs ``[u, d]`` and ``[i, d]`` to the means over ``layers`` steps and the input.

        Degrees count the ``kept`` edges alone.
        """
        return propagate(self.matrices(kept), users, movies, layers)

    def edges(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """User and film of the ``kept`` edges, int64 ``[2, k]``, and their weights ``[k]``."""
        ends = torch.stack([self.get_buffer("user"), self.get_buffer("movie")])
        return ends[:, kept], self.get_buffer("weight")[kept]

    def matrices(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """CSR ``[u, i]`` and its transpose; edges that are not kept have the value 0."""
        user, movie, order = (self.get_buffer(name) for name in ("user", "movie", "by_movie"))
        value = self._scaled(self.get_buffer("weight"), kept)
        return (
            _csr(user, movie, value, self.sizes),
            _csr(movie[order], user[order], value[order], self.sizes[::-1]),
        )

    def along(
        self, weight: Tensor, kept: Tensor, users: Tensor, movies: Tensor, layers: int
    ) -> tuple[Tensor, Tensor]:
        """:meth:`forward` along edges of other weights ``[e]``, which have a gradient too."""
        user, movie = self.get_buffer("user"), self.get_buffer("movie")
        value = self._scaled(weight, kept)[:, None]
        sums = users, movies
        for _ in range(layers):
            users, movies = (
                torch.zeros_like(users).index_add(0, user, value * movies[movie]),
                torch.zeros_like(movies).index_add(0, movie, value * users[user]),
            )
            sums = sums[0] + users, sums[1] + movies
        return sums[0] / (layers + 1), sums[1] / (layers + 1)

    def _scaled(self, weight: Tensor, kept: Tensor) -> Tensor:
        """Weights over the root of both degrees, 0 for edges that are not kept: ``[e]``."""
        count = kept.to(weight.dtype)
        ends = self.get_buffer("user"), self.get_buffer("movie")
        degrees = [
            count.new_zeros(size).index_add(0, end, count).clamp_min(1.0)
            for size, end in zip(self.sizes, ends, strict=True)
        ]
        return count * weight * (degrees[0][ends[0]] * degrees[1][ends[1]]).rsqrt()

    def _pair(self, user: Tensor, movie: Tensor) -> Tensor:
        return user * self.sizes[1] + movie


def propagate(
    matrices: tuple[Tensor, Tensor], users: Tensor, movies: Tensor, layers: int
) -> tuple[Tensor, Tensor]:
    """:class:`BipartiteGraph` along ``matrices`` of it, for who needs the same ones often."""
    to_user, to_movie = matrices
    sums = users, movies
    for _ in range(layers):
        users, movies = (
            _multiply(to_user, to_movie, movies),
            _multiply(to_movie, to_user, users),
        )
        sums = sums[0] + users, sums[1] + movies
    return sums[0] / (layers + 1), sums[1] / (layers + 1)


class _Product(torch.autograd.Function):
    """``matrix @ x``; its gradient takes the transpose, which is at hand."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transpose: Tensor, x: Tensor) -> Tensor:
        """``[a, c]`` times ``[c, d]``."""
        ctx.transpose = transpose
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        """Only ``x`` learns."""
        return None, None, ctx.transpose @ gradients[0]


def _multiply(matrix: Tensor, transpose: Tensor, x: Tensor) -> Tensor:
    product: Tensor = _Product.apply(matrix, transpose, x)  # type: ignore[no-untyped-call]
    return product


def _csr(row: Tensor, column: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    """Entries sorted by ``row`` as a CSR tensor."""
    begin = torch.searchsorted(row, torch.arange(size[0] + 1, device=row.device))
    with warnings.catch_warnings():
        # torch says once that CSR is young; what is used of it here is one product.
        warnings.filterwarnings("ignore", ".*Sparse CSR tensor support is in beta.*")
        return torch.sparse_csr_tensor(begin, column, value, size=size, check_invariants=False)
