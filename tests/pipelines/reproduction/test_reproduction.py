"""The published protocol end to end, on pictures that are made up."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from multimodal_study.errors import InputError
from multimodal_study.pipelines.reproduction import nodes
from multimodal_study.pipelines.reproduction.fashion_mnist import read_features, read_idx

ROOT = Path(__file__).parents[3]


def write_idx(path: Path, array: np.ndarray[Any, Any]) -> None:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bar whose column is the class, 100 to learn from and 20 to measure."""
    path = tmp_path_factory.mktemp("fashion_mnist")
    rng = np.random.default_rng(0)
    for stem, n in (("train", 100), ("t10k", 20)):
        label = np.arange(n) % 10
        images = rng.integers(0, 40, (n, 28, 28))
        for row, column in enumerate(2 * label + 2):
            images[row, :, column : column + 2] = 255
        write_idx(path / f"{stem}-images-idx3-ubyte.gz", images)
        write_idx(path / f"{stem}-labels-idx1-ubyte.gz", label)
    return path


def test_the_files_become_two_modalities(folder: Path) -> None:
    features = read_features(str(folder), 20, 1)
    assert [len(features.rows(split)) for split in ("train", "validation", "test")] == [80, 20, 20]
    assert features.arrays["image"].shape == (120, 784)
    assert features.arrays["image"].max() == 1.0 and features.arrays["image"].min() >= 0.0
    assert (features.arrays["label"].argmax(1) == features.examples["target"]).all()
    other = read_features(str(folder), 20, 2)
    assert (features.examples["split"] != other.examples["split"]).any()


def test_broken_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing: install Debian's dataset-fashion-mnist"):
        read_idx(tmp_path / "nothing.gz")
    path = tmp_path / "short.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc"))
    with pytest.raises(InputError, match=r"short\.gz has type 8 and 3 values for the shape \(9,\)"):
        read_idx(path)
    path.write_bytes(b"not gzip")
    with pytest.raises(InputError, match="not a gzipped IDX file"):
        read_idx(path)
    with pytest.raises(InputError, match=r"reproduction\.validation is 100, expected 1 to 99"):
        read_features(str(folder), 100, 1)


def test_the_protocol_runs_and_states_what_it_measured(folder: Path, tmp_path: Path) -> None:
    def shipped(name: str) -> dict[str, Any]:
        values: dict[str, Any] = yaml.safe_load((ROOT / "conf" / name).read_text())
        return values

    protocol = shipped("reproduce/parameters.yml")
    small = {"latent_dim": 4, "hidden": 32, "picture_channels": 4, "annealing_epochs": 1}
    vae = {**shipped("base/parameters_mvae.yml")["mvae"], **protocol["mvae"], **small}
    # The recipe's number of epochs, not that of the study.
    assert protocol["mvae"]["trainer"]["max_epochs"] == protocol["trainer"]["patience"] == 25
    vae["trainer"] = {"max_epochs": 3}
    trainer = {
        **shipped("base/parameters.yml")["trainer"],
        **protocol["trainer"],
        **{"batch_size": 20, "checkpoints": str(tmp_path)},
    }
    reproduction = shipped("base/parameters_reproduction.yml")["reproduction"]
    own = {
        **reproduction,
        "path": str(folder),
        "validation": 20,
        "samples": 200,
        "label_samples": 2000,
    }
    weights, config, history, cost = nodes.fit(vae, trainer, own, 1)
    assert len(history) == 3 and any(name.endswith("convolve.0.weight") for name in weights)
    found = nodes.measure(weights, config, own, cost)
    means = found["measured"]
    assert means["log p(x1,x2)"] < means["log p(x1)"] < 0
    # Labels are uniform, and a VAE knows at least that after three epochs.
    assert means["log p(x2)"] == pytest.approx(-np.log(10), abs=0.3)
    assert means["log p(x1|x2)"] == pytest.approx(
        means["log p(x1,x2)"] - means["log p(x2)"], rel=1e-5
    )
    assert found["identity_gap"] == pytest.approx(-means["log p(x2)"] - np.log(10), abs=1e-3)
    assert found["other_proposal"]["rows"] == 20
    assert abs(found["other_proposal"]["difference"]) < 1.0
    assert (found["epochs"], found["samples"], found["test_rows"]) == (3, 200, 20)
    published = {"log p(x1)": -232.535, "log p(x1,x2)": -233.007, "log p(x1|x2)": -230.695}
    for key, value in published.items():
        assert found["difference"][key] == pytest.approx(means[key] - value)
        if key in found["within"]:
            assert found["within"][key] is (abs(means[key] - value) <= 2.0)
