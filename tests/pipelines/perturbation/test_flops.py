from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml
from asked_cells import ROOT, pairs

from multimodal_study.data.batches import FeatureBatches
from multimodal_study.models.early import Config, EarlyFusion
from multimodal_study.pipelines.perturbation.flops import flops_per_example


@pytest.mark.parametrize("rows", [1, 32])
def test_two_operations_per_weight_and_example(rows):
    features = pairs(lambda image, text: image)
    shipped = yaml.safe_load((ROOT / "conf/base/parameters_early.yml").read_text())["early"]
    config = Config(**{**shipped, "embed_dim": 8})
    network = EarlyFusion(config, features.modalities, features.task)
    batch = next(iter(FeatureBatches(features, np.arange(rows), rows)))
    products = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    weights = sum(layer.weight.numel() for layer in products)
    assert flops_per_example(network, batch) == 2 * weights


def test_the_node_counts_every_seed(of_image):
    _, _, _, costs = of_image
    assert costs["seed"].tolist() == [0, 1]
    assert costs["flops_per_example"].nunique() == 1
    assert costs["flops_per_example"][0] > 0
