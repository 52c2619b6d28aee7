"""Tokens that decide: completeness, rollout by hand, curves of a known score, and the node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from multimodal_study.contract import Features
from multimodal_study.errors import InputError
from multimodal_study.interpretation import token_relevance as relevance
from multimodal_study.pipelines.interpretation.networks import Fitted
from multimodal_study.pipelines.interpretation.tokens import RELEVANCE, token_relevance
from multimodal_study.pipelines.paradigms import NETWORKS
from multimodal_study.pipelines.paradigms.cells import fit_sequences
from tiny_bert import TEXTS, save

Tiny = Callable[..., Features]
EVALUATION = {
    "bootstrap": 100, "confidence": 0.95, "seed": 1, "splits": ["test"],
}  # fmt: skip
OPTIONS = {"examples": 9, "steps": 4, "curve_steps": 3, "sheet_rows": 2}
B, L, H, T, D = 2, 2, 3, 4, 5


class Attending:
    """A stand-in with known weights."""

    def __init__(self) -> None:
        self.weights = torch.rand(B, L, H, T, T, generator=torch.manual_seed(0)).softmax(-1)

    def attention(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.weights * mask[:, None, None, None]
        return hidden / hidden.sum(-1, keepdim=True)


def test_rollout_is_the_product_of_half_attention_and_half_identity() -> None:
    mask = torch.tensor([[True] * 4, [True, True, True, False]])
    network: Any = Attending()
    found = relevance.rollout(network, torch.zeros(B, T, D), mask)
    for row, length in enumerate((4, 3)):
        own = network.attention(None, mask)[row].mean(1)[:, :length, :length].numpy()
        first, second = ((one + np.eye(length)) / 2 for one in own)
        assert found[row, :length] == pytest.approx((second @ first).mean(0), abs=1e-6)
    assert found.sum(1) == pytest.approx(1.0) and found[1, 3] == 0


def test_integrated_gradients_sum_to_the_change() -> None:
    states = torch.randn(B, T, D, generator=torch.manual_seed(1))
    mask = torch.ones(B, T, dtype=torch.bool)
    baseline = torch.full((D,), 0.3)

    def score(x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        return ((x**2).sum(-1) * there).sum(1)

    found = relevance.integrated_gradients(score, states, mask, baseline, 6)
    assert found == pytest.approx((states**2 - baseline**2).sum(-1).numpy(), abs=1e-4)


def test_a_token_that_is_all_falls_first_and_rises_first() -> None:
    states = torch.zeros(1, 6, 1)
    states[0, 3] = 20.0
    mask = torch.tensor([[True] * 6])
    fixed = torch.tensor([[True, False, False, False, False, True]])

    def score(x: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        return (x[..., 0] * there).sum(1) - 10

    best, worst = (np.array([[0, 1, 1, place, 1, 0.0]]) for place in (0, 9))
    deletion, insertion = relevance.areas_under(score, states, mask, fixed, best, 4)
    late_deletion, late_insertion = relevance.areas_under(score, states, mask, fixed, worst, 4)
    # One of four steps is the trapezium in which the answer turns.
    assert deletion == pytest.approx(0.125, abs=1e-4)
    assert insertion == pytest.approx(0.875, abs=1e-4)
    assert late_deletion == pytest.approx(0.875, abs=1e-4)
    assert late_insertion == pytest.approx(0.125, abs=1e-4)


@pytest.mark.parametrize("trained", [0, 1, 2, -1])
@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_the_node(tmp_path: Path, tiny_features: Tiny, kind: str, trained: int) -> None:
    features = tiny_features(kind=kind, n=60)
    reviews = features.examples["review"].to_numpy()
    table = pd.DataFrame({"text": [TEXTS[i % len(TEXTS)] for i in range(reviews.max() + 1)]})
    parameters = {
        "encoder": str(save(tmp_path / "bert")), "trained_layers": trained, "max_tokens": 16,
        "keep": "head", "fields": [], "pooling": "mean", "learning_rate": 1e-3, "layer_decay": 0.9,
        "head_learning_rate": 1e-2, "weight_decay": 0.01, "warmup": 0.1, "dropout": 0.0,
        "layer_dropout": 0.0, "averaging": 0.0, "label_smoothing": 0.0, "class_weights": "none",
    }  # fmt: skip
    from multimodal_study.encoders.token_states import encode_states

    states = encode_states(table, parameters)
    trainer = {
        "seeds": 1, "max_epochs": 2, "patience": 9, "batch_size": 16, "gradient_clip": 1.0,
        "precision": "32", "device": "cpu", "checkpoints": str(tmp_path / "fits"),
    }  # fmt: skip
    load = NETWORKS["transformer"]
    given = {**parameters, "trainer": {}}
    weights, config, _, _ = fit_sequences(load(), features, states, given, trainer, 1)
    fitted = Fitted(load, weights, config, features, states)
    board, sheet = token_relevance(features, table, fitted, OPTIONS, EVALUATION)
    assert list(board.columns) == RELEVANCE
    assert len(sheet.axes) == 1 and len(sheet.axes[0].texts) > OPTIONS["sheet_rows"]
    if kind == "regression":
        assert board.empty
        return
    assert set(board["explainer"]) == {
        "integrated_gradients", "gradient_times_input", "rollout", "in_order", "random",
    }  # fmt: skip
    assert (board.loc[board["explainer"] == "random", "gain"] == 0).all()
    assert board[["deletion", "insertion"]].stack().between(0, 1).all()
    again, _ = token_relevance(features, table, fitted, OPTIONS, EVALUATION)
    pd.testing.assert_frame_equal(board, again)
    with pytest.raises(InputError, match="curve_steps"):
        token_relevance(features, table, fitted, {**OPTIONS, "curve_steps": 0}, EVALUATION)
