"""Cells fitted on two binary factors, one in the picture and one in the text, and then asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.models import early
from multimodal_study.pipelines.paradigms.cells import fit_cell, predict_cell
from multimodal_study.pipelines.perturbation.perturb import perturb

ROOT = Path(__file__).parents[3]
SHIPPED = yaml.safe_load((ROOT / "conf/base/parameters_perturbation.yml").read_text())
SETTINGS = {**SHIPPED["perturbation"], "interaction_items": 40}
EVALUATION = {"bootstrap": 200}
TRAINER = {
    "seeds": 2, "max_epochs": 12, "patience": 12, "batch_size": 32, "gradient_clip": 1.0,
    "precision": "32", "device": "cpu",
}  # fmt: skip


def pairs(rule, n=320):
    """Pictures and texts with one binary factor each; ``rule`` makes the label of both."""
    random = np.random.default_rng(1)
    factors = random.integers(0, 2, (n, 2))
    arrays = {}
    for place, name in enumerate(("image", "text")):
        values = random.normal(size=(n, 4)).astype(np.float32)
        values[:, 0] = 3.0 * factors[:, place] - 1.5 + 0.3 * values[:, 0]
        arrays[name] = values
    examples = pd.DataFrame(
        {
            "example_id": [f"e{i}" for i in range(n)],
            "item": np.arange(n),
            "split": np.where(np.arange(n) < n // 2, "train", "validation"),
            "target": rule(*factors.T),
            "cluster": [f"c{i}" for i in range(n)],
        }
    )
    examples.loc[examples.index >= 3 * n // 4, "split"] = "test"
    modalities = {
        name: Modality(name, "item", kind, 4, name, "normal", "test")
        for name, kind in (("image", "image"), ("text", "text"))
    }
    return Features(
        arrays,
        {name: np.ones(n, dtype=bool) for name in arrays},
        examples,
        modalities,
        Task("label", "binary", ("no", "yes"), "accuracy"),
    )


def asked(features, folder, module=early, network="EarlyFusion", **parameters):
    pair = (getattr(module, network), module.Config)
    name = module.__name__.rpartition(".")[2]
    shipped = yaml.safe_load((ROOT / f"conf/base/parameters_{name}.yml").read_text())[name]
    chosen = {**shipped, "embed_dim": 16, "dropout": 0.0, "learning_rate": 0.02}
    trainer = {**TRAINER, "checkpoints": str(folder)}
    chosen = {**chosen, **parameters}
    chosen.pop("trainer", None)
    weights, config, _, _ = fit_cell(pair, features, chosen, trainer, 0)
    table, costs = perturb(pair, features, weights, config, SETTINGS, 7)
    return table, config, predict_cell(pair, features, weights, config)[0], costs
