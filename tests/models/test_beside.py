"""Late fusion beside an aligned space: what is read, what learns, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from multimodal_study.contract import Features, Modality
from multimodal_study.data.batches import FeatureBatches
from multimodal_study.errors import InputError
from tiny_garments import build, config, pairs


def with_facts(n: int = 24) -> Features:
    """Pairs whose label stands in facts that neither picture nor text has."""
    features = pairs(n)
    target = np.random.default_rng(1).integers(0, 2, n)
    facts = np.stack([target, 1 - target, np.arange(n) % 3], axis=1).astype(np.float32)
    modality = Modality("facts", "item", "numeric", 3, "metadata", "normal", "test")
    return replace(
        features,
        arrays={**features.arrays, "facts": facts},
        present={**features.present, "facts": np.arange(n) % 5 > 0},
        modalities={**features.modalities, "facts": modality},
        examples=features.examples.assign(target=target),
    )


def batch_of(features: Features) -> object:
    rows = features.rows("train")
    return FeatureBatches(features, rows, len(rows)).gather(rows)


def test_what_stands_beside_is_read_and_learns_while_labels_leave_the_space_alone() -> None:
    features = with_facts()
    module = build(features, beside=["metadata"], beside_dim=4)
    batch = batch_of(features)
    output = module._read(module.joint(batch).detach(), batch)
    module.output_loss(output, batch.target).backward()
    assert all(p.grad is None for p in module.body.parameters())
    own = list(module.beside.parameters())
    assert all(p.grad is not None for p in own) and any(p.grad.abs().sum() > 0 for p in own)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        module.loss(batch).backward()
        optimiser.step()
    module.eval()
    there = batch.present["facts"]
    assert (module.predict(batch).argmax(1) == batch.target)[there].all()


def test_a_missing_row_beside_is_masked() -> None:
    features = with_facts()
    module = build(features, beside=["metadata"], beside_dim=4).eval()
    batch = batch_of(features)
    before = module.predict(batch)
    batch.inputs["facts"][~batch.present["facts"]] = 100.0
    assert torch.equal(module.predict(batch), before)
    batch.inputs["facts"][batch.present["facts"]] += 1.0
    assert not torch.equal(module.predict(batch), before)


def test_the_epoch_is_chosen_by_the_task() -> None:
    features = with_facts()
    module = build(features, beside=["metadata"]).eval()
    batch = batch_of(features)
    assert torch.equal(module.validation_loss(batch), module.plain_loss(module(batch), batch))


def test_mistakes_are_named() -> None:
    features = with_facts()
    for origin in ("image", "plots"):
        with pytest.raises(InputError, match=rf"names '{origin}', .*: \['metadata'\]"):
            build(features, beside=[origin])
    with pytest.raises(InputError, match="needs a probe"):
        config(beside=["metadata"], mode="zero_shot")
