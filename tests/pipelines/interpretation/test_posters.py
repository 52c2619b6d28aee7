"""What on a picture raises a predicted number: pictures whose brightness is the number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.encoders.image import ImageEncoder
from multimodal_study.pipelines.interpretation.networks import Fitted
from multimodal_study.pipelines.interpretation.posters import TESTS, explain_posters
from multimodal_study.pipelines.paradigms import NETWORKS
from multimodal_study.pipelines.paradigms.cells import fit_cell

N, SIZE = 120, 64
ENCODER = {
    "model": "efficientnet-lite0", "size": SIZE, "crop": "squash", "backend": "torch",
    "threads": 1, "trainable": False,
}  # fmt: skip
EXPLAIN = {
    "layer": "grid", "examples": 9, "margin": 0.067, "random_maps": 1, "tested": 20, "steps": 8,
    "sheet_rows": 2,
}  # fmt: skip
EVALUATION = {"bootstrap": 200, "seed": 3}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Features, pd.DataFrame, Fitted]:
    """Plain pictures; a checked quarter of the picture, somewhere, is worth three stars."""
    folder: Path = tmp_path_factory.mktemp("posters")
    rng = np.random.default_rng(0)
    checked = (np.indices((SIZE // 2, SIZE // 2)).sum(0) // 8 % 2 * 255).astype(np.uint8)
    pictures = np.zeros((N, SIZE, SIZE, 3), dtype=np.uint8)
    pictures[:] = rng.integers(90, 160, (N, 1, 1, 3))
    worth = rng.random(N) < 0.5
    for one in np.flatnonzero(worth):
        top, left = SIZE // 2 * rng.integers(0, 2, 2)
        pictures[one, top : top + SIZE // 2, left : left + SIZE // 2] = checked[..., None]
    paths = [folder / f"{one}.png" for one in range(N)]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path)
    encoder = ImageEncoder("efficientnet-lite0", size=SIZE, crop="squash", backend="torch")
    vectors = encoder.encode(pictures).pooled
    examples = pd.DataFrame(
        {
            "example_id": [str(row) for row in range(N)],
            "movie": np.arange(N),
            "split": np.repeat(["train", "validation", "test"], [N - 60, 30, 30]),
            "target": np.where(worth, 4.5, 1.5),
            "cluster": [str(row) for row in range(N)],
        }
    )
    width = vectors.shape[1]
    features = Features(
        {"image": vectors},
        {"image": np.ones(N, dtype=bool)},
        examples,
        {"image": Modality("image", "movie", "image", width, "image", "normal", "test")},
        Task("rating", "regression", (), "rmse"),
    )
    table = pd.DataFrame(
        {"poster": [str(path) for path in paths], "title": [f"<{n}>" for n in range(N)]}
    )
    parameters = {
        "hidden": 0, "embed_dim": 8, "dropout": 0.0, "words_dropout": 0.0, "modality_dropout": 0.0,
        "learning_rate": 0.003, "weight_decay": 0.1, "label_smoothing": 0.0,
        "class_weights": "none",
    }  # fmt: skip
    trainer = {
        "seeds": 1, "max_epochs": 15, "patience": 15, "batch_size": 16, "gradient_clip": 1.0,
        "precision": "32", "device": "cpu", "checkpoints": str(folder / "fits"),
    }  # fmt: skip
    weights, config, _, _ = fit_cell(NETWORKS["early"](), features, parameters, trainer, 1)
    return features, table, Fitted(NETWORKS["early"], weights, config, features)


def asked(world: Any, **encoder: Any) -> tuple[pd.DataFrame, Any]:
    features, table, fitted = world
    chosen = {**ENCODER, **encoder}
    return explain_posters(features, table, {"early": fitted}, chosen, EXPLAIN, EVALUATION)


def test_maps_are_drawn_and_tested_in_the_unit_of_the_prediction(world: Any) -> None:
    tests, sheet = asked(world)
    assert list(tests.columns) == TESTS
    assert tests["explainer"].tolist() == ["grad_cam", "grad_cam_plus_plus"]
    assert tests["examples"].eq(20).all() and tests["seed"].eq(1).all()
    assert tests["picture_moves"].iloc[0] > 0.5  # stars: the picture is all that there is
    assert tests[["deletion", "insertion"]].stack().between(1.0, 5.0).all()
    for row in tests.to_dict("records"):
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]
        apart = row["gain_low"] > 0 or row["gain_high"] < 0
        assert row["verdict"].startswith("not measurably") == (not apart)
    assert len(sheet.axes) == EXPLAIN["sheet_rows"] * 3
    assert "given 4.5" in str([text.get_text() for axes in sheet.axes for text in axes.texts])


def test_the_same_pictures_are_asked_about_every_time(world: Any) -> None:
    pd.testing.assert_frame_equal(asked(world)[0], asked(world)[0])


def test_what_cannot_be_looked_through_is_said(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tests, _ = asked(world, model="some/other")
    assert tests.empty
    assert "posters are not explained: only the frozen" in caplog.text
