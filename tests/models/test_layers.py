"""Moments of columns against NumPy, and dropout of single entries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.models.layers import EntryDropout, column_moments
from multimodal_study.models.towers import steady


@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=4).filter(any),
    centre=st.floats(-1e4, 1e4),
)
def test_moments_are_those_of_all_rows(seed: int, sizes: list[int], centre: float) -> None:
    rng = np.random.default_rng(seed)
    parts = [(centre + rng.standard_normal((n, 5))).astype(np.float32) for n in sizes]
    rows = np.concatenate(parts).astype(np.float64)
    moments = column_moments(map(torch.from_numpy, parts))
    assert moments is not None
    np.testing.assert_allclose(moments[0], rows.mean(0), rtol=1e-6, atol=1e-6)
    if len(rows) > 1:
        np.testing.assert_allclose(moments[1], rows.std(0), rtol=1e-4)


def test_a_constant_column_has_an_infinite_scale_and_no_row_no_moments() -> None:
    rows = torch.tensor([[0.1, 1.0], [0.1, 1.0 + 1e-6], [0.1, 1.0]])
    moments = column_moments([rows[:1], rows[1:]])
    assert moments is not None
    assert moments[1][0] == torch.inf and moments[1][1] < 1e-5
    assert column_moments([rows[:0]]) is None


def test_a_silent_column_silences_no_other() -> None:
    found = steady(torch.tensor([1.0, 0.0, torch.inf, 3.0]))
    torch.testing.assert_close(found, torch.tensor([1.0, 4 / 300, torch.inf, 3.0]))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_entries_are_dropped_one_by_one_at_the_rate(rate: float) -> None:
    torch.manual_seed(0)
    layer = EntryDropout(rate)
    x = torch.ones(500, 401, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    dropped = y == 0
    exact = round(256 * rate) / 256
    assert abs(float(dropped.float().mean()) - exact) < 5 * (exact * (1 - exact) / x.numel()) ** 0.5
    torch.testing.assert_close(y[~dropped], torch.full_like(y[~dropped], 1 / (1 - exact)))
    torch.testing.assert_close(x.grad, y.detach())
    # Neighbours, and the eight entries of one draw, know nothing of each other.
    for apart in (1, 8):
        both = (dropped[:, apart:] & dropped[:, :-apart]).float().mean()
        assert abs(float(both) - exact**2) < 0.01


def test_dropout_follows_the_seed_and_ends_with_training() -> None:
    layer, x = EntryDropout(0.3), torch.randn(3, 5, 7)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(layer(x))
    torch.testing.assert_close(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert layer.eval()(x) is x
    assert EntryDropout(0.0)(x) is x
