"""What is explained: one number per example that a network says of it."""

from __future__ import annotations

import torch
from torch import Tensor

from multimodal_study.data.batches import Batch
from multimodal_study.interpretation.picture_path import Score
from multimodal_study.models.base import FusionModule


def log_odds(network: FusionModule, own: Tensor, against: Tensor) -> Score:
    """``log p(own) - log sum p(against)``: what tells a class from some others.

    Args:
        network: Of a task with classes.
        own: Class explained, int64 ``[b]``.
        against: The others, bool ``[b, c]``, at least one per row.
    """

    def score(batch: Batch) -> Tensor:
        logits: Tensor = network(batch)
        chosen = logits.gather(1, own[:, None])[:, 0]
        return chosen - logits.masked_fill(~against, -torch.inf).logsumexp(1)

    return score


def similarity(network: FusionModule, pair: tuple[str, str]) -> Score:
    """Cosine of the embeddings of two origins in the network's shared space."""

    def score(batch: Batch) -> Tensor:
        found = network.embed(batch)
        return torch.nn.functional.cosine_similarity(found[pair[0]], found[pair[1]])

    return score


def scrambled(network: FusionModule, fresh: FusionModule, seed: int) -> FusionModule:
    """The network without what it learnt, for the test of Adebayo et al. (2018).

    Args:
        network: A fitted one; it is left as it is.
        fresh: One of the same shape with parameters as drawn; it becomes the answer.
        seed: Of the shuffling.

    Returns:
        ``fresh`` with the moments of the inputs of ``network``; its tables, which are weights in
        closed form, with their entries shuffled.
    """
    generator = torch.Generator().manual_seed(seed)
    kept = dict(network.named_buffers())
    for name, buffer in fresh.named_buffers():
        value = kept[name]
        if value.ndim > 1:
            order = torch.randperm(value.numel(), generator=generator)
            value = value.flatten()[order].view_as(value)
        buffer.copy_(value)
    return fresh.eval().requires_grad_(requires_grad=False)


def target_log_odds(network: FusionModule) -> Score:
    """``log p / (1 - p)`` of the class that the batch has as its target, among the candidates."""

    def score(batch: Batch) -> Tensor:
        return own_log_odds(network(batch), batch.target, batch.candidates)

    return score


def own_log_odds(logits: Tensor, target: Tensor, candidates: Tensor | None = None) -> Tensor:
    """``log p / (1 - p)`` of the class ``target`` ``[b]``, from logits ``[b, c]``: ``[b]``.

    Args:
        logits: Of all classes.
        target: The class explained.
        candidates: Classes that come into question, bool ``[b, c]``; None: all.
    """
    own = torch.nn.functional.one_hot(target, logits.shape[1]).bool()
    others = ~own if candidates is None else ~own & candidates
    return logits[own] - logits.masked_fill(~others, -torch.inf).logsumexp(1)


def prediction(network: FusionModule) -> Score:
    """What a network of a regression predicts, in the unit of the target."""

    def score(batch: Batch) -> Tensor:
        return network.predict(batch)[:, 0]

    return score
