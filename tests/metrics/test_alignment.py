from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group, sem
from scipy.stats import t as student

from multimodal_study.metrics.alignment import (
    alignment,
    jackknife,
    linear_cka,
    modality_gap,
    shuffled_cka,
    uniformity,
    unit,
)


def cloud(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


@given(st.integers(0, 50), st.sampled_from([(30, 4, 4), (6, 9, 5)]))
def test_cka_ignores_turns_scales_and_shifts(seed, shape):
    n, d, k = shape
    first, second = cloud(n, d, seed), cloud(n, k, seed + 1)
    turn = ortho_group.rvs(d, random_state=seed)
    turned = 3.0 * first @ turn + 7.0
    assert linear_cka(first, turned) == pytest.approx(1.0)
    found = linear_cka(first, second)
    assert 0.0 <= found <= 1.0
    assert (
        found
        == pytest.approx(linear_cka(turned, second))
        == pytest.approx(linear_cka(second, first))
    )


def test_cka_is_the_alignment_of_centred_grams_however_wide_it_is():
    for n, d in ((40, 6), (7, 20)):
        x, y = cloud(n, d, 1), cloud(n, d, 2)
        centre = np.eye(n) - 1 / n
        k, l = (centre @ z @ z.T @ centre for z in (x, y))  # noqa: E741
        by_hand = np.trace(k @ l) / np.sqrt(np.trace(k @ k) * np.trace(l @ l))
        assert linear_cka(x, y) == pytest.approx(by_hand)
    assert np.isnan(linear_cka(np.ones((5, 2)), cloud(5, 2)))


def test_wide_spaces_are_alike_by_chance_and_the_shuffled_value_says_so():
    narrow = linear_cka(cloud(500, 3, 1), cloud(500, 3, 2))
    wide = linear_cka(cloud(20, 400, 1), cloud(20, 400, 2))
    assert narrow < 0.05 and wide > 0.8
    assert shuffled_cka(cloud(20, 400, 1), cloud(20, 400, 2), seed=0) == pytest.approx(
        wide, abs=0.02
    )
    same = cloud(100, 5)
    assert shuffled_cka(same, same, seed=0) < 0.2 < linear_cka(same, same)


def test_gap_and_alignment_by_hand():
    first = np.array([[1.0, 0.0], [1.0, 0.0]])
    second = np.array([[0.0, 2.0], [0.0, 5.0]])
    assert modality_gap(first, second) == pytest.approx(np.sqrt(2))
    assert alignment(first, second) == pytest.approx(2.0)
    assert alignment(first, -first) == pytest.approx(4.0)
    assert modality_gap(first, -first) == pytest.approx(2.0)
    points = cloud(50, 3)
    assert alignment(points, 9 * points) == pytest.approx(0.0, abs=1e-12)
    assert modality_gap(points, 9 * points) == pytest.approx(0.0, abs=1e-12)


def test_uniformity_by_hand_and_its_order():
    opposite = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert uniformity(opposite) == pytest.approx(-8.0)
    assert uniformity(np.ones((4, 3))) == pytest.approx(0.0)
    cone = cloud(300, 8) + 5.0
    assert uniformity(cloud(300, 8)) < uniformity(cone) < 0
    assert np.isnan(uniformity(np.ones((1, 2))))
    vectors = unit(cloud(30, 4))
    i, j = np.triu_indices(30, 1)
    pairs = np.exp(-2 * np.square(vectors[i] - vectors[j]).sum(1))
    assert uniformity(vectors) == pytest.approx(np.log(pairs.mean()))


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(3).normal(size=20)
    found = jackknife(
        lambda rows: float(values[rows].mean()), np.arange(20), confidence=0.9, seed=0
    )
    reach = student.ppf(0.95, 19) * sem(values)
    assert found == pytest.approx((values.mean(), values.mean() - reach, values.mean() + reach))


def test_clusters_are_left_out_whole_and_few_say_nothing():
    seen = []
    cluster = np.repeat(np.arange(30), 3)

    def measure(rows):
        seen.append(rows)
        return float(len(rows))

    jackknife(measure, cluster, confidence=0.95, seed=1)
    assert len(seen) == 21
    for rows in seen[1:]:
        assert set(np.bincount(cluster[rows], minlength=30)) == {0, 3}
    few = jackknife(measure, np.array(["a", "b", "b"]), confidence=0.95, seed=1)
    assert few.value == 3.0 and np.isnan(few.low)
