"""Floating-point operations of a prediction."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from multimodal_study.data.batches import Batch
from multimodal_study.models.base import FusionModule


def flops_per_example(network: FusionModule, batch: Batch) -> float:
    """Operations of ``predict`` on a batch, divided by its examples.

    Counted are matrix products, convolutions and attention, a multiplication and an addition as
    two; sums over a bag of words, norms and activations are not. Frozen encoders have run before
    and are no part of it. A network that reads a whole graph does so once per batch.
    """
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.predict(batch.to(network.device))
    return float(counter.get_total_flops()) / len(batch)
