"""A pretrained image network that learns with the rest."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.data.batches import FeatureBatches
from multimodal_study.encoders.image_model import load_efficientnet
from multimodal_study.models import early, image_network, intermediate, late
from multimodal_study.models.image_network import ImageNetwork, PixelsConfig, PixelsProjection
from multimodal_study.seeds import cell_of, fit_seeds, predict_seeds
from multimodal_study.training import TrainerConfig, fit

COMMON: dict[str, Any] = {
    "embed_dim": 8, "dropout": 0.0, "words_dropout": 0.0, "modality_dropout": 0.0,
    "learning_rate": 0.01, "weight_decay": 0.0, "label_smoothing": 0.0, "class_weights": "none",
    "pixels": {"learning_rate_factor": 0.1, "batch_norm": "frozen"},
}  # fmt: skip
FUSIONS = {
    "early": (early.EarlyFusion, early.Config),
    "late": (late.LateFusion, late.Config),
    "intermediate": (intermediate.IntermediateFusion, intermediate.Config),
}


def _features(n: int = 16, *, channels: int = 3, missing: bool = False) -> Features:
    """Pictures of noise, and a text that says nothing: the first half trains, in two classes."""
    rng = np.random.default_rng(0)
    split = np.array(["train", "validation", "test", "train"] * (n // 4), dtype=object)
    present = {name: np.ones(n, dtype=bool) for name in ("pixels", "text")}
    if missing:
        present["pixels"][::2] = False
    examples = pd.DataFrame(
        {
            "example_id": [str(row) for row in range(n)], "item": np.arange(n), "split": split,
            "target": np.arange(n) // 4 % 2, "cluster": np.arange(n),
        }
    )  # fmt: skip
    pixels = rng.integers(0, 256, (n, 32, 32, channels), dtype=np.uint8)
    modalities = {
        "pixels": Modality("pixels", "item", "pixels", channels, "image", "normal", "test"),
        "text": Modality("text", "item", "text", 4, "text", "normal", "test"),
    }
    arrays: dict[str, Any] = {"pixels": pixels, "text": np.zeros((n, 4), np.float32)}
    task = Task("kind", "multiclass", ("a", "b"), "accuracy")
    return Features(arrays, present, examples, modalities, task)


def _build(name: str, features: Features, **changes: Any) -> Any:
    network, config = FUSIONS[name]
    torch.manual_seed(0)
    return network(config(**{**COMMON, **changes}), features.modalities, features.task)


def _trainer(folder: Path, **changes: Any) -> TrainerConfig:
    values: dict[str, Any] = {
        "seeds": 1, "max_epochs": 2, "patience": 50, "batch_size": 8, "gradient_clip": 1.0,
        "precision": "32", "device": "cpu", "checkpoints": str(folder),
    }  # fmt: skip
    return TrainerConfig(**{**values, **changes})


@pytest.mark.parametrize("name", FUSIONS)
def test_gradients_reach_the_first_convolution(name: str) -> None:
    features = _features()
    module = _build(name, features)
    batches = list(FeatureBatches(features, features.rows("train"), 8))
    module.start(batches)
    module.train()
    module.loss(batches[0]).backward()
    network = module.encoders.encoders["pixels"].project.network.network
    assert float(network._conv_stem.weight.grad.abs().sum()) > 0
    unused = [n for n, p in network.named_parameters() if p.grad is None]
    assert unused == []


def test_eight_pictures_are_learnt_by_heart(tmp_path: Path) -> None:
    features = _features()
    train = features.rows("train")
    assert len(train) == 8

    def batches(size: int, seed: int | None) -> FeatureBatches:
        return FeatureBatches(features, train, size, shuffle_seed=seed)

    fitted = fit(
        lambda: _build("early", features, learning_rate=0.003), batches(8, 0), batches(8, None),
        trainer=_trainer(tmp_path, max_epochs=15), seed=0, folder=tmp_path,
    )  # fmt: skip
    losses = [row["validation_loss"] for row in fitted.history]
    assert losses[0] > 0.5 and min(losses) < 0.25
    stem = next(name for name in fitted.state if name.endswith("_conv_stem.weight"))
    before = load_efficientnet(None)._conv_stem.weight.detach().numpy()
    assert np.abs(fitted.state[stem] - before).max() > 1e-5


def test_weights_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    features = _features()
    config = early.Config(**COMMON)
    cell = cell_of(early.EarlyFusion, config, _trainer(tmp_path, max_epochs=1), features)
    weights, _, costs = fit_seeds(cell, 3)
    assert costs[0]["parameters"] < 3_500_000  # without the classifier of ImageNet
    save_file(weights, tmp_path / "w.safetensors")
    first, embeddings, _ = predict_seeds(cell, weights)
    again, _, _ = predict_seeds(cell, load_file(tmp_path / "w.safetensors"))
    pd.testing.assert_frame_equal(first, again)
    assert embeddings["3/image"].shape == (8, 8)
    # The configuration is stored as plain values, and rebuilds itself from them.
    assert early.Config(**asdict(config)) == config


def test_frozen_statistics_stay_and_others_move() -> None:
    pixels = torch.randint(0, 256, (8, 32, 32, 3), dtype=torch.uint8)
    frozen, moving = ImageNetwork(PixelsConfig()), ImageNetwork(PixelsConfig(batch_norm="batch"))
    expected = load_efficientnet(None)._bn0.running_mean
    for network in (frozen, moving):
        network.train()
        network(pixels)
    assert torch.equal(frozen.network._bn0.running_mean, expected)
    assert not torch.equal(moving.network._bn0.running_mean, expected)
    assert frozen.network._bn0.weight.requires_grad
    assert frozen.network._blocks[3].training  # only the norms are in evaluation mode


def test_the_network_is_the_frozen_encoder_before_it_learns() -> None:
    pixels = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    x = (pixels.float().permute(0, 3, 1, 2) - 127) / 128
    with torch.no_grad():
        expected = load_efficientnet(64).extract_features(x).mean((2, 3))
        made = ImageNetwork(PixelsConfig()).eval()(pixels)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


def test_many_pictures_learn_as_few_at_a_time_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.randint(0, 256, (7, 32, 32, 3), dtype=torch.uint8)

    def gradient(together: int) -> torch.Tensor:
        monkeypatch.setattr(image_network, "_TOGETHER", together)
        torch.manual_seed(0)
        network = ImageNetwork(PixelsConfig()).train()
        for part in network.modules():
            if hasattr(part, "_global_params"):  # skipped blocks are drawn per call
                part._global_params = part._global_params._replace(drop_connect_rate=None)
        network(pixels).square().mean().backward()
        found: torch.Tensor = network.network._conv_stem.weight.grad
        return found

    torch.testing.assert_close(gradient(3), gradient(7), atol=1e-4, rtol=1e-3)


def test_a_grey_picture_is_the_same_in_three_channels() -> None:
    network = ImageNetwork(PixelsConfig()).eval()
    grey = torch.randint(0, 256, (2, 28, 28, 1), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(network(grey), network(grey.expand(-1, -1, -1, 3)))
        assert network(grey[:0]).shape == (0, 1280)


def test_start_takes_moments_of_pooled_vectors(tmp_path: Path) -> None:
    features = _features(missing=True)
    raw, condensed = _build("early", features), _build("early", features)
    batches = list(FeatureBatches(features, features.rows("train"), 3))
    small = [condensed.condense(batch) for batch in batches]
    assert {batch.inputs["pixels"].shape[1:] for batch in small} == {(1280,)}
    assert batches[0].inputs["pixels"].shape[1:] == (32, 32, 3)
    raw.start(batches)
    condensed.start(small)
    one = raw.encoders.encoders["pixels"].project.project
    other = condensed.encoders.encoders["pixels"].project.project
    torch.testing.assert_close(one.mean, other.mean)
    with torch.no_grad():
        pooled = torch.cat([b.inputs["pixels"][b.present["pixels"]] for b in small])
    torch.testing.assert_close(other.mean, pooled.mean(0))
    # An entry that is constant at first must not be blown up when it starts to move.
    deviation = pooled.std(0, unbiased=False)
    assert float(deviation.min()) < float(other.scale.min()) / 10
    assert float(other.scale.min()) > 0.2 * float(deviation.square().mean().sqrt())


def test_a_missing_picture_says_nothing() -> None:
    features = _features(missing=True)
    module = _build("early", features).eval()
    batch = next(iter(FeatureBatches(features, features.rows("train"), 8)))
    changed = torch.where(
        batch.present["pixels"][:, None, None, None], batch.inputs["pixels"], 255
    ).to(torch.uint8)
    other = replace(batch, inputs={**batch.inputs, "pixels": changed})
    with torch.no_grad():
        torch.testing.assert_close(module.predict(batch), module.predict(other))


def test_the_image_network_has_a_rate_of_its_own() -> None:
    module = _build("late", _features())
    groups = module.parameter_groups()
    slow = [group for group in groups if group.get("lr") == pytest.approx(0.001)]
    project = module.encoders.encoders["pixels"].project
    inside = {id(parameter) for parameter in project.network.parameters()}
    assert {id(p) for group in slow for p in group["params"]} == inside
    together = [p for group in groups for p in group["params"]]
    assert len(together) == len({id(p) for p in together}) == len(list(module.parameters()))
    assert all(group["weight_decay"] == 0 for group in groups if group["params"][0].ndim == 1)


def test_pool_leaves_the_mode_alone() -> None:
    projection = PixelsProjection(4, 0.0, PixelsConfig()).train()
    projection.pool(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))
    assert projection.training and not projection.network.network._bn0.training


@pytest.mark.parametrize(
    "wrong", [{"learning_rate_factor": 0.0}, {"learning_rate_factor": 11.0}, {"batch_norm": "off"}]
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"pixels.{next(iter(wrong))}"):
        early.Config(**{**COMMON, "pixels": wrong})


def test_an_entry_that_does_not_vary_yet_can_vary_later() -> None:
    project = PixelsProjection(4, 0.0, PixelsConfig())
    pooled = torch.randn(20, 1280)
    pooled[:, 7] = 0.5
    project.start([pooled[:12], pooled[12:]])
    scale = project.project.get_buffer("scale")
    assert torch.isfinite(scale).all() and 0 < scale[7] < scale.median()
    np.testing.assert_allclose(scale[8], pooled[:, 8].std(unbiased=False), rtol=1e-4)
