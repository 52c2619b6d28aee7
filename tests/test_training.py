"""A fit depends on configuration, data and seed alone, interrupted or not."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multimodal_study import training
from multimodal_study.data.batches import FeatureBatches
from multimodal_study.models import early
from multimodal_study.training import Fitted, TrainerConfig, fit, predict

CONFIG = early.Config(
    embed_dim=8,
    dropout=0.3,
    words_dropout=0.2,
    modality_dropout=0.1,
    learning_rate=0.01,
    weight_decay=0.01,
    label_smoothing=0.0,
    class_weights="none",
)


def trainer(folder: Path, **changes: Any) -> TrainerConfig:
    values = {
        "seeds": 2,
        "max_epochs": 6,
        "patience": 6,
        "batch_size": 8,
        "gradient_clip": 1.0,
        "precision": "auto",
        "device": "cpu",
        "checkpoints": str(folder),
    }
    return TrainerConfig(**{**values, **changes})


def run(features: Any, folder: Path, seed: int = 1, **changes: Any) -> Fitted:
    folder.mkdir(parents=True, exist_ok=True)
    config = trainer(folder, **changes)
    return fit(
        lambda: early.EarlyFusion(CONFIG, features.modalities, features.task),
        FeatureBatches(features, features.rows("train"), 8, shuffle_seed=seed),
        FeatureBatches(features, features.rows("validation"), 64),
        trainer=config,
        seed=seed,
        folder=folder,
    )


def assert_same(a: Fitted, b: Fitted) -> None:
    assert a.history == b.history
    assert a.state.keys() == b.state.keys()
    for name, array in a.state.items():
        np.testing.assert_array_equal(array, b.state[name], err_msg=name)


def test_same_seed_same_weights_another_seed_others(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    first, again = run(features, tmp_path / "a"), run(features, tmp_path / "b")
    assert_same(first, again)
    other = run(features, tmp_path / "c", seed=2)
    assert not np.array_equal(first.state["head.weight"], other.state["head.weight"])


@pytest.mark.parametrize("killed_in", [1, 2, 4])
def test_resumed_equals_uninterrupted(
    tiny_features: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_in: int
) -> None:
    features = tiny_features()
    whole = run(features, tmp_path / "whole")
    steps = early.EarlyFusion.training_step
    seen: list[int] = []

    def killed(self: Any, batch: Any, index: int) -> Any:
        if self.current_epoch == killed_in and index == 2:
            raise KeyError("killed")
        return steps(self, batch, index)

    def counted(self: Any, batch: Any, index: int) -> Any:
        seen.append(self.current_epoch)
        return steps(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(early.EarlyFusion, "training_step", killed)
        with pytest.raises(KeyError):
            run(features, tmp_path / "cut")
    monkeypatch.setattr(early.EarlyFusion, "training_step", counted)
    resumed = run(features, tmp_path / "cut")
    assert min(seen) == killed_in
    assert_same(whole, resumed)


def test_threads_take_turns(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    alone = [run(features, tmp_path / f"alone{seed}", seed=seed) for seed in (1, 2)]
    results: dict[int, Fitted] = {}

    def work(seed: int) -> None:
        results[seed] = run(features, tmp_path / f"thread{seed}", seed=seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, expected in zip((1, 2), alone, strict=True):
        assert_same(expected, results[seed])


def test_best_epoch_is_restored(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    fitted = run(features, tmp_path, max_epochs=15, patience=3)
    losses = [row[training.MONITOR] for row in fitted.history]
    assert fitted.cost["best_epoch"] == int(np.argmin(losses))
    assert fitted.cost["epochs"] == len(losses)
    assert fitted.cost["peak_memory_mb"] > 10
    network = early.EarlyFusion.rebuild(
        CONFIG,
        features.modalities,
        features.task,
        {k: training.torch.from_numpy(v.copy()) for k, v in fitted.state.items()},
    )
    rows = features.rows("validation")
    output = predict(network, FeatureBatches(features, rows, 5))
    np.testing.assert_allclose(output.sum(1), 1, atol=1e-5)
    target = features.examples["target"].to_numpy()[rows]
    nll = -np.log(output[np.arange(len(rows)), target]).mean()
    assert nll == pytest.approx(min(losses), abs=1e-5)


def test_each_epoch_sees_its_own_order(
    tiny_features: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = tiny_features()
    steps = early.EarlyFusion.training_step
    seen: dict[int, list[int]] = {}

    def spy(self: Any, batch: Any, index: int) -> Any:
        seen.setdefault(self.current_epoch, []).extend(batch.rows.tolist())
        return steps(self, batch, index)

    monkeypatch.setattr(early.EarlyFusion, "training_step", spy)
    run(features, tmp_path, max_epochs=3)
    batches = FeatureBatches(features, features.rows("train"), 8, shuffle_seed=1)
    for epoch, rows in seen.items():
        batches.set_epoch(epoch)
        assert rows == [int(row) for batch in batches for row in batch.rows]
    assert seen[0] != seen[1] != seen[2]


@pytest.mark.parametrize(
    ("field", "value"),
    [("seeds", 0), ("patience", 0), ("precision", "8"), ("device", "tpu"), ("gradient_clip", -1)],
)
def test_out_of_range_is_named(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"trainer\.{field} is .*{value}"):
        trainer(tmp_path, **{field: value})
