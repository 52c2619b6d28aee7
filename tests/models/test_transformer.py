"""The trained layers on cached states are the whole encoder, and only they learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from multimodal_study.contract import Features
from multimodal_study.data.batches import Batch
from multimodal_study.data.ragged import SEQUENCE, RaggedBatches, ragged_factory
from multimodal_study.encoders.text_model import find_model
from multimodal_study.encoders.token_states import token_states
from multimodal_study.models.transformer import Config, Transformer
from multimodal_study.training import Fitted, TrainerConfig, fit, predict
from tiny_bert import TEXTS, save

KINDS = ("binary", "multiclass", "ordinal", "regression")
MODES = (0, 1, 2, -1)
Tiny = Callable[..., Features]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("bert"))


def config(folder: Path, **changes: Any) -> Config:
    values: dict[str, Any] = {
        "encoder": str(folder),
        "trained_layers": 1,
        "max_tokens": 16,
        "keep": "head",
        "fields": None,
        "pooling": "mean",
        "learning_rate": 3e-3,
        "layer_decay": 0.9,
        "head_learning_rate": 1e-2,
        "weight_decay": 0.01,
        "warmup": 0.1,
        "dropout": 0.0,
        "layer_dropout": 0.0,
        "averaging": 0.0,
        "label_smoothing": 0.0,
        "class_weights": "none",
    }
    return Config(**{**values, **changes})


def sequences(folder: Path, features: Features, trained: int) -> dict[str, np.ndarray[Any, Any]]:
    """A text per review that knows the target."""
    words = ["good", "tea", "not", "bad"]
    index = features.examples["review"].to_numpy()
    texts = [""] * len(index)
    for row, target in zip(index, features.examples["target"], strict=True):
        texts[row] = f"{words[min(int(target), 3)]} {TEXTS[row % len(TEXTS)]}"
    return token_states(
        texts, find_model(str(folder)), trained_layers=trained, max_tokens=16, bf16=False
    )


def build(folder: Path, features: Features, **changes: Any) -> tuple[Transformer, Batch]:
    chosen = config(folder, **changes)
    torch.manual_seed(0)
    module = Transformer(chosen, features.modalities, features.task)
    rows = features.rows("train")
    batches = RaggedBatches(
        features, sequences(folder, features, chosen.trained_layers), rows, len(rows)
    )
    module.start(list(batches))
    return module, batches.gather(rows[:8])


@pytest.mark.parametrize("trained", MODES)
def test_cached_states_and_top_layers_equal_the_whole_model(
    folder: Path, tiny_features: Tiny, trained: int
) -> None:
    features = tiny_features(n=6)
    states = token_states(
        TEXTS, find_model(str(folder)), trained_layers=trained, max_tokens=16, bf16=False
    )
    module = Transformer(
        config(folder, trained_layers=trained), features.modalities, features.task
    ).eval()
    batch = RaggedBatches(features, states, np.arange(6), 6).gather(np.arange(6))
    whole = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = [TEXTS[row] for row in features.examples["review"]]
    encoded = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.inference_mode():
        mask = encoded["attention_mask"][..., None]
        expected = (whole(**encoded).last_hidden_state * mask).sum(1) / mask.sum(1)
        found = module.joint(batch)
        module.train()
        in_training = module.joint(batch)
    # float16 in between, unless token ids were kept.
    tolerance = 1e-4 if trained < 0 else 4e-3
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)
    torch.testing.assert_close(in_training, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("trained", [1, 2])
def test_in_full_precision_the_split_is_exact(
    folder: Path, tiny_features: Tiny, trained: int
) -> None:
    features = tiny_features(n=6)
    whole = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(TEXTS, return_tensors="pt", padding=True)
    module = Transformer(
        config(folder, trained_layers=trained), features.modalities, features.task
    ).eval()
    with torch.inference_mode():
        hidden = whole(**encoded, output_hidden_states=True).hidden_states
        mask = encoded["attention_mask"]
        expected = (hidden[-1] * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        found = module.network(hidden[2 - trained], mask.sum(1))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "mean_max", "attention"])
def test_shapes_and_probabilities(
    folder: Path, tiny_features: Tiny, kind: str, pooling: str
) -> None:
    features = tiny_features(kind)
    module, batch = build(folder, features, pooling=pooling, layer_dropout=0.2, dropout=0.1)
    module.eval()
    output = module.predict(batch)
    assert output.shape == (8, features.task.outputs)
    if kind != "regression":
        torch.testing.assert_close(output.sum(1), torch.ones(8))
    assert module.joint(batch).shape == (8, 32 if pooling == "mean_max" else 16)
    assert module.embed(batch) == {}


@pytest.mark.parametrize("trained", MODES)
def test_gradients_reach_the_trained_layers_alone(
    folder: Path, tiny_features: Tiny, trained: int
) -> None:
    module, batch = build(folder, tiny_features(), trained_layers=trained, pooling="attention")
    if trained >= 0:
        batch.inputs[SEQUENCE] = batch.inputs[SEQUENCE].float().requires_grad_()
    module.loss(batch).backward()
    names = {name for name, value in module.named_parameters() if value.grad is not None}
    assert names == {name for name, _ in module.named_parameters()}
    layers = {name.split(".")[2] for name in names if name.startswith("network.layers.")}
    assert len(layers) == (2 if trained < 0 else trained)
    assert any("embeddings" in name for name in names) is (trained < 0)


def test_padding_and_company_do_not_matter(folder: Path, tiny_features: Tiny) -> None:
    features = tiny_features()
    module, _ = build(folder, features)
    module.eval()
    batches = RaggedBatches(features, sequences(folder, features, 1), features.rows("test"), 12)
    rows = features.rows("test")
    together = torch.cat([module.predict(batch) for batch in batches])
    alone = torch.cat([module.predict(batches.gather(rows[i : i + 1])) for i in range(len(rows))])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_overfits_eight_rows(folder: Path, tiny_features: Tiny, kind: str) -> None:
    module, batch = build(folder, tiny_features(kind), trained_layers=2)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        module.loss(batch).backward()
        optimiser.step()
    output = module.eval().predict(batch)
    if kind == "regression":
        assert (output[:, 0] - batch.target).abs().mean() < 0.4 * batch.target.std()
    else:
        assert (output.argmax(1) == batch.target).all()


def test_lower_layers_learn_slower_and_vectors_do_not_decay(
    folder: Path, tiny_features: Tiny
) -> None:
    module, _ = build(folder, tiny_features(), trained_layers=-1, layer_decay=0.5)
    groups = module.parameter_groups()
    assert sorted({group["lr"] for group in groups}) == [7.5e-4, 1.5e-3, 3e-3, 1e-2]
    assert sum(len(group["params"]) for group in groups) == len(list(module.parameters()))
    for group in groups:
        assert (group["weight_decay"] == 0.0) is all(p.ndim == 1 for p in group["params"])


def test_shared_dropout_drops_a_feature_of_all_tokens() -> None:
    from multimodal_study.models.layers import SharedDropout

    torch.manual_seed(0)
    dropped = SharedDropout(0.5)(torch.ones(4, 7, 50))
    assert (dropped == dropped[:, :1]).all()
    assert 0.3 < (dropped == 0).float().mean() < 0.7
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def run(folder: Path, features: Features, place: Path, seed: int = 1, **changes: Any) -> Fitted:
    place.mkdir(parents=True, exist_ok=True)
    chosen = config(folder, **{"dropout": 0.1, "averaging": 0.9, **changes})
    factory = ragged_factory(features, sequences(folder, features, chosen.trained_layers))
    trainer = TrainerConfig(
        seeds=1, max_epochs=4, patience=4, batch_size=8, gradient_clip=1.0,
        precision="32", device="cpu", checkpoints=str(place),
    )  # fmt: skip
    return fit(
        lambda: Transformer(chosen, features.modalities, features.task),
        factory(features.rows("train"), 8, seed),
        factory(features.rows("validation"), 64, None),
        trainer=trainer,
        seed=seed,
        folder=place,
    )


def assert_same(a: Fitted, b: Fitted) -> None:
    assert a.history == b.history
    assert a.state.keys() == b.state.keys()
    for name, array in a.state.items():
        np.testing.assert_array_equal(array, b.state[name], err_msg=name)


def test_same_seed_same_weights_and_only_what_predicts_is_kept(
    folder: Path, tiny_features: Tiny, tmp_path: Path
) -> None:
    features = tiny_features()
    first = run(folder, features, tmp_path / "a")
    assert_same(first, run(folder, features, tmp_path / "b"))
    other = run(folder, features, tmp_path / "c", seed=2)
    assert not np.array_equal(
        first.state["network.head.weight"], other.state["network.head.weight"]
    )
    assert not any(name.startswith("average") for name in first.state)
    state = {name: torch.from_numpy(array) for name, array in first.state.items()}
    module = Transformer.rebuild(config(folder), features.modalities, features.task, state)
    factory = ragged_factory(features, sequences(folder, features, 1))
    rows = features.rows("validation")
    found = predict(module, factory(rows, 64, None))
    target = features.examples["target"].to_numpy()[rows]
    loss = -np.log(found[np.arange(len(rows)), target]).mean()
    best = min(row["validation_loss"] for row in first.history)
    assert loss == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("killed_in", [1, 3])
def test_resumed_equals_uninterrupted(
    folder: Path,
    tiny_features: Tiny,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_in: int,
) -> None:
    features = tiny_features()
    whole = run(folder, features, tmp_path / "whole")
    step = Transformer.training_step

    def killed(self: Any, batch: Any, index: int) -> Any:
        if self.current_epoch == killed_in and index == 2:
            raise KeyError("killed")
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(Transformer, "training_step", killed)
        with pytest.raises(KeyError):
            run(folder, features, tmp_path / "cut")
    assert_same(whole, run(folder, features, tmp_path / "cut"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trained_layers", -2),
        ("max_tokens", 2),
        ("keep", "tail"),
        ("pooling", "max"),
        ("learning_rate", 0.0),
        ("head_learning_rate", 11.0),
        ("layer_decay", 0.0),
        ("weight_decay", -1.0),
        ("warmup", 1.5),
        ("dropout", 1.0),
        ("layer_dropout", -0.1),
        ("averaging", 1.0),
        ("label_smoothing", 1.0),
        ("class_weights", "heavy"),
    ],
)
def test_out_of_range_is_named_with_its_value(folder: Path, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is .*{value}.*expected"):
        config(folder, **{name: value})


def test_more_layers_than_there_are_is_refused(folder: Path, tiny_features: Tiny) -> None:
    features = tiny_features()
    with pytest.raises(ValueError, match="trained_layers is 3, expected -1 to 2"):
        Transformer(config(folder, trained_layers=3), features.modalities, features.task)
