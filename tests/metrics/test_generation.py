"""Coherence, reconstruction and the linear probe, against hand values."""

from __future__ import annotations

import numpy as np
import pytest

from multimodal_study.metrics.generation import (
    conditional_coherence,
    joint_coherence,
    linear_probe,
    reconstruction_error,
)


def test_coherence_per_sample_and_per_class_differ_where_classes_do() -> None:
    wanted = np.array([0, 0, 0, 1])
    shown = np.array([0, 0, 0, 0])
    found = conditional_coherence(shown, wanted, (np.array([0, 1, 1]), np.array([0, 1, 0])))
    assert (found.per_sample, found.per_class) == (0.75, 0.5)
    assert found.ceiling_per_sample == pytest.approx(2 / 3)
    assert found.ceiling_per_class == pytest.approx(0.75)
    assert found.samples == 4
    assert conditional_coherence(wanted, wanted).ceiling_per_class is None


def test_joint_coherence_needs_all_to_agree() -> None:
    shown = {"a": np.array([0, 1, 2, 2]), "b": np.array([0, 1, 1, 2]), "c": np.array([0, 0, 1, 2])}
    assert joint_coherence(shown) == 0.5
    assert joint_coherence({name: shown[name] for name in ("a", "b")}) == 0.75
    with pytest.raises(ValueError, match="two modalities"):
        joint_coherence({"a": np.array([0])})
    with pytest.raises(ValueError, match="as many"):
        conditional_coherence(np.zeros(2), np.zeros(3))


def test_reconstruction_error_by_hand() -> None:
    x = np.array([[0.0, 0.0], [2.0, 4.0], [100.0, 100.0]])
    found = np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    errors = reconstruction_error(x, found, np.array([True, True, False]))
    # Squared errors 1, 4, 1, 4; the columns' variances are 1 and 4.
    assert errors == pytest.approx({"rmse": 2.5**0.5, "explained": 0.0})
    assert reconstruction_error(x, x)["explained"] == 1.0
    assert np.isnan(reconstruction_error(x, found, np.zeros(3, dtype=bool))["rmse"])


def test_the_probe_reads_what_is_linear_and_chooses_on_validation() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 5))
    y = (x[:, 0] > 0).astype(int)
    (found,), strength = linear_probe((x[:300], y[:300]), (x[300:400], y[300:400]), [x[400:]])
    assert found.shape == (200, 2) and strength >= 1.0
    assert (found.argmax(1) == y[400:]).mean() > 0.95
    # Labels that nothing explains want the strongest regularisation.
    noise = rng.integers(0, 2, 600)
    _, weak = linear_probe((x[:300], noise[:300]), (x[300:400], noise[300:400]), [])
    assert weak < strength
    target = 3 * x[:, 1] - 1
    (found,), _ = linear_probe(
        (x[:300], target[:300]), (x[300:400], target[300:400]), [x[400:]], regression=True
    )
    assert found.shape == (200, 1)
    np.testing.assert_allclose(found[:, 0], target[400:], atol=0.05)
