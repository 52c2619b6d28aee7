"""Convolution over several kinds of nodes: people, films, and what films have.

A kind of edge has weights of its own in each direction (Schlichtkrull et al. 2018, equation 2, with
the mean of the neighbours, weighted where edges are):

``h_v' = h_v + f(W_0 h_v + sum_r W_r mean_{u in N_r(v)} a_uv h_u)``

What films have, such as a genre or a director, enters as a learned vector per column of a modality
of zeros and ones; people and films enter as the caller says. The result is the mean of all layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_INITIAL = 0.1
"""Standard deviation of a trait's learned vector before the first step."""
USER, MOVIE = "user", "movie"


class HeterogeneousGraph(nn.Module):
    """Relational convolutions by torch-geometric.

    Args:
        width: Of every node's representation ``d``.
        traits: Modality of films to its number of columns.
        layers: Steps along the edges.
        dropout: Inside the network.
    """

    def __init__(self, width: int, traits: dict[str, int], layers: int, dropout: float) -> None:
        from torch_geometric.nn import GraphConv, HeteroConv

        super().__init__()
        self.dropout = dropout
        self.vectors = nn.ParameterDict(
            {
                name: nn.Parameter(_INITIAL * torch.randn(columns, width))
                for name, columns in traits.items()
            }
        )
        needed = [(USER, "rates", MOVIE), (MOVIE, "is_rated_by", USER)]
        needed += [(name, "is_of", MOVIE) for name in traits]
        # What the last layer would make of traits, nobody reads.
        relations = [[*needed, *((MOVIE, "has", name) for name in traits)]] * (layers - 1)
        self.layers = nn.ModuleList(
            [
                HeteroConv({each: GraphConv(width, width, aggr="mean") for each in own})
                for own in [*relations, needed][:layers]
            ]
        )

    def forward(
        self,
        users: Tensor,
        movies: Tensor,
        rated: tuple[Tensor, Tensor],
        has: dict[str, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Inputs ``[u, d]`` and ``[i, d]`` to means over the layers and the input.

        Args:
            users: Inputs of people.
            movies: Inputs of films.
            rated: Person and film of each edge, int64 ``[2, e]``, and its weight ``[e]``.
            has: Modality to film and column of each entry, int64 ``[2, t]``.
        """
        nodes = {USER: users, MOVIE: movies, **self.vectors}
        edges = {(USER, "rates", MOVIE): rated[0], (MOVIE, "is_rated_by", USER): rated[0].flip(0)}
        weights = dict.fromkeys(edges, rated[1])
        for name, entries in has.items():
            edges[MOVIE, "has", name] = entries
            edges[name, "is_of", MOVIE] = entries.flip(0)
            ones = rated[1].new_ones(entries.shape[1])
            weights[MOVIE, "has", name] = weights[name, "is_of", MOVIE] = ones
        sums = users, movies
        for layer in self.layers:
            found = layer(nodes, edges, edge_weight_dict=weights)
            nodes = {
                name: old + F.dropout(F.gelu(found[name]), self.dropout, self.training)
                if name in found
                else old
                for name, old in nodes.items()
            }
            sums = sums[0] + nodes[USER], sums[1] + nodes[MOVIE]
        steps = len(self.layers) + 1
        return sums[0] / steps, sums[1] / steps


def entries_of(table: Tensor, present: Tensor) -> Tensor:
    """Row and column of what is not 0 in a table, dense or CSR: int64 ``[2, t]``.

    Args:
        table: ``[n, c]``.
        present: Rows that are there, bool ``[n]``; the others have no entries.
    """
    if table.layout != torch.sparse_csr:
        return (table * present[:, None]).nonzero().T.contiguous()
    counts = table.crow_indices().diff()
    row = torch.repeat_interleave(torch.arange(len(counts), device=table.device), counts)
    kept = (table.values() != 0) & present[row]
    return torch.stack([row, table.col_indices()])[:, kept]
