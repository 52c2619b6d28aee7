"""Two streams with co-attention: what they read, learn, match and tell."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from multimodal_study.data.batches import Batch, FeatureBatches
from multimodal_study.errors import InputError
from multimodal_study.models import alignment
from multimodal_study.models.stream_inputs import GridPositions, SequenceProjection, divide
from multimodal_study.models.vilbert import Config, Vilbert
from tiny_lxmert import lxmert
from tiny_pairs import config, paired

VARIANTS: dict[str, dict[str, Any]] = {
    "two streams": {},
    "post norm": {"norm": "post"},
    "single stream": {"single_stream": True},
    "concatenate": {"fusion": "concatenate"},
    "no own blocks": {"text_depth": 0, "image_depth": 0},
    "masked": {"masked_tokens": 1.0, "masked_regions": 1.0},
    "masked kl": {"masked_tokens": 1.0, "masked_regions": 1.0, "masked_objective": "kl"},
}
variants = pytest.mark.parametrize("variant", VARIANTS)


def build(features: Any, **changes: Any) -> Vilbert:
    torch.manual_seed(0)
    module = Vilbert(Config(**config(**changes)), features.modalities, features.task)
    module.start(list(FeatureBatches(features, features.rows("train"), 16)))
    return module


def gather(features: Any, n: int = 8) -> Batch:
    return FeatureBatches(features, features.rows("train"), 99).gather(np.arange(n))


def pick(batch: Batch, rows: Any) -> Batch:
    index = torch.as_tensor(rows)
    return replace(
        batch,
        inputs={name: x[index] for name, x in batch.inputs.items()},
        present={name: x[index] for name, x in batch.present.items()},
        lengths={name: x[index] for name, x in batch.lengths.items()},
        keys={name: x[index] for name, x in batch.keys.items()},
        target=batch.target[index],
        rows=batch.rows[index],
    )


def padded(batch: Batch) -> Batch:
    wide = {
        name: F.pad(x, (0, 0, 0, 3), value=7.0) if name in batch.lengths else x
        for name, x in batch.inputs.items()
    }
    for name, length in batch.lengths.items():
        beyond = torch.arange(wide[name].shape[1]) >= length[:, None]
        wide[name] = wide[name].masked_fill(beyond[..., None], -50.0)
    return replace(batch, inputs=wide)


@variants
def test_padding_changes_nothing(variant: str) -> None:
    features = paired(further=True)
    module, batch = build(features, **VARIANTS[variant]).eval(), gather(features)
    wide = padded(batch)
    torch.testing.assert_close(module(batch), module(wide))
    for one, other in zip(module.embed(batch).values(), module.embed(wide).values(), strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(module.match(module.sides(batch)), module.match(module.sides(wide)))
    torch.testing.assert_close(module.validation_loss(batch), module.validation_loss(wide))


@variants
def test_gradients_reach_every_modality(variant: str) -> None:
    features = paired(further=True)
    module, batch = build(features, **VARIANTS[variant]).train(), gather(features, 16)
    for value in batch.inputs.values():
        value.requires_grad_()
    module(batch).sum().backward()
    for name, value in batch.inputs.items():
        assert value.grad is not None and value.grad.abs().sum() > 0, name


@variants
def test_overfits_eight_pairs(variant: str) -> None:
    features = paired()
    module = build(features, **{"coattention_depth": 1, **VARIANTS[variant]})
    # Items 2 and 4 repeat a text and a picture: no embedding could tell them apart.
    batch = pick(gather(features, 10), [0, 1, 3, 5, 6, 7, 8, 9])
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    # What is masked at random teaches the other objectives more slowly.
    for _ in range(160 if module.masked else 70):
        optimiser.zero_grad()
        module.loss(batch).backward()
        optimiser.step()
    module.eval()
    assert (module.predict(batch).argmax(1) == batch.target).all()
    embedded = module.embed(batch)
    assert ((embedded["text"] @ embedded["image"].T).argmax(1) == torch.arange(8)).all()
    table = matches(module, batch)
    assert (table.argmax(1) == torch.arange(8)).all()
    assert (table.argmax(0) == torch.arange(8)).all()


def matches(module: Vilbert, batch: Batch) -> torch.Tensor:
    """Matching logits of all texts with all pictures ``[b, b]``."""
    n, sides = len(batch), module.sides(batch)
    text, image = torch.arange(n).repeat_interleave(n), torch.arange(n).repeat(n)
    picked = {
        "text": tuple(part[text] for part in sides["text"]),
        "image": tuple(part[image] for part in sides["image"]),
    }
    return module.match(picked).reshape(n, n)


@variants
def test_match_is_the_pairwise_forward(variant: str) -> None:
    features = paired(further=True)
    module, batch = build(features, **VARIANTS[variant]).eval(), gather(features)
    table = matches(module, batch)
    for i in range(0, 8, 3):
        for j in range(1, 8, 3):
            text, image = pick(batch, [i]), pick(batch, [j])
            inputs = text.inputs | {n: image.inputs[n] for n in ("regions", "image")}
            both = replace(text, inputs=inputs)
            z = module.embed(both)
            cosine = (z["text"] * z["image"]).sum()
            scale = module.similarity * module.log_scale.exp()
            expected = module.matcher(module.joint(both))[0, 0] + scale[0] * cosine
            torch.testing.assert_close(table[i, j], expected, atol=1e-5, rtol=1e-4)


@variants
def test_order_of_the_batch_changes_nothing(variant: str) -> None:
    features = paired()
    module, batch = build(features, **VARIANTS[variant]).eval(), gather(features)
    order = torch.tensor([5, 2, 7, 0, 1, 6, 3, 4])
    other = pick(batch, order)
    torch.testing.assert_close(module(batch)[order], module(other))
    for name, vectors in module.embed(batch).items():
        torch.testing.assert_close(vectors[order], module.embed(other)[name])
    for name, weights in module.attention(batch).items():
        torch.testing.assert_close(weights[order], module.attention(other)[name])


def test_attention_rows_sum_to_one_over_used_positions() -> None:
    features = paired(further=True)
    module, batch = build(features).eval(), gather(features)
    weights, layout = module.attention(batch), module.layout(batch)
    assert weights["text_to_image"].shape == (8, 2, 2, 1 + 1 + 5 + 1, 1 + 1 + 4)
    assert weights["image_to_text"].shape == (8, 2, 2, 6, 8)
    for values in weights.values():
        torch.testing.assert_close(values.sum(-1), torch.ones(values.shape[:-1]))
    tokens = weights["image_to_text"][..., layout["text"]["tokens"]]
    beyond = torch.arange(5) >= batch.lengths["tokens"][:, None]
    assert (tokens.movedim(-1, 1)[beyond] == 0).all()
    assert (tokens.movedim(-1, 1)[~beyond] > 0).all()
    assert set(layout["text"]) == {"token", "text", "tokens", "numbers"}
    assert set(layout["image"]) == {"token", "image", "regions"}


@variants
@pytest.mark.parametrize("gone", [("tokens", "text"), ("regions", "image"), ("numbers",)])
def test_a_missing_modality_is_not_read(variant: str, gone: tuple[str, ...]) -> None:
    features = paired(further=True)
    module, batch = build(features, **VARIANTS[variant]), gather(features)
    for name in gone:
        batch.present[name] = torch.arange(8) % 2 == 0
    module.eval()
    before = module.predict(batch)
    inputs = {n: x + 100.0 if n in gone else x for n, x in batch.inputs.items()}
    after = module.predict(replace(batch, inputs=inputs))
    torch.testing.assert_close(before[1::2], after[1::2])
    assert not torch.allclose(before[::2], after[::2])
    assert torch.isfinite(module.train().loss(batch))


@variants
@pytest.mark.parametrize("names", [["tokens"], ["image"], ["regions", "numbers"]])
def test_one_side_is_enough(variant: str, names: list[str]) -> None:
    features = paired(further=True).select(names)
    module, batch = build(features, **VARIANTS[variant]), gather(features)
    module.loss(batch).backward()
    assert module.eval().predict(batch).shape == (8, 2)
    nothing = {name: torch.zeros(8, dtype=torch.bool) for name in names}
    answer = module.predict(replace(batch, present=nothing))
    assert torch.isfinite(answer).all()


def test_sides_of_other_data_are_found_by_kind() -> None:
    modalities = paired(further=True).modalities
    assert divide(modalities).origins == {"text": "text", "image": "image"}
    assert set(divide(modalities).further) == {"numbers"}
    poster = {"poster": replace(modalities["image"], name="poster", origin="poster")}
    plot = {"plot": replace(modalities["text"], name="plot", origin="plot")}
    division = divide({"numbers": modalities["numbers"], **poster, **plot})
    assert division.origins == {"text": "plot", "image": "poster"}
    assert set(division.own["text"]) == {"plot"} and set(division.further) == {"numbers"}


def test_single_words_are_left_out_and_cells_have_places() -> None:
    positions = GridPositions(3, None)
    lengths = torch.tensor([4, 9, 0])
    found = positions(lengths, 9)
    torch.testing.assert_close(found[0, 3], positions.row[1] + positions.column[1])
    torch.testing.assert_close(found[1, 5], positions.row[1] + positions.column[2])
    with pytest.raises(InputError, match="6 cells, which is no square"):
        positions(torch.tensor([6]), 6)
    wide = GridPositions(3, 3)(torch.tensor([6]), 6)
    assert wide.shape == (1, 6, 3)
    with pytest.raises(InputError, match="side of 65"):
        GridPositions(3, 1)(torch.tensor([65]), 65)


def test_moments_are_those_of_used_positions_in_train() -> None:
    features = paired()
    module = build(features)
    rows = features.rows("train")
    used = np.arange(5) < features.lengths["tokens"][rows][:, None]
    states = features.arrays["tokens"][rows].astype(np.float64)[used]
    projection = module.inputs["text"].projections["tokens"]
    np.testing.assert_allclose(projection.mean.numpy(), states.mean(0), atol=1e-5)
    np.testing.assert_allclose(projection.scale.numpy(), states.std(0), rtol=1e-4)


def test_a_channel_that_is_constant_in_train_is_silent() -> None:
    projection = SequenceProjection(3, 2, 0.0)
    states = torch.randn(4, 5, 3)
    states[..., 1] = 0.3
    used = torch.ones(4, 5, dtype=torch.bool)
    projection.start([(states[:2], used[:2]), (states[2:], used[2:])])
    other = states.clone()
    other[..., 1] = 1000.0
    torch.testing.assert_close(projection(other), projection(states))
    assert not torch.allclose(projection(other + 1), projection(states))


def test_duplicates_are_no_negatives() -> None:
    features = paired()
    batch = gather(features)
    same = alignment.duplicates(batch.keys.values(), 8, torch.device("cpu"))
    expected = np.eye(8, dtype=bool)
    for i, j in ((1, 2), (3, 4)):
        expected[i, j] = expected[j, i] = True
    np.testing.assert_array_equal(same.numpy(), expected)
    scores = torch.randn(8, 8)
    by_hand = []
    for table in (scores, scores.T):
        for i in range(8):
            rivals = [table[i, j] for j in range(8) if i == j or not expected[i, j]]
            by_hand.append(torch.logsumexp(torch.stack(rivals), 0) - table[i, i])
    loss = alignment.contrastive_loss(scores, same)
    torch.testing.assert_close(loss, torch.stack(by_hand).mean())
    for kind in ("hard", "uniform"):
        for sample in (False, True):
            texts, pictures = alignment.draw_wrong_pairs(scores, same, kind, sample=sample)
            assert len(texts) == 8 and not same[texts, pictures].any()
    everything = torch.ones(8, 8, dtype=torch.bool)
    texts, _ = alignment.draw_wrong_pairs(scores, everything, "hard", sample=True)
    assert len(texts) == 0


def test_hard_negatives_follow_the_scores() -> None:
    torch.manual_seed(0)
    scores = torch.tensor([[9.0, 0.0, math.log(3.0)]]).expand(4000, 3)
    same = torch.tensor([[True, False, False]]).expand(4000, 3)
    _, drawn = alignment.draw_negatives(scores, same, "hard", sample=True)
    assert abs(float((drawn == 2).float().mean()) - 0.75) < 0.03
    _, drawn = alignment.draw_negatives(scores, same, "uniform", sample=True)
    assert abs(float((drawn == 2).float().mean()) - 0.5) < 0.03
    _, drawn = alignment.draw_negatives(scores, same, "hard", sample=False)
    assert (drawn == 2).all()


def test_losses_by_hand() -> None:
    positive, negative = torch.tensor([1.0, -2.0]), torch.tensor([0.5])
    sigmoid = torch.sigmoid
    expected = -(sigmoid(positive).log().mean() + (1 - sigmoid(negative)).log().mean()) / 2
    torch.testing.assert_close(alignment.matching_loss(positive, negative), expected)
    predicted, target = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    hidden = torch.tensor([[True, False, False], [False, True, True]])
    pairs = [(predicted[0, 0], target[0, 0])] + [(predicted[1, i], target[1, i]) for i in (1, 2)]
    square = torch.stack([(p - x).square().mean() for p, x in pairs]).mean()
    found = alignment.masked_loss(predicted, target, hidden, "regression")
    torch.testing.assert_close(found, square)
    divergence = [(x.softmax(0) * (x.log_softmax(0) - p.log_softmax(0))).sum() for p, x in pairs]
    found = alignment.masked_loss(predicted, target, hidden, "kl")
    torch.testing.assert_close(found, torch.stack(divergence).mean())
    assert alignment.masked_loss(predicted, target, ~hidden & hidden, "kl") == 0


def test_masked_positions_do_not_show_their_content() -> None:
    features = paired(vectors=False)
    module, batch = build(features, **VARIANTS["masked"]).eval(), gather(features)
    hidden = {"tokens": torch.arange(5) < batch.lengths["tokens"][:, None]}
    inputs = batch.inputs | {"tokens": batch.inputs["tokens"] + 50.0}
    before = module.inputs["text"](batch, hidden).states
    torch.testing.assert_close(
        before[:, :3], module.inputs["text"](replace(batch, inputs=inputs), hidden).states[:, :3]
    )


def test_abilities_follow_the_losses() -> None:
    every = Vilbert.abilities(Config(**config()))
    assert every == Vilbert.capabilities
    without = Vilbert.abilities(Config(**config(contrastive=0.0, matching=0.0)))
    assert every - without == {"retrieval", "matching"}


def test_a_checkpoint_decides_the_body_and_is_learned_on(tmp_path: Path) -> None:
    model, features = lxmert(tmp_path), paired()
    module = build(features, pretrained=str(tmp_path))
    assert module.width == 16 and len(module.body.coattention) == 2
    theirs = model.encoder.x_layers[0].visual_attention.att.query.weight
    torch.testing.assert_close(module.body.coattention[0].image_reads.query.weight, theirs)
    module.loss(gather(features)).backward()
    assert module.body.coattention[0].image_reads.query.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("heads", 3),
        ("coattention_depth", 0),
        ("norm", "middle"),
        ("fusion", "sum"),
        ("negatives", "soft"),
        ("masked_objective", "words"),
        ("mask_rate", 1.0),
        ("candidates", -1),
        ("region_columns", 0),
    ],
)
def test_out_of_range_is_named_with_its_value(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{field} is .*{value}.*expected"):
        Config(**config(**{field: value}))
