"""What every fusion network must do, for each kind of task and each way of fusing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from multimodal_study.data.batches import Batch, FeatureBatches
from multimodal_study.models import early, intermediate, late
from multimodal_study.models.base import FusionModule

COMMON: dict[str, Any] = {
    "embed_dim": 8,
    "dropout": 0.0,
    "words_dropout": 0.0,
    "modality_dropout": 0.0,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "class_weights": "none",
}
VARIANTS: dict[str, tuple[type[FusionModule], type[Any], dict[str, Any]]] = {
    "early": (early.EarlyFusion, early.Config, {"hidden": 1}),
    "early linear": (early.EarlyFusion, early.Config, {"hidden": 0}),
    **{
        f"late {combination}": (late.LateFusion, late.Config, {"combination": combination})
        for combination in ("concatenate", "average", "weights", "stacking")
    },
    **{
        f"intermediate {fusion} {depth}": (
            intermediate.IntermediateFusion,
            intermediate.Config,
            {"fusion": fusion, "depth": depth},
        )
        for fusion in ("gated", "film", "low_rank")
        for depth in (0, 2)
    },
}
KINDS = ("binary", "multiclass", "ordinal", "regression")


def build(variant: str, features: Any, **changes: Any) -> FusionModule:
    network, config, own = VARIANTS[variant]
    torch.manual_seed(0)
    module = network(config(**{**COMMON, **own, **changes}), features.modalities, features.task)
    module.start(list(FeatureBatches(features, features.rows("train"), 16)))
    return module


def batch_of(features: Any, n: int = 8) -> Batch:
    return FeatureBatches(features, features.rows("train"), n).gather(features.rows("train")[:n])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_shapes_and_probabilities(tiny_features: Any, variant: str, kind: str) -> None:
    features = tiny_features(kind)
    module = build(variant, features).eval()
    batch = batch_of(features)
    output = module.predict(batch)
    assert output.shape == (8, features.task.outputs)
    assert torch.isfinite(output).all()
    if kind != "regression":
        torch.testing.assert_close(output.sum(1), torch.ones(8))
    joint = module.joint(batch)
    assert joint.ndim == 2 and len(joint) == 8
    assert "missing_modality" in module.capabilities


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_every_modality_and_parameter(tiny_features: Any, variant: str) -> None:
    features = tiny_features()
    module = build(variant, features)
    # One step first: FiLM starts at zero, where the other modalities have no gradient yet.
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    module.loss(batch_of(features, 16)).backward()
    optimiser.step()
    batch = batch_of(features, 16)
    for value in batch.inputs.values():
        value.requires_grad_()
    module.loss(batch).backward()
    for name, value in batch.inputs.items():
        assert value.grad is not None and value.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_overfits_eight_rows(tiny_features: Any, variant: str, kind: str) -> None:
    features = tiny_features(kind)
    module = build(variant, features)
    batch = batch_of(features)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(250):
        optimiser.zero_grad()
        module.loss(batch).backward()
        optimiser.step()
    module.eval()
    module.finish([batch])
    output = module.predict(batch)
    if kind == "regression":
        assert (output[:, 0] - batch.target).abs().mean() < 0.2 * batch.target.std()
    else:
        assert (output.argmax(1) == batch.target).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_missing_modality_is_masked_not_read(tiny_features: Any, variant: str) -> None:
    features = tiny_features(missing="metadata")
    module = build(variant, features).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("placeholder"):
                parameter.uniform_(-1, 1)
    batch = batch_of(features)
    gone = ~batch.present["metadata"]
    assert gone.any() and not gone.all()
    before = module.predict(batch)
    batch.inputs["metadata"] = batch.inputs["metadata"] + 100.0
    after = module.predict(batch)
    torch.testing.assert_close(before[gone], after[gone])
    assert not torch.allclose(before[~gone], after[~gone])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_row_without_anything_still_gets_an_answer(tiny_features: Any, variant: str) -> None:
    features = tiny_features()
    module = build(variant, features).eval()
    batch = batch_of(features)
    for name in batch.present:
        batch.present[name] = torch.zeros(8, dtype=torch.bool)
    output = module.predict(batch)
    assert torch.isfinite(output).all()
    torch.testing.assert_close(output, output[:1].expand_as(output))


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_modality_is_enough(tiny_features: Any, variant: str) -> None:
    features = tiny_features().select(["text"])
    module = build(variant, features)
    module.loss(batch_of(features)).backward()
    module.eval()
    module.finish([batch_of(features)])
    assert module.predict(batch_of(features)).shape == (8, 2)


def test_modality_dropout_teaches_the_placeholder(tiny_features: Any) -> None:
    features = tiny_features()
    for rate, taught in ((0.0, False), (0.5, True)):
        module = build("early", features, modality_dropout=rate).train()
        module.loss(batch_of(features, 16)).backward()
        for name, parameter in module.named_parameters():
            if name.endswith("placeholder"):
                moved = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
                assert moved is taught, name


def test_dense_inputs_are_standardised_on_train_alone(tiny_features: Any) -> None:
    features = tiny_features(missing="metadata")
    rows = features.rows("train")
    index = features.examples["review"].to_numpy()[rows]
    kept = index[features.present["metadata"][index]]
    state = build("early", features).state_dict()
    expected = features.arrays["metadata"][kept].mean(0)
    found = state["encoders.encoders.metadata.project.mean"].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_balanced_weights_are_inverse_frequencies(tiny_features: Any) -> None:
    features = tiny_features("multiclass")
    module = build("early", features, class_weights="balanced")
    target = features.examples["target"].to_numpy()[features.rows("train")]
    counts = np.bincount(target, minlength=3)
    expected = len(target) / (3 * counts)
    np.testing.assert_allclose(module.get_buffer("loss_weights").numpy(), expected, rtol=1e-5)
    plain = build("early", features)
    assert (plain.get_buffer("loss_weights") == 1).all()


def test_vectors_do_not_decay(tiny_features: Any) -> None:
    module = build("early", tiny_features())
    matrices, vectors = module.parameter_groups()
    assert all(parameter.ndim > 1 for parameter in matrices["params"])
    assert vectors["weight_decay"] == 0.0
    total = len(matrices["params"]) + len(vectors["params"])
    assert total == len(list(module.parameters()))


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [
        (early.Config, "dropout", 1.0),
        (early.Config, "embed_dim", 0),
        (early.Config, "learning_rate", 0.0),
        (early.Config, "hidden", -1),
        (early.Config, "class_weights", "heavy"),
        (late.Config, "combination", "vote"),
        (late.Config, "branch_loss", -0.5),
        (intermediate.Config, "fusion", "tensor"),
        (intermediate.Config, "depth", 17),
        (intermediate.Config, "rank", 0),
    ],
)
def test_out_of_range_is_named_with_its_value(config: Any, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{field} is .*{value}.*expected"):
        config(**{**COMMON, field: value})


def test_nothing_to_learn_from_is_refused(tiny_features: Any) -> None:
    with pytest.raises(ValueError, match="no modality"):
        early.EarlyFusion(early.Config(**COMMON), {}, tiny_features().task)


def test_sparse_words_are_dense_words(tiny_features: Any) -> None:
    features = tiny_features()
    rows = features.rows("train")
    dense = FeatureBatches(features, rows, 16).gather(rows)
    sparse = FeatureBatches(features, rows, 16, sparse_words=True).gather(rows)
    module = build("early", features).eval()
    for batches in ([dense], [sparse]):
        module.encoders.start(batches)
        torch.testing.assert_close(module(dense), module(sparse))
    linear = module.encoders.encoders["words"].project
    expected = dense.inputs["words"] / linear.scale @ linear.weight + linear.bias
    torch.testing.assert_close(linear(dense.inputs["words"]), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_attributes_asked_by_one_task_have_a_softmax_each(
    tiny_features: Any, smoothing: float
) -> None:
    features = tiny_features("multiclass", n=20)
    asked = np.where(np.arange(20) % 2 == 0, "a", "b")
    task = replace(features.task, classes=tuple("uvwxy"), groups=tuple("aaabb"))
    examples = features.examples.assign(
        group=asked, undecided=0, target=np.where(asked == "a", 1, 4)
    )
    features = replace(features, task=task, examples=examples)
    module = build("early", features, label_smoothing=smoothing).eval()
    batch = FeatureBatches(features, np.arange(20), 20).gather(np.arange(20))
    logits = module(batch)
    loss = [
        torch.nn.functional.cross_entropy(
            logits[torch.tensor(asked == name)][:, columns],
            torch.full((10,), right),
            label_smoothing=smoothing,
        )
        for name, columns, right in (("a", slice(0, 3), 1), ("b", slice(3, 5), 1))
    ]
    torch.testing.assert_close(module.loss(batch), torch.stack(loss).mean())
    probabilities = module.predict(batch)
    assert (probabilities[torch.tensor(asked == "a"), 3:] == 0).all()
    torch.testing.assert_close(probabilities.sum(1), torch.ones(20))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_column_that_train_never_saw_vary_says_nothing(tiny_features: Any, variant: str) -> None:
    features = tiny_features("regression")
    train = features.examples["split"].to_numpy() == "train"
    known = np.zeros(len(train), dtype=bool)
    known[features.examples["review"].to_numpy()] = train
    metadata = features.arrays["metadata"].copy()
    metadata[known, 2] = 0.1
    calm = replace(features, arrays={**features.arrays, "metadata": metadata})
    wild = metadata.copy()
    wild[~known, 2] = 1000.0
    other = replace(calm, arrays={**calm.arrays, "metadata": wild})
    rows = features.rows("test")
    expected, found = (
        build(variant, one).eval()(FeatureBatches(one, rows, 16).gather(rows))
        for one in (calm, other)
    )
    torch.testing.assert_close(found, expected)


def test_a_stack_of_numbers_starts_at_their_mean(tiny_features: Any) -> None:
    features = tiny_features("regression")
    module = build("late stacking", features).eval()
    batch = batch_of(features)
    branches = module.branches(module.encoders(batch))
    torch.testing.assert_close(module(batch), branches.mean(1))
    place = list(features.modalities).index("metadata")
    batch.present["metadata"][:4] = False
    others = [m for m in range(branches.shape[1]) if m != place]
    torch.testing.assert_close(module(batch)[:4], branches[:4, others].mean(1))
