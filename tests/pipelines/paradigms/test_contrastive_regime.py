"""The nodes of the contrastive regime, one after the other, as a cell runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny_clip
from multimodal_study.pipelines.paradigms import PARADIGMS, cell
from tiny_garments import SMALL, pairs, shipped

N = 24


def table() -> pd.DataFrame:
    return pd.DataFrame({"text": [f"shirt {'abcdefghijklmnopqrstuvwx'[row]}" for row in range(N)]})


@pytest.mark.parametrize("pretrained", [False, True])
def test_fit_and_predict_of_a_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretrained: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    features, trainer = (
        pairs(N),
        {
            "seeds": 2,
            "max_epochs": 2,
            "patience": 2,
            "batch_size": 8,
            "gradient_clip": 1.0,
            "precision": "32",
            "device": "cpu",
            "checkpoints": str(tmp_path / "checkpoints"),
        },
    )
    parameters: dict[str, Any] = {**shipped(), **SMALL}
    texts = table()
    if pretrained:
        from PIL import Image

        rng = np.random.default_rng(0)
        for row in range(N):
            noise = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / f"{row}.png")
        texts["image"] = [f"{row}.png" for row in range(N)]
        parameters |= {"mode": "full", "model": str(tiny_clip.save(tmp_path / "model"))}
    fit, predict, evaluate, _ = PARADIGMS["clip"]()
    files = {"root": str(tmp_path)}
    own = {"trainer": {"max_epochs": 2}}
    weights, config, history, cost = fit.func(
        features, texts, files, {**parameters, **own}, {"clip": {"weight_decay": 0.1}}, trainer, 5
    )
    assert config["parameters"]["weight_decay"] == 0.1
    assert set(history["seed"]) == {5, 6} and "stuck_at_chance" in cost
    predictions, embeddings, _ = predict.func(features, texts, files, weights, config)
    assert len(predictions) == 2 * N // 2
    for origin in ("image", "text"):
        np.testing.assert_allclose(
            np.linalg.norm(embeddings[f"6/{origin}"], axis=1), 1.0, rtol=1e-5
        )
    assert evaluate.name == "evaluate"


def test_the_cell_reads_the_dataset_and_writes_its_own() -> None:
    placed = cell("fashion", "clip")
    assert {"fashion.features", "fashion.table", "fashion.source_files"} <= placed.inputs()
    assert {"fashion.clip.embeddings", "fashion.clip.fit_cost"} <= placed.all_outputs()
