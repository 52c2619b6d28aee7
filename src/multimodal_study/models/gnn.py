"""Ratings from a graph: people and films exchange what they are along the ratings of train.

``rating = mean + b_u + b_i + w f([h_u; h_i; h_u * h_i])``

``h`` are nodes after light graph convolution (He et al. 2020); a node enters as a learned vector
plus the mean encoding of its contents. ``b`` are damped biases of train in closed form, and ``w``
starts at 0, so that learning starts from them. By ``propagation``:

- ``lightgcn``: who rated what, every edge alike, as published
- ``signed``: an edge weighs as much as its rating is above or below mean and biases, in standard
  deviations; a film then says of a person what its rating says (asymmetric SVD, Koren 2008,
  equation 14, in the place of its one step the layers of the graph)
- ``heterogeneous``: as ``signed``, and films exchange with what they have, every modality of zeros
  and ones being nodes; each kind of edge has weights (``heterogeneous.py``)

A node without an edge in train has its contents alone: its vector would be what it was before the
first step, noise. So that the network knows such nodes, ``identity_dropout`` takes the vectors of
some others in training.

A rating that is predicted is never an edge: the edges of a batch's own pairs are left out of the
propagation that predicts them, in training as later, and its own share is taken out of its biases.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from multimodal_study.contract import VECTORS, Kind, Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.data.damped_biases import damped_biases
from multimodal_study.errors import InputError
from multimodal_study.models.base import Capability, FusionModule
from multimodal_study.models.config import FusionConfig, check, check_choice
from multimodal_study.models.encoders import ModalityEncoders, by_origin
from multimodal_study.models.heads import Linear, ProportionalOdds, make_head
from multimodal_study.models.heterogeneous import MOVIE, HeterogeneousGraph, entries_of
from multimodal_study.models.propagation import BipartiteGraph

PROPAGATIONS = ("lightgcn", "signed", "heterogeneous")
_INITIAL = 0.1
"""Standard deviation of a node's learned vector before the first step."""


