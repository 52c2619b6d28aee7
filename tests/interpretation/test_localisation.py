"""The pointing game by hand; explainers that know, that cannot know, and that say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.interpretation import localisation as where


def square(side: int, top: int, left: int, size: int) -> np.ndarray:
    mask = np.zeros((side, side), dtype=bool)
    mask[top : top + size, left : left + size] = True
    return mask


def test_the_pointing_game_by_hand() -> None:
    masks = np.stack([square(8, 2, 2, 2)] * 4)
    maps = np.zeros((4, 8, 8))
    maps[0, 3, 3] = 1.0  # a hit
    maps[1, 2, 4] = 1.0  # a pixel beside the region
    maps[2, 3, 3] = maps[2, 7, 7] = 1.0  # a tie
    assert where.pointing(maps, masks).tolist() == [1.0, 0.0, 0.5, 4 / 64]
    near = where.widened(masks, 1 / 8)
    assert where.pointing(maps, near).tolist() == [1.0, 1.0, 0.5, 12 / 64]


def test_mass_by_hand() -> None:
    masks = np.stack([square(4, 0, 0, 2)] * 3)
    maps = np.ones((3, 4, 4))
    maps[1] = masks[1] * 5.0
    maps[2] = 0.0
    assert where.mass(maps, masks).tolist() == [0.25, 1.0, 0.25]


def test_the_middle_is_the_highest_point_of_a_centre_map() -> None:
    made = where.centre(8)
    assert made.argmax() in {27, 28, 35, 36} and made.min() > 0
    assert where.pointing(made[None], square(8, 3, 3, 2)[None])[0] == 1.0


@given(st.integers(4, 12), st.integers(0, 2**16), st.floats(0.0, 0.3))
def test_a_map_of_the_region_is_right_and_a_constant_one_is_chance(
    side: int, seed: int, margin: float
) -> None:
    masks = np.random.default_rng(seed).random((3, side, side)) < 0.3
    near = where.widened(masks, margin)
    assert (near | ~masks).all()
    known = masks.any((1, 2))
    found = masks.astype(float)
    assert (where.pointing(found, near)[known] == 1.0).all()
    assert (where.mass(found, masks)[known] == 1.0).all()
    same = np.ones(masks.shape)
    assert where.pointing(same, near) == pytest.approx(where.area(near))
    assert where.mass(same, masks) == pytest.approx(where.area(masks))


def test_random_maps_hit_as_often_as_the_region_is_large() -> None:
    masks = np.stack([square(10, 1, 1, 5)] * 4000)
    maps = np.random.default_rng(0).random(masks.shape)
    assert where.pointing(maps, masks).mean() == pytest.approx(0.25, abs=0.03)
    assert where.mass(maps, masks).mean() == pytest.approx(0.25, abs=0.01)
