"""Contrastive losses against numbers worked out by hand and against naive loops."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from multimodal_study.models.contrastive import (
    chance_info_nce,
    chance_sigmoid,
    in_chunks,
    info_nce,
    positives,
    sigmoid_loss,
)

ONE = torch.tensor(1.0)


def sides(n: int = 7, d: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
    a, b = F.normalize(made, dim=2)
    return a, b


def keys() -> list[torch.Tensor]:
    """Pairs 0 and 3 share a text, 1 and 2 a picture; 5 shares a picture with 3, a text with 6."""
    return [torch.tensor([0, 1, 1, 2, 3, 2, 4]), torch.tensor([0, 1, 2, 0, 3, 4, 4])]


def test_info_nce_of_two_pairs_by_hand() -> None:
    a = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    b = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    s = 2.0
    # Cosines: 0.6, 0 / 0.8, 1. Rows ask with the pictures, columns with the texts.
    rows = math.log(1 + math.exp(s * (0.0 - 0.6))) + math.log(1 + math.exp(s * (0.8 - 1.0)))
    columns = math.log(1 + math.exp(s * (0.8 - 0.6))) + math.log(1 + math.exp(s * (0.0 - 1.0)))
    assert float(info_nce(a, b, torch.tensor(s))) == pytest.approx((rows + columns) / 4, rel=1e-6)


def test_without_duplicates_it_is_cross_entropy() -> None:
    a, b = sides()
    scale = torch.tensor(12.0)
    target = torch.arange(7)
    logits = scale * a @ b.T
    expected = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    torch.testing.assert_close(info_nce(a, b, scale), expected)
    # The long way gives the number of the short one.
    torch.testing.assert_close(info_nce(a, b, scale, torch.eye(7, dtype=torch.bool)), expected)


@pytest.mark.parametrize("shared", [True, False])
def test_the_gradient_that_is_written_out_is_the_derivative(shared: bool) -> None:
    a, b = (side.requires_grad_() for side in sides())
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    same = positives(keys(), 7) if shared else None
    assert torch.autograd.gradcheck(lambda *given: info_nce(*given, same), (a, b, scale))


def test_positives_are_pairs_that_share_a_picture_or_a_text() -> None:
    same = positives(keys(), 7)
    assert same is not None and torch.equal(same, same.T) and same.diagonal().all()
    beside = {(0, 3), (1, 2), (3, 5), (5, 6)}
    found = {(i, j) for i, j in same.triu(1).nonzero().tolist()}
    assert found == beside
    assert positives([torch.arange(4), torch.tensor([5, 9, 7, 8])], 4) is None


def test_several_positives_against_a_loop() -> None:
    a, b = sides()
    same = positives(keys(), 7)
    assert same is not None
    total = 0.0
    for queries, gallery in ((a, b), (b, a)):
        for i in range(7):
            logits = [9.0 * float(queries[i] @ gallery[j]) for j in range(7)]
            normaliser = math.log(sum(math.exp(logit) for logit in logits))
            mine = [j for j in range(7) if same[i, j]]
            total -= sum(logits[j] - normaliser for j in mine) / len(mine) / 14
    assert float(info_nce(a, b, torch.tensor(9.0), same)) == pytest.approx(total, rel=1e-6)


def test_a_duplicate_is_no_negative() -> None:
    a, b = sides(4)
    b[1] = b[0]
    a.requires_grad_()
    copies = torch.tensor([0, 0, 1, 2])
    info_nce(a, b, torch.tensor(5.0), positives([torch.arange(4), copies], 4)).backward()
    # Row 0 is pulled to its own text and to the copy alike: nothing pushes the copies apart.
    assert a.grad is not None
    away = (a.grad[0] @ b[0]) > 0
    assert not away


@pytest.mark.parametrize("shared", [True, False])
def test_sigmoid_loss_against_a_loop(shared: bool) -> None:
    a, b = sides()
    same = positives(keys(), 7) if shared else None
    scale, bias = torch.tensor(6.0), torch.tensor(-2.0)
    total = 0.0
    for i in range(7):
        for j in range(7):
            z = 1.0 if i == j or (same is not None and same[i, j]) else -1.0
            logit = z * (6.0 * float(a[i] @ b[j]) - 2.0)
            total += math.log(1 + math.exp(-logit)) / 7
    assert float(sigmoid_loss(a, b, scale, bias, same)) == pytest.approx(total, rel=1e-6)


def test_constant_embeddings_are_at_chance() -> None:
    a = torch.ones(7, 1, dtype=torch.float64)
    same = positives(keys(), 7)
    for given in (None, same):
        assert float(info_nce(a, a, ONE, given)) == pytest.approx(chance_info_nce(7))
        # The best constant logit of the sigmoid loss: the scale is one, so the bias makes it.
        rate = 1 / 7 if given is None else float(given.double().mean())
        bias = torch.tensor(math.log(rate / (1 - rate)) - 1.0, dtype=torch.float64)
        assert float(sigmoid_loss(a, a, ONE, bias, given)) == pytest.approx(
            chance_sigmoid(7, given), rel=1e-6
        )
    assert chance_sigmoid(2, torch.ones(2, 2, dtype=torch.bool)) == 0.0


def test_order_of_the_batch_changes_nothing() -> None:
    a, b = sides()
    order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
    first = info_nce(a, b, torch.tensor(9.0), positives(keys(), 7))
    second = info_nce(
        a[order], b[order], torch.tensor(9.0), positives([key[order] for key in keys()], 7)
    )
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_gradients_of_chunks_are_those_of_the_whole_batch(size: int) -> None:
    torch.manual_seed(1)
    x, y = torch.randn(2, 7, 6, dtype=torch.float64)
    networks = [
        torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.GELU(), torch.nn.Linear(9, 5)).double()
        for _ in range(2)
    ]

    def encode(rows: slice) -> tuple[torch.Tensor, ...]:
        pairs = zip(networks, (x, y), strict=True)
        return tuple(F.normalize(network(side[rows]), dim=1) for network, side in pairs)

    def gradients(chunk: int) -> list[torch.Tensor]:
        for network in networks:
            network.zero_grad()
        a, b = in_chunks(encode, 7, chunk)
        info_nce(a, b, torch.tensor(8.0), positives(keys(), 7)).backward()
        return [p.grad.clone() for n in networks for p in n.parameters() if p.grad is not None]

    whole, parts = gradients(0), gradients(size)
    assert len(whole) == 8
    for expected, found in zip(whole, parts, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_chunks_repeat_their_dropout_and_hold_no_activations() -> None:
    """Gradients agree with those of the same masks kept, and fewer bytes are saved for them."""
    network = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.Dropout(0.5))
    x = torch.randn(12, 4)
    saved: list[int] = []

    def hook(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor.numel())
        return tensor

    def run(make: Any) -> tuple[torch.Tensor, int]:
        torch.manual_seed(5)
        network.zero_grad()
        saved.clear()
        with torch.autograd.graph.saved_tensors_hooks(hook, lambda tensor: tensor):
            out = make()
        out.square().mean().backward()
        weight: Any = network[0].weight
        return weight.grad.clone(), sum(saved)

    def plain() -> torch.Tensor:
        return torch.cat([network(x[start : start + 3]) for start in range(0, 12, 3)])

    kept, much = run(plain)
    repeated, little = run(lambda: in_chunks(lambda rows: (network(x[rows]),), 12, 3)[0])
    torch.testing.assert_close(repeated, kept)
    assert little < much / 4
