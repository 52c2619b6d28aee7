"""Canonical correlations against scikit-learn's, and what they make of rows that lack something."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA

from multimodal_study.contract import Features
from multimodal_study.data.batches import FeatureBatches
from multimodal_study.models.canonical import Canonical, canonical_maps
from tiny_garments import pairs


def correlated(n: int = 400, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, 9, generator=generator, dtype=torch.float64)
    x = torch.cat([shared + 0.5 * noise[:, :2], noise[:, 2:5]], 1) @ torch.diag(
        torch.tensor([1.0, 2.0, 5.0, 1.0, 3.0], dtype=torch.float64)
    )
    y = torch.cat([shared.flip(1) + 0.8 * noise[:, 5:7], noise[:, 7:9]], 1)
    return x, y


def test_without_regularisation_they_are_those_of_scikit_learn() -> None:
    x, y = correlated()
    maps = canonical_maps(x, y, 2, 1e-9, 0.0)
    ours = [(side - side.mean(0)) @ found for side, found in zip((x, y), maps, strict=True)]
    theirs = CCA(n_components=2, max_iter=5000, tol=1e-10).fit_transform(x.numpy(), y.numpy())
    for own, other in zip(ours, theirs, strict=True):
        for column in range(2):
            r = np.corrcoef(own[:, column].numpy(), other[:, column])[0, 1]
            assert abs(r) == pytest.approx(1.0, abs=1e-4)
    # Whitened: each side's coordinates are uncorrelated, of variance one.
    torch.testing.assert_close(
        ours[0].T @ ours[0] / len(x), torch.eye(2, dtype=torch.float64), atol=1e-6, rtol=0
    )


def test_the_power_weighs_dimensions_and_surplus_ones_are_zero() -> None:
    x, y = correlated()
    plain, weighted = canonical_maps(x, y, 6, 0.1, 0.0), canonical_maps(x, y, 6, 0.1, 2.0)
    a, b = ((side - side.mean(0)) @ m for side, m in zip((x, y), plain, strict=True))
    correlations = (a * b).mean(0)[:4]
    factor = (weighted[0][:, :4] / plain[0][:, :4]).mean(0)
    torch.testing.assert_close(factor, correlations**2, rtol=1e-6, atol=1e-9)
    assert (plain[0][:, 4:] == 0).all() and plain[0].shape == (5, 6)


def fitted(features: Features, d: int = 4) -> Canonical:
    torch.manual_seed(0)
    sides = tuple(
        {name: item for name, item in features.modalities.items() if item.origin == origin}
        for origin in ("image", "text")
    )
    member = Canonical(sides, d, 0.1, 1.0)
    member.start(list(FeatureBatches(features, features.rows("train"), 16)))
    return member


def test_pairs_that_were_never_seen_find_each_other() -> None:
    features = pairs(400)
    member = fitted(features)
    rows = features.rows("test")
    batch = FeatureBatches(features, rows, len(rows)).gather(rows)
    a, b = member(batch, slice(0, len(rows)), {})
    torch.testing.assert_close(a.norm(dim=1), torch.ones(len(rows)))
    hit = (a @ b.T).argmax(1) == torch.arange(len(rows))
    assert hit.float().mean() > 0.3  # by chance: 0.01


def test_the_maps_do_not_depend_on_batches_or_on_what_is_missing() -> None:
    features = pairs(60, missing=True)
    member = fitted(features)
    rows = np.arange(12)
    dense = FeatureBatches(features, rows, 12).gather(rows)
    before = member(dense, slice(0, 12), {})
    for name, there in dense.present.items():
        dense.inputs[name][~there] = 1e4
    for first, second in zip(before, member(dense, slice(0, 12), {}), strict=True):
        torch.testing.assert_close(first, second)
    part = member(dense, slice(3, 7), {})
    torch.testing.assert_close(part[0], before[0][3:7])
    # Missing rows in train count for nothing either.
    changed = {name: np.array(array) for name, array in features.arrays.items()}
    for name, there in features.present.items():
        changed[name][~there] = 7.0
    other = fitted(
        Features(
            changed,
            features.present,
            features.examples,
            features.modalities,
            features.task,
            {},
            features.lengths,
            features.pair,
        )
    )
    text = member.get_buffer("image_map"), other.get_buffer("image_map")
    del changed
    torch.testing.assert_close(text[0].abs(), text[1].abs(), rtol=1e-2, atol=1e-3)


def test_numbers_that_are_constant_in_train_do_not_explode() -> None:
    features = pairs(60)
    image = np.array(features.arrays["image"])
    image[features.rows("train"), 0] = 0.0
    image[features.rows("test"), 0] = 50.0
    changed = {**features.arrays, "image": image}
    member = fitted(
        Features(
            changed,
            features.present,
            features.examples,
            features.modalities,
            features.task,
            {},
            features.lengths,
            features.pair,
        )
    )
    scale = member.get_buffer("image_scale")
    assert scale[0] >= 0.009 * scale.mean()
    assert torch.isfinite(member.get_buffer("image_map")).all()
