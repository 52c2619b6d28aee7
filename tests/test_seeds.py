"""Cells of several seeds: finished seeds are not repeated, saved weights predict the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multimodal_study import seeds
from multimodal_study.models import early
from multimodal_study.seeds import Cell, cell_of, digest, fit_seeds, predict_seeds
from multimodal_study.training import TrainerConfig

PARAMETERS: dict[str, Any] = {
    "embed_dim": 8,
    "dropout": 0.2,
    "words_dropout": 0.1,
    "modality_dropout": 0.1,
    "learning_rate": 0.01,
    "weight_decay": 0.01,
    "label_smoothing": 0.0,
    "class_weights": "none",
}


def cell(features: Any, folder: Path, **changes: Any) -> Cell:
    trainer = TrainerConfig(
        seeds=3,
        max_epochs=3,
        patience=3,
        batch_size=16,
        gradient_clip=1.0,
        precision="32",
        device="cpu",
        checkpoints=str(folder),
    )
    config = early.Config(**{**PARAMETERS, **changes})
    return cell_of(early.EarlyFusion, config, trainer, features)


def test_a_kill_in_the_second_seed_keeps_the_first(
    tiny_features: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = tiny_features()
    whole = fit_seeds(cell(features, tmp_path / "whole"), 5)
    real, fitted = seeds.fit, []

    def killed(*args: Any, seed: int, **rest: Any) -> Any:
        if seed == 6 and 6 not in fitted:
            fitted.append(seed)
            raise KeyError("killed")
        fitted.append(seed)
        return real(*args, seed=seed, **rest)

    monkeypatch.setattr(seeds, "fit", killed)
    cut = cell(features, tmp_path / "cut")
    with pytest.raises(KeyError):
        fit_seeds(cut, 5)
    resumed = fit_seeds(cut, 5)
    assert fitted == [5, 6, 6, 7]
    assert resumed[1] == whole[1]
    assert resumed[0].keys() == whole[0].keys()
    for name, array in whole[0].items():
        np.testing.assert_array_equal(array, resumed[0][name])
    assert not any((tmp_path / "cut").iterdir())


def test_predictions_of_every_seed(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features(missing="metadata")
    here = cell(features, tmp_path)
    weights, history, costs = fit_seeds(here, 5)
    assert {name.split("/")[0] for name in weights} == {"5", "6", "7"}
    assert pd.DataFrame(history).groupby("seed").size().to_dict() == {5: 3, 6: 3, 7: 3}
    assert [row["seed"] for row in costs] == [5, 6, 7]
    table, embeddings, seconds = predict_seeds(here, weights)
    assert len(table) == 3 * len(embeddings["rows"])
    assert not table.duplicated(["example_id", "seed"]).any()
    np.testing.assert_allclose(table["p_0"] + table["p_1"], 1.0)
    truth = features.examples.set_index("example_id")["target"]
    assert (table["target"].to_numpy() == truth[table["example_id"]].to_numpy()).all()
    assert embeddings["joint"].shape == (len(embeddings["rows"]), 8)
    assert set(seconds) == {5, 6, 7}


def test_key_and_digest_see_every_change(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    base = cell(features, tmp_path)
    keys = {base.key(1), base.key(2), cell(features, tmp_path, dropout=0.3).key(1)}
    assert len(keys) == 3
    digests = {digest(features)}
    for name in features.arrays:
        other = tiny_features()
        other.arrays[name][0, 0] += 1
        digests.add(digest(other))
    other = tiny_features()
    other.examples.loc[0, "target"] = 1 - other.examples.loc[0, "target"]
    digests.add(digest(other))
    other = tiny_features()
    other.present["text"][0] = False
    digests.add(digest(other))
    assert len(digests) == 6
    assert digest(tiny_features()) == digest(features)
