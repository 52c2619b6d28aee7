"""LightGCN: its scores against torch_geometric's, its losses by hand, what it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, vstack
from torch_geometric.nn import LightGCN as Reference

from multimodal_study.errors import InputError
from multimodal_study.metrics.ranking import evaluate
from multimodal_study.models import lightgcn

PLAIN = lightgcn.Config(embed_dim=8, similarity="dot", temperature=1.0, batch_size=16)


def likes(users: int = 40, items: int = 30, share: float = 0.7) -> csr_matrix:
    """Even users like even items, odd ones odd items."""
    rng = np.random.default_rng(0)
    same = np.arange(users)[:, None] % 2 == np.arange(items) % 2
    return csr_matrix((same & (rng.random((users, items)) < share)).astype(float))


def test_vectors_are_those_of_torch_geometric() -> None:
    liked = likes()
    network = lightgcn.LightGCN(PLAIN, liked, 0)
    users, items = liked.shape
    reference = Reference(users + items, PLAIN.embed_dim, PLAIN.layers)
    with torch.no_grad():
        reference.embedding.weight.copy_(torch.cat([network.users, network.items]))
        edges = torch.tensor(np.stack([liked.tocoo().row, liked.tocoo().col + users])).long()
        expected = reference.get_embedding(torch.cat([edges, edges.flip(0)], dim=1))
        torch.testing.assert_close(torch.cat(network()), expected)


def test_softmax_loss_is_the_mean_over_likes() -> None:
    liked = likes(6, 5, 0.9)
    assert np.diff(liked.indptr).all()
    network = lightgcn.LightGCN(replace(PLAIN, layers=0, l2=0.5), liked, 0)
    (loss,) = network._losses()
    users, items = (x.detach().numpy().astype(float) for x in (network.users, network.items))
    scores = users @ items.T
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    mean = -log_p[liked.toarray() > 0].mean()
    length = (users**2).sum(1).mean() + (items**2).sum(1).mean()
    assert float(loss.detach()) == pytest.approx(mean + 0.5 * length, rel=1e-5)


def test_negatives_of_bpr_are_not_liked() -> None:
    liked = likes()
    network = lightgcn.LightGCN(replace(PLAIN, loss="bpr"), liked, 0)
    edges = liked.tocoo()
    pairs = np.sort(edges.row.astype(np.int64) * liked.shape[1] + edges.col)
    user = np.repeat(np.arange(40), 50)
    drawn = network._unliked(user, pairs)
    assert not liked.toarray()[user, drawn].any()
    # Odd items of even users among them, and every item at some time.
    assert len(np.unique(drawn)) == liked.shape[1]


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_lists_hold_what_is_liked_together(loss: str, dropout: float) -> None:
    liked = likes()
    # To be found: what one's own kind likes.
    wanted = csr_matrix((likes(share=1.0) - liked > 0).astype(float))
    config = replace(PLAIN, loss=loss, learning_rate=0.05, max_epochs=9, edge_dropout=dropout)  # type: ignore[arg-type]
    reached = lightgcn.follow(
        liked, config, 0,
        lambda score: evaluate(score, liked, wanted, depth=2).means()["recall_capped"],
        every=3, patience=5,
    )  # fmt: skip
    assert [epoch for epoch, _ in reached] == [3, 6, 9]
    # By chance about a fourth.
    assert reached[-1][1] > 0.9


def test_a_fit_depends_on_its_seed_alone() -> None:
    config = replace(PLAIN, edge_dropout=0.2, max_epochs=2)
    asked = np.arange(5)
    one, again, other = (lightgcn.fit(likes(), config, seed).scores()(asked) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


def test_a_trait_is_one_more_user() -> None:
    """An item that nobody liked stands where its trait puts it."""
    liked = likes()
    liked[:, 0] = 0
    trait = csr_matrix((np.arange(30) % 2 == 0).astype(float))
    config = replace(PLAIN, similarity="cosine", temperature=0.2, max_epochs=20)
    score = lightgcn.fit(csr_matrix(vstack([liked, trait])), config, 0).scores()
    found = score(np.arange(40))[:, 0]
    assert found[::2].mean() > found[1::2].mean() + 1


def test_patience_ends_a_fit() -> None:
    asked: list[int] = []

    def worse(_: object) -> float:
        asked.append(1)
        return -float(len(asked))

    reached = lightgcn.follow(likes(), PLAIN, 0, worse, every=1, patience=2)
    assert [epoch for epoch, _ in reached] == [1, 2, 3]


def test_nothing_to_learn_from_and_bad_options_are_refused() -> None:
    with pytest.raises(InputError, match="above 0"):
        lightgcn.LightGCN(PLAIN, csr_matrix((3, 4)), 0)
    with pytest.raises(InputError, match="above 0"):
        lightgcn.LightGCN(PLAIN, csr_matrix(-np.eye(3)), 0)
    with pytest.raises(ValueError, match="similarity"):
        replace(PLAIN, similarity="euclid")  # type: ignore[arg-type]