@dataclass(frozen=True)
class Config(FusionConfig):
    """Parameters of the graph network."""

    layers: int = 2
    """Steps along the edges."""
    propagation: Literal["lightgcn", "signed", "heterogeneous"] = "signed"
    edge_dropout: float = 0.1
    """Share of edges that a training step does without, beside those of its own ratings."""
    identity_dropout: float = 0.0
    """Probability that a node is without its learned vector in a training step."""
    damping_user: float = 4.0
    damping_movie: float = 4.0
    """Ratings at the mean that each user or film is given in advance, for the biases."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check("layers", self.layers, 0, 16)
        check_choice("propagation", self.propagation, PROPAGATIONS)
        check("edge_dropout", self.edge_dropout, 0.0, 0.95)
        check("identity_dropout", self.identity_dropout, 0.0, 0.95)
        check("damping_user", self.damping_user, 1e-6, 1e6)
        check("damping_movie", self.damping_movie, 1e-6, 1e6)


class GraphNetwork(FusionModule):
    """Light graph convolution over contents, for ratings."""

    reads: ClassVar[frozenset[Kind]] = VECTORS - {"pixels"}
    nodes: ClassVar[tuple[str, ...]] = ("user", "movie")
    capabilities: ClassVar[frozenset[Capability]] = frozenset()

    config: Config

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        d = config.embed_dim
        self.encoders = ModalityEncoders(config, modalities)
        self.network = nn.Sequential(nn.Linear(3 * d, d), nn.GELU(), nn.Dropout(config.dropout))
        head = make_head(task, d + 1)
        if not isinstance(head, Linear | ProportionalOdds):
            raise InputError(f"gnn predicts ratings, the task {task.name!r} is {task.kind}")
        self.head = head
        self.relational: HeterogeneousGraph | None = None
        if config.propagation == "heterogeneous":
            self.relational = HeterogeneousGraph(
                d, _traits(modalities), config.layers, config.dropout
            )
        with torch.no_grad():
            self._direction.zero_()
            self._direction[0, d] = 1.0
            if isinstance(head, Linear):
                head.bias.zero_()
        self._allocate(0, 0, 0)

    @property
    def _direction(self) -> Tensor:
        """What the head multiplies the joint representation with, ``[1, d + 1]``."""
        return self.head.weight if isinstance(self.head, Linear) else self.head.score.weight

    def _allocate(self, users: int, movies: int, edges: int) -> None:
        """Room for so many nodes and edges, which only the training rows tell."""
        d = self.config.embed_dim
        self.graph = BipartiteGraph(users, movies, edges)
        self.identity = nn.ParameterDict(
            {
                name: nn.Parameter(_INITIAL * torch.randn(size, d))
                for name, size in zip(self.nodes, (users, movies), strict=True)
            }
        )
        self.register_buffer("bias_user", torch.zeros(users))
        self.register_buffer("bias_movie", torch.zeros(movies))
        self.register_buffer("above", torch.zeros(edges))

    def start(self, batches: list[Batch]) -> None:
        """Edges and biases of train, moments of the inputs, and the head's prior."""
        super().start(batches)
        user, movie = (torch.cat([b.nodes[name] for b in batches]) for name in self.nodes)
        target = torch.cat([batch.target for batch in batches])
        sizes = batches[0].sizes
        self._allocate(sizes["user"], sizes["movie"], len(user))
        self.head.start(target)
        centred = target.double() - target.double().mean()
        centred /= centred.std(unbiased=False).clamp_min(1e-6)
        biases = damped_biases(
            user.numpy(),
            movie.numpy(),
            centred.numpy(),
            (sizes["user"], sizes["movie"]),
            (self.config.damping_user, self.config.damping_movie),
        )
        of_user, of_movie = map(torch.from_numpy, biases)
        self.get_buffer("bias_user").copy_(of_user)
        self.get_buffer("bias_movie").copy_(of_movie)
        above = (centred - of_user[user] - of_movie[movie]).float()
        alike = self.config.propagation == "lightgcn"
        order = self.graph.connect(user, movie, torch.ones_like(above) if alike else above)
        self.get_buffer("above").copy_(above[order])
        self.encoders.start([_rated(batches[0], user, movie, self.modalities)])

    def joint(self, batch: Batch) -> Tensor:
        """``[f([h_u; h_i; h_u * h_i]); b_u + b_i]``, ``[b, d + 1]``, biases in deviations."""
        user, movie = (batch.nodes[name] for name in self.nodes)
        users, movies = self.inputs(batch)
        kept = self.graph.kept(user, movie, self.config.edge_dropout)
        # Sparse products know no half precision.
        with torch.autocast(users.device.type, enabled=False):
            users, movies = self._propagated(users.float(), movies.float(), kept, batch)
        return self.paired(users, movies, batch)

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What all users ``[u, d]`` and films ``[i, d]`` enter the graph with."""
        encoded = self.encoders(batch)
        user, movie = (self._node(name, encoded) for name in self.nodes)
        return user, movie

    def paired(self, users: Tensor, movies: Tensor, batch: Batch) -> Tensor:
        """:meth:`joint` from what propagation makes of all users and films."""
        user, movie = (batch.nodes[name] for name in self.nodes)
        h_user, h_movie = users[user], movies[movie]
        hidden = self.network(torch.cat([h_user, h_movie, h_user * h_movie], dim=1))
        return torch.cat([hidden, self._bias(user, movie)[:, None]], dim=1)

    def _propagated(
        self, users: Tensor, movies: Tensor, kept: Tensor, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        if self.relational is None:
            users, movies = self.graph(users, movies, kept, self.config.layers)
            return users, movies
        return self._related(users, movies, self.graph.edges(kept), batch)

    def along(
        self, weight: Tensor, kept: Tensor, users: Tensor, movies: Tensor, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """Propagation along edges of other weights ``[e]``, which have a gradient too."""
        if self.relational is None:
            return self.graph.along(weight, kept, users, movies, self.config.layers)
        ends, _ = self.graph.edges(kept)
        return self._related(users, movies, (ends, weight[kept]), batch)

    def _related(
        self, users: Tensor, movies: Tensor, rated: tuple[Tensor, Tensor], batch: Batch
    ) -> tuple[Tensor, Tensor]:
        assert self.relational is not None  # noqa: S101  # for the type checker
        has = {
            name: entries_of(batch.inputs[name], batch.present[name])
            for name in self.relational.vectors
        }
        users, movies = self.relational(users, movies, rated, has)
        return users, movies

    def _bias(self, user: Tensor, movie: Tensor) -> Tensor:
        """``b_u + b_i`` ``[b]`` of all ratings of train but the pair's own, in deviations.

        Without a rating that is ``a`` above its biases, ``b_u`` is ``a / (n_u - 1 + damping)``
        less, ``b_i`` held fixed, and the other way round. A network that learnt on biases that
        know its targets would trust those of a film with one rating.
        """
        bias = self.get_buffer("bias_user")[user] + self.get_buffer("bias_movie")[movie]
        place, found = self.graph.find(user, movie)
        of_user, of_movie = self.graph.degrees()
        rest_user = of_user[user] - 1 + self.config.damping_user
        rest_movie = of_movie[movie] - 1 + self.config.damping_movie
        own = self.get_buffer("above")[place] * (1 / rest_user + 1 / rest_movie)
        return torch.where(found, bias - own, bias)

    def _node(self, entity: str, encoded: dict[str, Tensor]) -> Tensor:
        """Inputs of all nodes of ``entity``."""
        own = [value for name, value in encoded.items() if self.modalities[name].entity == entity]
        known = self.graph.degrees()[self.nodes.index(entity)] > 0
        if self.training and self.config.identity_dropout > 0:
            known = known & (
                torch.rand(len(known), device=known.device) >= self.config.identity_dropout
            )
        identity: Tensor = self.identity[entity] * known[:, None]
        return identity + torch.stack(own).mean(0) if own else identity

    def answer(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """``predict`` and ``joint`` by one propagation."""
        joint = self.joint(batch)
        return self.probabilities(self.head(joint), batch), joint

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Origin to the encodings of its modalities side by side ``[b, k d]``; no shared space."""
        encoded = {
            name: value[batch.nodes[self.modalities[name].entity]]
            for name, value in self.encoders(batch).items()
        }
        return by_origin(encoded, self.modalities)

    def forward(self, batch: Batch) -> Tensor:
        """Predictions ``[b, 1]``, or logits ``[b, c]`` for an ordinal task."""
        output: Tensor = self.head(self.joint(batch))
        return output

    @classmethod
    def rebuild(
        cls, config: Any, modalities: dict[str, Modality], task: Task, state: dict[str, Tensor]
    ) -> Self:
        """A module with saved weights, graph and biases, ready to predict."""
        module = cls(config, modalities, task)
        module._allocate(*(len(state[n]) for n in ("bias_user", "bias_movie", "graph.user")))
        module.load_state_dict(state)
        return module.eval()


def _traits(modalities: dict[str, Modality]) -> dict[str, int]:
    """Modalities of films whose columns are things that a film has or has not."""
    return {
        name: item.width
        for name, item in modalities.items()
        if item.entity == MOVIE and item.likelihood == "bernoulli"
    }


def _rated(batch: Batch, user: Tensor, movie: Tensor, modalities: dict[str, Modality]) -> Batch:
    """The tables of ``batch`` with only those nodes that train has, each once."""
    seen = {"user": torch.unique(user), "movie": torch.unique(movie)}
    inputs, present = {}, {}
    for name, table in batch.inputs.items():
        rows = seen[modalities[name].entity]
        present[name] = batch.present[name][rows]
        if table.layout == torch.sparse_csr:
            # A CSR tensor cannot be indexed by rows, a COO one can.
            inputs[name] = table.to_sparse().index_select(0, rows).to_sparse_csr()
        else:
            inputs[name] = table[rows]
    return replace(batch, inputs=inputs, present=present)
