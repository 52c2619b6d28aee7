"""The graph network: its propagation, what it must not see, what it learns from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from multimodal_study.contract import Task
from multimodal_study.data.batches import sparse_rows
from multimodal_study.data.graph_batches import graph_factory
from multimodal_study.errors import InputError
from multimodal_study.models import gnn
from multimodal_study.models.heterogeneous import entries_of
from multimodal_study.models.propagation import BipartiteGraph
from tiny_ratings import ORDINAL, PLAIN, REGRESSION, batch_of, build, ratings


def learn(network: gnn.GraphNetwork, batch: Any, steps: int) -> list[float]:
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = network.loss(batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("layers", [1, 3])
def test_propagation_is_that_of_torch_geometric(layers: int) -> None:
    from torch_geometric.nn import LGConv

    rng = np.random.default_rng(1)
    pair = torch.tensor(rng.permutation(7 * 11)[:30])
    user, movie = pair // 11, pair % 11
    graph = BipartiteGraph(7, 11, 30)
    graph.connect(user, movie, torch.ones(30))
    x = torch.randn(18, 4, requires_grad=True)
    found = torch.cat(graph(x[:7], x[7:], torch.ones(30, dtype=torch.bool), layers))
    edges = torch.stack([torch.cat([user, movie + 7]), torch.cat([movie + 7, user])])
    convolution, h, total = LGConv(), x, x
    for _ in range(layers):
        h = convolution(h, edges)
        total = total + h
    expected = total / (layers + 1)
    torch.testing.assert_close(found, expected)
    weight = torch.randn(18, 4)
    ours, theirs = (torch.autograd.grad((y * weight).sum(), x)[0] for y in (found, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("propagation", gnn.PROPAGATIONS)
def test_a_rating_is_no_edge_of_the_propagation_that_predicts_it(propagation: str) -> None:
    features = ratings()
    network, batch = build(features, propagation=propagation), batch_of(features, size=5)
    kept = network.graph.kept(batch.nodes["user"], batch.nodes["movie"], 0.0)
    assert int((~kept).sum()) == 5
    learn(network, batch_of(features), 3)
    before = network.joint(batch)
    with torch.no_grad():
        network.graph.get_buffer("weight")[~kept] += 5.0
    assert torch.equal(network.joint(batch), before)
    other = replace(batch, nodes={name: index[:2] for name, index in batch.nodes.items()})
    assert not torch.allclose(network.joint(other), before[:2])


def test_ratings_outside_train_change_no_edge_and_no_loss() -> None:
    features = ratings()
    examples = features.examples.copy()
    outside = (examples["split"] != "train").to_numpy()
    examples.loc[outside, "target"] = examples.loc[outside, "target"].to_numpy()[::-1]
    changed = replace(features, examples=examples)
    assert not examples.equals(features.examples)
    one, two = build(features), build(changed)
    assert len(one.graph.get_buffer("user")) == len(features.rows("train"))
    for (name, left), right in zip(
        one.state_dict().items(), two.state_dict().values(), strict=True
    ):
        assert torch.equal(left, right), name
    assert learn(one, batch_of(features), 5) == learn(two, batch_of(changed), 5)


def test_learning_starts_from_damped_biases() -> None:
    from multimodal_study.baselines import biases
    from multimodal_study.baselines.collaborative import ratings_of

    features = ratings()
    train = ratings_of(features, features.rows("train"))
    test = ratings_of(features, features.rows("test"))
    expected = biases.fit(train, 2.0, 3.0).predict(test.user, test.movie)
    network = build(features, damping_user=2.0, damping_movie=3.0).eval()
    found = network.predict(batch_of(features, "test"))[:, 0].detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_biases_of_a_training_row_are_those_of_the_other_rows() -> None:
    features = ratings()
    network, batch = build(features, damping_user=2.0, damping_movie=3.0), batch_of(features)
    user, movie = (batch.nodes[name].numpy() for name in ("user", "movie"))
    target = batch.target.double().numpy()
    value = (target - target.mean()) / target.std()
    of_user, of_movie = (
        network.get_buffer(f"bias_{name}").double().numpy() for name in ("user", "movie")
    )
    found = network.joint(batch)[:, -1].detach().numpy()
    for row in range(len(value)):
        rest = np.arange(len(value)) != row
        same_user, same_movie = rest & (user == user[row]), rest & (movie == movie[row])
        from_user = (value - of_movie[movie])[same_user].sum() / (same_user.sum() + 2.0)
        from_movie = (value - of_user[user])[same_movie].sum() / (same_movie.sum() + 3.0)
        np.testing.assert_allclose(found[row], from_user + from_movie, atol=1e-4)


@pytest.mark.parametrize("propagation", gnn.PROPAGATIONS)
def test_the_gradient_reaches_every_modality_and_node_vector(propagation: str) -> None:
    features = ratings()
    network = build(features, propagation=propagation)
    # The edges of a batch are left out: some must remain.
    batch = batch_of(features, size=20)
    learn(network, batch, 2)
    network.zero_grad()
    network.loss(batch).backward()  # type: ignore[no-untyped-call]
    for name, value in network.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().sum() > 0, name


@pytest.mark.parametrize("task", [REGRESSION, ORDINAL], ids=["regression", "ordinal"])
def test_it_learns_a_few_ratings_by_heart(task: Task) -> None:
    features = ratings(task)
    losses = learn(build(features), batch_of(features, size=12), 150)
    assert losses[-1] < 0.25 * losses[0]


@pytest.mark.parametrize("propagation", ["signed", "heterogeneous"])
def test_same_seed_same_weights_and_weights_hold_their_graph(propagation: str) -> None:
    features = ratings()
    one, two = (build(features, edge_dropout=0.3, propagation=propagation) for _ in range(2))
    for network in (one, two):
        torch.manual_seed(1)
        learn(network, batch_of(features), 3)
    state = one.state_dict()
    assert all(torch.equal(state[name], value) for name, value in two.state_dict().items())
    again = gnn.GraphNetwork.rebuild(one.config, features.modalities, features.task, state)
    batch = batch_of(features, "test")
    output, joint = again.answer(batch)
    assert torch.equal(output, one.eval().predict(batch))
    assert joint.shape == (10, PLAIN["embed_dim"] + 1)
    assert {name: h.shape for name, h in again.embed(batch).items()} == {
        "metadata": (10, 16),
        "text": (10, 8),
    }


def test_what_it_cannot_do_is_refused(tiny_features: Any) -> None:
    features = ratings()
    with pytest.raises(InputError, match="binary"):
        build(replace(features, task=Task("liked", "binary", ("no", "yes"), "accuracy")))
    with pytest.raises(InputError, match="user"):
        graph_factory(tiny_features("regression"), gnn.GraphNetwork.nodes)
    with pytest.raises(ValueError, match="propagation"):
        gnn.Config(**PLAIN, propagation="other")  # type: ignore[arg-type]


def test_a_node_without_edges_has_its_contents_alone() -> None:
    """User 8 and film 13 of the test pair are unknown to train: their vectors are noise."""
    features = ratings()
    network = build(features).eval()
    asked = batch_of(features, "test", 10)
    before = network(asked)
    with torch.no_grad():
        network.identity["user"][8] += 5.0
        network.identity["movie"][13] += 5.0
    torch.testing.assert_close(network(asked), before)
    with torch.no_grad():
        network.identity["movie"][asked.nodes["movie"][0]] += 5.0
        network._direction.add_(1.0)
    assert not torch.allclose(network(asked), before)


def test_identity_dropout_acts_in_training_alone() -> None:
    features = ratings()
    network = build(features, identity_dropout=0.9)
    batch = batch_of(features)
    with torch.no_grad():
        network._direction.add_(1.0)
        drawn = [network.train().joint(batch) for _ in range(2)]
        fixed = [network.eval().joint(batch) for _ in range(2)]
    assert not torch.allclose(*drawn)
    torch.testing.assert_close(*fixed)


def test_films_say_of_others_that_have_the_same() -> None:
    """In the heterogeneous graph a trait is a node: what rates a film reaches its like by it."""
    features = ratings()
    network = build(features, propagation="heterogeneous", layers=2).eval()
    learn(network, batch_of(features), 3)
    network.eval()
    batch = batch_of(features, "test", 5)
    before = network.joint(batch)
    asked = int(batch.nodes["movie"][0])
    batch.inputs["genres"] = batch.inputs["genres"].clone()
    others = [film for film in range(14) if film != asked]
    batch.inputs["genres"][others] = 1 - batch.inputs["genres"][others]
    assert not torch.allclose(network.joint(batch)[0], before[0])
    assert set(network.relational.vectors) == {"genres"}


def test_entries_of_a_table_are_those_that_are_not_zero() -> None:
    table = np.array([[0, 1, 0], [0, 0, 0], [2, 0, 3]], dtype=np.float32)
    there = torch.tensor([True, True, True])
    assert entries_of(torch.tensor(table), there).tolist() == [[0, 2, 2], [1, 0, 2]]
    stored = csr_matrix(table)
    stored.data[0] = 0.0
    assert entries_of(sparse_rows(stored), there).tolist() == [[2, 2], [0, 2]]
    there[2] = False
    assert entries_of(torch.tensor(table), there).tolist() == [[0], [1]]
    assert entries_of(sparse_rows(stored), there).shape == (2, 0)
