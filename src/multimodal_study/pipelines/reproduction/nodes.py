"""Fit the published model and measure what the paper's table measures."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multimodal_study.contract import Features
    from multimodal_study.models.mvae import MVAE
    from multimodal_study.seeds import Arrays, Cell

logger = logging.getLogger(__name__)

PUBLISHED = {"log p(x1)": -232.535, "log p(x1,x2)": -233.007, "log p(x1|x2)": -230.695}
"""Wu & Goodman 2018, Table 2, FashionMNIST, MVAE; x1 the picture, x2 the label."""
TOLERANCE = 2.0
IDENTITY_TOLERANCE = 0.15
_ROWS = 100
_CHECKED = 500


def fit(
    parameters: dict[str, Any], trainer: dict[str, Any], reproduction: dict[str, Any], seed: int
) -> tuple[Arrays, dict[str, Any], Any, Any]:
    """Fit the model: weights, config, history, cost."""
    from multimodal_study.models.mvae import MVAE, Config
    from multimodal_study.pipelines.paradigms.cells import cell_config, fitted_outputs

    features = _features(reproduction, seed)
    config = cell_config((MVAE, Config), features, parameters, trainer, seed)
    return fitted_outputs(_cell(features, config), config)


def measure(
    weights: Arrays, config: dict[str, Any], reproduction: dict[str, Any], fit_cost: Any
) -> dict[str, Any]:
    """Likelihoods on the test pictures beside the published ones, as plain JSON values.

    Every log-likelihood is importance-sampled with ``K`` draws. ``log p(x1)`` and ``log p(x1,x2)``
    draw from ``q(z|x1)``, as the caption of the table says; ``log p(x1|x2)`` is the difference of
    ``log p(x1,x2)`` and of ``log p(x2)`` from ``q(z|x2)``, whose ten values get ``label_samples``
    draws each: few draws from so wide a proposal lie low. Labels are uniform, so that it must come
    out at ``log p(x1,x2) + ln 10``: a check of the estimator. Another: on the first rows
    ``q(z|x1,x2)`` must find the same ``log p(x1,x2)``. ``x1`` is scored by the cross-entropy of
    grey values, which is no likelihood: it compares with its like only.
    """
    import numpy as np
    from tqdm import tqdm

    from multimodal_study.seeds import rebuild_network

    features = _features(reproduction, config["seed"])
    cell = _cell(features, config)
    network: MVAE = rebuild_network(cell, weights, config["seed"])  # type: ignore[assignment]
    rows = features.rows("test")[: reproduction["test_rows"]]
    start = time.perf_counter()
    samples = int(reproduction["samples"])
    batches = tqdm(cell.batches(rows, _ROWS, None), total=-(-len(rows) // _ROWS), desc="likelihood")
    parts = [_likelihoods(network, batch, samples) for batch in batches]
    found = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    label = _label_likelihoods(network, cell, rows, int(reproduction["label_samples"]))
    found |= {"log p(x2)": label, "log p(x1|x2)": found["log p(x1,x2)"] - label}
    checked = rows[:_CHECKED]
    other = [_other_proposal(network, b, samples) for b in cell.batches(checked, _ROWS, None)]
    moved = np.concatenate(other) - found["log p(x1,x2)"][: len(checked)]
    means = {key: float(value.mean()) for key, value in found.items()}
    errors = {key: float(value.std(ddof=1) / math.sqrt(len(rows))) for key, value in found.items()}
    gap = means["log p(x1|x2)"] - means["log p(x1,x2)"] - math.log(10)
    return {
        "measured": means,
        "standard_error": errors,
        "published": PUBLISHED,
        "difference": {key: means[key] - value for key, value in PUBLISHED.items()},
        "within": {
            key: abs(means[key] - PUBLISHED[key]) <= TOLERANCE
            for key in ("log p(x1)", "log p(x1,x2)")
        },
        "identity_gap": gap,
        "identity_holds": abs(gap) <= IDENTITY_TOLERANCE,
        "other_proposal": {"rows": len(checked), "difference": float(moved.mean())},
        "samples": samples,
        "label_samples": int(reproduction["label_samples"]),
        "test_rows": len(rows),
        "seed": config["seed"],
        "epochs": int(fit_cost["epochs"].iloc[0]),
        "fit_seconds": float(fit_cost["fit_seconds"].iloc[0]),
        "measure_seconds": time.perf_counter() - start,
    }


def _likelihoods(network: MVAE, batch: Any, samples: int) -> dict[str, Any]:
    import torch

    from multimodal_study.models.mvae.shared_draws import log_likelihoods

    with torch.inference_mode():
        inputs, vae = network.views(batch), network.vae

        joint, image = log_likelihoods(
            vae,
            inputs,
            targets=[["image", "label"], ["image"]],
            proposal=["image"],
            samples=samples,
        )
        return {"log p(x1)": image.cpu().numpy(), "log p(x1,x2)": joint.cpu().numpy()}


def _label_likelihoods(network: MVAE, cell: Cell, rows: Any, samples: int) -> Any:
    """``log p(x2)`` of every row, nats ``[n]``: one estimate for each label."""
    import numpy as np
    import torch

    target = cell.features.examples["target"].to_numpy()[rows]
    _, first, inverse = np.unique(target, return_index=True, return_inverse=True)
    (batch,) = cell.batches(rows[first], len(first), None)
    with torch.inference_mode():
        inputs = network.views(batch)
        found = network.vae.log_likelihood(inputs, target=["label"], samples=samples)
    return found.cpu().numpy()[inverse]


def _other_proposal(network: MVAE, batch: Any, samples: int) -> Any:
    import torch

    with torch.inference_mode():
        joint = network.vae.log_likelihood(network.views(batch), samples=samples)
    return joint.cpu().numpy()


def _features(reproduction: dict[str, Any], seed: int) -> Features:
    from multimodal_study.pipelines.reproduction.fashion_mnist import read_features

    return read_features(reproduction["path"], int(reproduction["validation"]), seed)


def _cell(features: Features, config: dict[str, Any]) -> Cell:
    from multimodal_study.models.mvae import MVAE, Config
    from multimodal_study.seeds import cell_of
    from multimodal_study.training import TrainerConfig

    return cell_of(
        MVAE, Config(**config["parameters"]), TrainerConfig(**config["trainer"]), features
    )
