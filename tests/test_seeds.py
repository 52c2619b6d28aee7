"""A cell's fits survive an interruption and end as if there had been none."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multimodal_study import seeds
from multimodal_study.models import early
from multimodal_study.seeds import cell_of, digest, fit_seeds, predict_seeds
from multimodal_study.side_by_side import side_by_side
from multimodal_study.training import TrainerConfig

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


def cell(features: Any, folder: Path, **changes: Any) -> seeds.Cell:
    trainer = TrainerConfig(
        **{
            "seeds": 3,
            "max_epochs": 3,
            "patience": 3,
            "batch_size": 8,
            "gradient_clip": 1.0,
            "precision": "auto",
            "device": "cpu",
            "checkpoints": str(folder),
            **changes,
        }
    )
    return cell_of(early.EarlyFusion, CONFIG, trainer, features)


def test_a_killed_cell_goes_on_and_repeats_no_finished_seed(
    tiny_features: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = tiny_features()
    whole, history, _ = fit_seeds(cell(features, tmp_path / "whole"), 1)
    assert {row["seed"] for row in history} == {1, 2, 3}
    fit, fitted = seeds.fit, []

    def killed(*arguments: Any, seed: int, **options: Any) -> Any:
        if seed == 2:
            raise KeyboardInterrupt
        return fit(*arguments, seed=seed, **options)

    monkeypatch.setattr(seeds, "fit", killed)
    with pytest.raises(KeyboardInterrupt):
        fit_seeds(cell(features, tmp_path / "cut"), 1)

    def counted(*arguments: Any, seed: int, **options: Any) -> Any:
        fitted.append(seed)
        return fit(*arguments, seed=seed, **options)

    monkeypatch.setattr(seeds, "fit", counted)
    resumed, again, _ = fit_seeds(cell(features, tmp_path / "cut"), 1)
    assert fitted == [2, 3]
    assert again == history
    for name, array in whole.items():
        np.testing.assert_array_equal(array, resumed[name], err_msg=name)
    assert list((tmp_path / "cut").iterdir()) == []


def test_the_key_of_a_fit_names_its_data_and_seed(tiny_features: Any, tmp_path: Path) -> None:
    one, other = tiny_features(), tiny_features(seed=5)
    assert cell(one, tmp_path).keys([1]) == cell(tiny_features(), tmp_path).keys([1])
    assert cell(one, tmp_path).keys([1])[1] != cell(one, tmp_path).keys([2])[2]
    assert cell(one, tmp_path).keys([1]) != cell(other, tmp_path).keys([1])
    changed = tiny_features()
    changed.arrays["words"].data[0] += 1
    assert digest(changed) != digest(one)


@pytest.mark.parametrize("kind", ["binary", "ordinal", "regression"])
def test_predictions_and_embeddings_of_every_seed(
    tiny_features: Any, tmp_path: Path, kind: str
) -> None:
    features = tiny_features(kind)
    made = cell(features, tmp_path)
    table, embeddings, seconds = predict_seeds(made, fit_seeds(made, 1)[0])
    rows = len(features.rows("validation")) + len(features.rows("test"))
    assert len(table) == 3 * rows
    assert set(seconds) == set(table["seed"]) == {1, 2, 3}
    assert embeddings["1/joint"].shape[0] == embeddings["rows"].shape[0] == rows
    if kind != "regression":
        columns = [name for name in table if name.startswith("p_")]
        np.testing.assert_allclose(table[columns].sum(axis=1), 1.0)
    assert ("expected" in table) == (kind == "ordinal")


def test_fits_side_by_side_change_no_number(tiny_features: Any, tmp_path: Path) -> None:
    features = tiny_features()
    weights, history, costs = fit_seeds(cell(features, tmp_path / "turns"), 1)
    together = cell(features, tmp_path / "together", processes=2)
    found, again, beside = fit_seeds(together, 1)
    assert again == history
    assert [row["seed"] for row in beside] == [row["seed"] for row in costs] == [1, 2, 3]
    for name, array in weights.items():
        np.testing.assert_array_equal(array, found[name], err_msg=name)
    assert list((tmp_path / "together").iterdir()) == []


def test_one_at_a_time_is_done_here_and_threads_may_ask() -> None:
    assert list(side_by_side(lambda part: (part, os.getpid()), [1, 2], 1)) == [
        (1, os.getpid()),
        (2, os.getpid()),
    ]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda k: list(side_by_side(lambda x: k * x, [1, 2, 3], 2)), [2, 3]))
    assert found == [[2, 4, 6], [3, 6, 9]]
    # Longer than a worker takes to see that its parent is gone.
    time.sleep(0.6)


def test_workers_end_with_the_run_that_started_them(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from multimodal_study.side_by_side import side_by_side\n"
        f"marks = Path({str(marks)!r})\n"
        "def work(part):\n"
        "    for _ in range(600):\n"
        "        with marks.open('a') as file:\n"
        "            file.write('.')\n"
        "        time.sleep(0.05)\n"
        "list(side_by_side(work, [1, 2], 2))\n"
    )
    run = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 120
    while not marks.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert marks.exists()
    run.kill()
    run.wait()
    time.sleep(1.5)
    size = marks.stat().st_size
    time.sleep(0.5)
    assert marks.stat().st_size == size
