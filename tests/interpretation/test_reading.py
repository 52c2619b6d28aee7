"""What streams read of each other: positions, weights, and agreement with what counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from multimodal_study.data.batches import Batch
from multimodal_study.interpretation import coattention as attend

B, HEADS, LAYERS, T, R = 2, 3, 2, 6, 5


class Reader:
    """A stand-in with known weights: positions are token, vector, then the sequence."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.weights = {
            "text_to_image": torch.from_numpy(rng.random((B, LAYERS, HEADS, T, R))),
            "image_to_text": torch.from_numpy(rng.random((B, LAYERS, HEADS, R, T))),
        }

    def attention(self, batch: Any) -> dict[str, torch.Tensor]:
        return self.weights

    def layout(self, batch: Any) -> dict[str, dict[str, slice]]:
        return {
            "text": {"token": slice(0, 1), "tokens": slice(2, T)},
            "image": {"token": slice(0, 1), "regions": slice(1, R)},
        }


def test_the_rows_of_the_own_tokens_are_read() -> None:
    network: Any = Reader()
    found = attend.read(network, SimpleNamespace(), "regions", "tokens")  # type: ignore[arg-type]
    there, back = network.weights["text_to_image"], network.weights["image_to_text"]
    assert found.cells == pytest.approx(there.mean((1, 2))[:, 0, 1:].numpy())
    assert found.words == pytest.approx(back.mean((1, 2))[:, 0, 2:].numpy())
    assert found.word_cells.shape == (B, T - 2, R - 1)
    assert found.word_cells[1, 2] == pytest.approx(there[1, :, :, 4, 1:].mean((0, 1)).numpy())


def test_gradient_times_input_of_a_linear_score() -> None:
    x = torch.arange(12.0).view(1, 3, 4)
    w = torch.tensor([1.0, -1.0, 2.0, 0.0])
    rows = torch.arange(1)
    batch = Batch({"s": x, "v": torch.ones(1, 2)}, {}, rows, rows)
    found = attend.gradient_times_input(
        lambda seen: (seen.inputs["s"] @ w).sum(1) + seen.inputs["v"].sum(1), batch, ("s",)
    )
    assert list(found) == ["s"] and found["s"] == pytest.approx((x @ w).abs().numpy())
    assert not batch.inputs["s"].requires_grad


def test_agreement_is_over_used_positions() -> None:
    first = np.array([[1.0, 2.0, 3.0, 9.0], [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 0.0, 0.0]])
    second = np.array([[10.0, 20.0, 30.0, 0.0], [4.0, 3.0, 2.0, 1.0], [1.0, 2.0, 0.0, 0.0]])
    used = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], dtype=bool)
    found = attend.agreement(first, second, used)
    assert found[:2] == pytest.approx([1.0, -1.0]) and np.isnan(found[2])
