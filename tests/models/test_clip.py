"""The dual tower: modes, duplicates, missing modalities, alarm."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multimodal_study.contract import Features
from multimodal_study.data.batches import FeatureBatches
from multimodal_study.errors import InputError
from multimodal_study.models.clip import Clip
from multimodal_study.models.summaries import summarised
from multimodal_study.seeds import cell_of, fit_seeds, predict_seeds
from multimodal_study.training import TrainerConfig
from tiny_garments import batch_of, build, config, pairs


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_overfits_eight_pairs(loss: str) -> None:
    features = pairs()
    module = build(features, loss=loss, members=2)
    batch = batch_of(features)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(200):
        optimiser.zero_grad()
        module.loss(batch).backward()
        optimiser.step()
    module.eval()
    found = module.embed(batch)
    scores = found["image"] @ found["text"].T
    expected = torch.arange(8)
    assert torch.equal(scores.argmax(1), expected) and torch.equal(scores.argmax(0), expected)
    assert (module.predict(batch).argmax(1) == batch.target).all()


def test_gradients_of_the_alignment_reach_every_modality() -> None:
    features = pairs()
    module = build(features)
    rows = np.arange(8)
    batch = FeatureBatches(features, rows, 8).gather(rows)
    for value in batch.inputs.values():
        value.requires_grad_()
    module.alignment(batch, module.encode_pair(batch))[0].backward()
    for name, value in batch.inputs.items():
        assert value.grad is not None and value.grad.abs().sum() > 0, name


def test_labels_never_move_the_space() -> None:
    features = pairs()
    module = build(features)
    batch = batch_of(features)
    module.loss(batch).backward()
    first = [p.grad.clone() for p in module.body.parameters()]
    module.zero_grad()
    module.loss(replace(batch, target=1 - batch.target)).backward()
    for before, parameter in zip(first, module.body.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, before)


def test_embeddings_lie_on_the_sphere_and_cosines_are_weighted_means() -> None:
    features = pairs()
    module = build(features, members=3, linear_weight=0.4).eval()
    batch = batch_of(features)
    found = module.embed(batch)
    assert found["image"].shape == found["text"].shape == (8, 4 * 8)
    torch.testing.assert_close(found["image"].norm(dim=1), torch.ones(8))
    a, b = module.encode_pair(batch)
    cosines = torch.einsum("ikd,jkd->ijk", a, b)
    expected = 0.6 * cosines[..., :3].mean(2) + 0.4 * cosines[..., 3]
    torch.testing.assert_close(found["image"] @ found["text"].T, expected)


def test_the_linear_member_can_be_left_out() -> None:
    features = pairs()
    module = build(features, linear_weight=0.0).eval()
    assert module.body.linear is None
    batch = batch_of(features)
    torch.testing.assert_close(module.embed(batch)["image"], module.encode_pair(batch)[0][:, 0])


def test_copies_of_a_text_are_no_negatives() -> None:
    features = pairs()
    copies = features.examples.assign(text_key=["t0"] * 2 + [f"t{k}" for k in range(2, 24)])
    module = build(features)
    alone, shared = batch_of(features), batch_of(replace(features, examples=copies))
    assert alone.keys["text"].unique().numel() == 8
    losses = [module.alignment(b, module.encode_pair(b))[0].item() for b in (alone, shared)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_chunks_change_no_gradient() -> None:
    features = pairs()

    def gradients(chunk: int) -> list[torch.Tensor]:
        module = build(features, chunk=chunk).train()
        module.loss(batch_of(features, 12)).backward()
        return [p.grad for p in module.parameters() if p.grad is not None]

    for whole, parts in zip(gradients(0), gradients(5), strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


def test_order_of_the_batch_changes_nothing() -> None:
    features = pairs()
    module = build(features).eval()
    order = np.array([5, 2, 7, 0, 1, 6, 3, 4])
    shuffled = FeatureBatches(features, order, 8, sparse_words=True).gather(order)
    batch = batch_of(features)
    torch.testing.assert_close(module.validation_loss(batch), module.validation_loss(shuffled))
    torch.testing.assert_close(module.predict(batch)[order], module.predict(shuffled))


def test_a_missing_modality_is_masked_and_a_missing_side_left_out() -> None:
    features = pairs(missing=True)
    module = build(features).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "placeholder" in name:
                parameter.normal_()
    rows = np.arange(8)
    batches = FeatureBatches(features, rows, 8)
    batch, other = batches.gather(rows), batches.gather(rows)
    gone = ~batch.present["regions"]
    other.inputs["regions"][gone] = torch.nan
    other.inputs["text"][~batch.present["text"]] += 100.0
    for origin, before in module.embed(batch).items():
        torch.testing.assert_close(module.embed(other)[origin], before)
    # Rows 1 and 5 have no text at all: the loss is that of the other six.
    rest = np.array([0, 2, 3, 4, 6, 7])
    expected = module.validation_loss(FeatureBatches(features, rest, 6).gather(rest))
    torch.testing.assert_close(module.validation_loss(batch), expected)
    one = FeatureBatches(features, rest[:1], 1).gather(rest[:1])
    assert module.validation_loss(one).item() == 0.0


def test_sequences_can_be_summarised_once_for_all_steps() -> None:
    features = pairs(missing=True)
    short = summarised(features)
    assert not short.lengths and short.arrays["regions"].shape == (24, 14)

    def embedded(known: Features) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        return build(known, heads=0).eval().embed(batch_of(known, 12))

    whole, once = embedded(features), embedded(short)
    for origin, value in whole.items():
        torch.testing.assert_close(once[origin], value)


def test_padding_of_a_sequence_is_not_read() -> None:
    features = pairs()
    module = build(features).eval()
    batch, other = batch_of(features), batch_of(features)
    behind = torch.arange(5) >= batch.lengths["tokens"][:, None]
    assert behind.any()
    other.inputs["tokens"][behind] = torch.inf
    torch.testing.assert_close(module.embed(other)["text"], module.embed(batch)["text"])


def test_the_temperature_stays_in_range() -> None:
    module = build(pairs())
    for value, expected in ((9.0, 100.0), (-2.0, 1.0), (2.0, math.exp(2.0))):
        with torch.no_grad():
            module.logit_scale.fill_(value)
        assert module.scale().item() == pytest.approx(expected)
        # After a step the parameter itself is back in range, where it has a gradient again.
        module.on_train_batch_end(None, None, 0)
        assert module.logit_scale.exp().item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid"])
def test_the_alarm_goes_off_for_constant_embeddings_only(
    loss: str, caplog: pytest.LogCaptureFixture
) -> None:
    features = pairs()
    batch = batch_of(features)
    for constant in (True, False):
        module = build(features, loss=loss)
        if constant:
            with torch.no_grad():
                for side in module.body.sides:
                    side[0].out[2].weight.zero_()
        optimiser = torch.optim.Adam([module.logit_scale], lr=0.0)
        if not constant:
            optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            for _ in range(3):
                for _ in range(20):
                    optimiser.zero_grad()
                    module.loss(batch).backward()
                    optimiser.step()
                module.on_train_epoch_end()
        assert module.findings()["stuck_at_chance"] is constant
        assert ("is chance" in caplog.text) is constant


def trainer(folder: Path, epochs: int = 12) -> TrainerConfig:
    return TrainerConfig(1, epochs, epochs, 8, 1.0, "32", "cpu", str(folder))


@pytest.mark.parametrize("changes", [{}, {"averaging": 0.9, "chunk": 5, "members": 2}])
def test_a_fit_predicts_embeds_and_records(tmp_path: Path, changes: dict[str, Any]) -> None:
    cell = cell_of(Clip, config(**changes), trainer(tmp_path), pairs(missing=True))
    weights, history, costs = fit_seeds(cell, 3)
    predictions, embeddings, _ = predict_seeds(cell, weights)
    assert len(history) <= 12 and costs[0]["stuck_at_chance"] is False
    assert 0.01 <= costs[0]["temperature"] <= 1.0
    assert len(predictions) == 12
    assert (
        embeddings["3/image"].shape
        == embeddings["3/text"].shape
        == (24, embeddings["3/image"].shape[1])
    )
    assert not any("average" in name for name in weights)


def test_mistakes_are_named() -> None:
    features = pairs()
    with pytest.raises(InputError, match=r"clip.mode is 'full'.*clip.model"):
        config(mode="full")
    with pytest.raises(InputError, match="two origins"):
        config(pair=["image", "image"])
    with pytest.raises(InputError, match=r"modalities come from \['image', 'text'\]"):
        build(features, pair=["image", "plot"])
    unpaired = replace(features, pair=None)
    with pytest.raises(InputError, match="no keys"):
        module = build(unpaired)
        module.loss(batch_of(unpaired))
    with pytest.raises(InputError, match="must hold"):
        config(mode="zero_shot", prompts=["a shirt"])
    with pytest.raises(InputError, match=r"vectors of 384, but the modality 'text' has 9"):
        build(features, mode="zero_shot")


def test_zero_shot_classifies_by_prompts_and_learns_from_no_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features = pairs()
    # In place of a sentence encoder: the text vectors of a garment that is worn and one that is
    # not, said with two prompts each.
    rows = [int(np.flatnonzero(features.examples["target"] == label)[0]) for label in (0, 1)]
    vectors = np.asarray(features.arrays["text"])[np.repeat(rows, 2)]
    monkeypatch.setattr("multimodal_study.models.clip.prompt_width", lambda *_: 9)
    monkeypatch.setattr("multimodal_study.models.clip.encode_prompts", lambda *_: vectors)
    # Only the sentence vectors of a prompt are known, so the other views are left out here.
    features = features.select(["image", "regions", "text"])
    module = build(features, mode="zero_shot", prompts=["{label}", "a {label}"])
    assert module.probe is None
    batch = batch_of(features)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        module.loss(replace(batch, target=torch.full((8,), -1))).backward()
        optimiser.step()
    module.eval()
    found = module.predict(FeatureBatches(features, np.array(rows), 2).gather(np.array(rows)))
    assert found.argmax(1).tolist() == [0, 1]
    torch.testing.assert_close(found.sum(1), torch.ones(2))
    again = Clip.rebuild(module.config, features.modalities, features.task, module.state_dict())
    torch.testing.assert_close(again.predict(batch), module.predict(batch))


def test_zero_shot_with_the_packaged_sentence_encoder() -> None:
    features = pairs()
    wide = np.random.default_rng(0).standard_normal((24, 384)).astype(np.float32)
    text = replace(features.modalities["text"], width=384)
    features = replace(
        features,
        arrays={**features.arrays, "text": wide},
        modalities={**features.modalities, "text": text},
    )
    module = build(features, mode="zero_shot").eval()
    prompts = module.get_buffer("prompts")
    assert prompts.shape == (2 * len(module.config.prompts), 384)
    assert torch.isfinite(prompts).all() and prompts.std() > 0
    assert module.predict(batch_of(features)).shape == (8, 2)
