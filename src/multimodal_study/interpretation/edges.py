"""Which ratings a graph network answers by: integrated gradients of the weights of its edges.

``A_e = w_e int_0^1 dr / dw_e (a w) da`` for a predicted rating ``r`` and all edges moving together
from none to their weights (Sundararajan et al. 2017, over edges as in Captum's explainer of
torch-geometric). The degrees that scale edges stay as they are, so that the attributions sum to
what the rating would change if nobody's rating said anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from multimodal_study.data.batches import Batch
from multimodal_study.models.gnn import GraphNetwork

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class EdgeParts:
    """Edges that a predicted rating depends on."""

    edges: Array
    """Positions of edges ``[e]``."""
    attribution: Array
    """In the unit of the rating, ``[e]``."""
    predicted: float
    without: float
    """What is predicted without any edge."""

    def missed(self) -> float:
        """What the sum lacks to the change, 0 if exact."""
        return self.predicted - self.without - float(self.attribution.sum())


class EdgePath:
    """From weights of edges to the predicted rating of one example.

    Args:
        network: A fitted one whose edges weigh what their ratings say.
        batch: One example; its own edge is left out, as everywhere.
    """

    def __init__(self, network: GraphNetwork, batch: Batch) -> None:
        self.network, self.batch = network, batch
        user, movie = (batch.nodes[name] for name in network.nodes)
        with torch.no_grad():
            self.inputs = network.inputs(batch)
            self.kept = network.graph.kept(user, movie, 0.0)
        self.weight = network.graph.get_buffer("weight") * self.kept

    def __call__(self, weight: Tensor) -> Tensor:
        """Predicted ratings ``[k]`` of weights ``[k, e]``."""
        return torch.cat([self._one(one) for one in weight])

    def _one(self, weight: Tensor) -> Tensor:
        network = self.network
        nodes = network.along(weight, self.kept, *self.inputs, self.batch)
        output = network.head(network.paired(*nodes, self.batch))
        said = network.probabilities(output, self.batch)
        if network.task.kind == "regression":
            return said[:, 0]
        return said @ said.new_tensor(network.task.values)


def edge_attributions(network: GraphNetwork, batch: Batch, steps: int) -> EdgeParts:
    """Attributions of all edges within reach of the one example of ``batch``.

    Args:
        network: Of a task of ratings; of steps of a scale, their expected value is explained.
        batch: One example.
        steps: Points of the Gauss-Legendre rule.
    """
    path = EdgePath(network, batch)
    points, shares = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(path.weight)
    for point, share in zip((points + 1) / 2, shares / 2, strict=True):
        weight = (float(point) * path.weight).requires_grad_()
        (gradient,) = torch.autograd.grad(path(weight[None]).sum(), weight)
        total += float(share) * gradient
    found = (total * path.weight).detach()
    with torch.no_grad():
        ends = path(torch.stack([path.weight, torch.zeros_like(path.weight)])).tolist()
    reached = torch.nonzero(found)[:, 0]
    return EdgeParts(reached.numpy(), found[reached].numpy(), ends[0], ends[1])


def without_edges(network: GraphNetwork, batch: Batch, removed: list[Array]) -> Array:
    """Predicted rating where each of some sets of edges says nothing: float64 ``[len(removed)]``.

    Args:
        network: As for :func:`edge_attributions`.
        batch: One example.
        removed: Positions of edges, a set each.
    """
    path = EdgePath(network, batch)
    found = []
    with torch.no_grad():
        for edges in removed:
            weight = path.weight.clone()
            weight[torch.from_numpy(edges)] = 0.0
            found.append(float(path(weight[None])))
    return np.array(found)
