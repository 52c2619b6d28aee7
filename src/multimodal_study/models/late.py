"""Late fusion: one complete sub-network per modality, combined at the end.

``l_m = head_m(E_m(x_m))`` for each modality, then by ``combination``:

- ``concatenate``: ``head([E_1(x_1); ...; E_m(x_m)])``, the sub-networks meet in the last layer only
- ``average``: mean of the ``l_m`` of the modalities that a row has (a product of experts)
- ``weights``: ``sum_m w_m l_m`` with ``w = softmax(a)`` learnt with the rest, times a learnt scale
- ``stacking``: the sub-networks are trained alone; afterwards the non-negative ``w_m`` of
  ``sum_m w_m l_m`` and one bias per class are fitted on the validation rows (Wolpert 1992),
  never on test

Every sub-network also has its own loss (weight ``branch_loss``), which keeps a strong modality from
starving the weak ones (Wang et al. 2020). A modality that a row lacks has no vote; where numbers
are stacked, the others share its weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.models.base import FusionModule
from multimodal_study.models.config import FusionConfig, check, check_choice
from multimodal_study.models.encoders import ModalityEncoders, by_origin
from multimodal_study.models.heads import make_head

Combination = Literal["concatenate", "average", "weights", "stacking"]


@dataclass(frozen=True)
class Config(FusionConfig):
    """Parameters of late fusion."""

    combination: Combination = "weights"
    branch_loss: float = 1.0
    """Weight of the mean loss of the sub-networks beside the loss of their combination."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(
            "combination", self.combination, ("concatenate", "average", "weights", "stacking")
        )
        check("branch_loss", self.branch_loss, 0.0, 100.0)


class LateFusion(FusionModule):
    """A vote of sub-networks."""

    config: Config

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        self.encoders = ModalityEncoders(config, modalities)
        self.heads = nn.ModuleDict({name: make_head(task, config.embed_dim) for name in modalities})
        self.vote = nn.Parameter(torch.full((len(modalities),), self._first_vote()))
        self.scale = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(task.outputs))
        together = config.embed_dim * len(modalities)
        self.head = make_head(task, together) if config.combination == "concatenate" else None

    def start(self, batches: list[Batch]) -> None:
        """Class weights, moments of the inputs, and the prior of every head."""
        super().start(batches)
        self.encoders.start(batches)
        target = torch.cat([batch.target for batch in batches])
        for head in [*self.heads.values(), *([self.head] if self.head else [])]:
            head.start(target)  # type: ignore[operator]

    def _first_vote(self) -> float:
        """So that, before they are fitted, numbers are averaged; logits are evidence and add up.

        Epochs are compared by what the combination says before ``finish``.
        """
        if self.task.kind == "regression":
            return math.log(math.expm1(1 / len(self.modalities)))
        return 0.0

    def joint(self, batch: Batch) -> Tensor:
        """The sub-networks' last layers side by side ``[b, m d]``."""
        return torch.cat(list(self.encoders(batch).values()), dim=1)

    def branches(self, encoded: dict[str, Tensor]) -> Tensor:
        """Every sub-network's own logits ``[b, m, c]``."""
        return torch.stack([self.heads[name](h) for name, h in encoded.items()], dim=1)

    def combine(self, encoded: dict[str, Tensor], logits: Tensor, present: Tensor) -> Tensor:
        """Fused logits ``[b, c]`` from the branches ``[b, m, c]`` and their masks ``[b, m]``."""
        if self.head is not None:
            fused: Tensor = self.head(torch.cat(list(encoded.values()), dim=1))
            return fused
        votes = present.to(logits.dtype)
        if self.config.combination == "stacking":
            weights = F.softplus(self.vote) * votes
            if self.task.kind == "regression":
                # Numbers do not add up: the others speak for what a row lacks.
                whole = F.softplus(self.vote).sum()
                weights = weights * whole / weights.sum(1, keepdim=True).clamp_min(1e-6)
            return (weights[..., None] * logits).sum(1) + self.bias
        if self.config.combination == "weights":
            votes = votes * self.vote.softmax(0) * len(self.vote)
        votes = votes / votes.sum(1, keepdim=True).clamp_min(1e-6)
        pooled = (votes[..., None] * logits).sum(1)
        free = self.config.combination == "weights" and self.task.kind != "regression"
        return pooled * self.scale.exp() if free else pooled

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Origin to the encodings of its modalities side by side ``[b, k d]``; no shared space."""
        return by_origin(self.encoders(batch), self.modalities)

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[b, c]``."""
        encoded = self.encoders(batch)
        return self.combine(encoded, self.branches(encoded), self._present(batch))

    def loss(self, batch: Batch) -> Tensor:
        """Loss of the combination plus ``branch_loss`` times the mean loss of the branches."""
        encoded = self.encoders(batch)
        logits = self.branches(encoded)
        alone = torch.stack(
            [
                self.output_loss(logits[:, m], batch.target, batch.scored)
                for m in range(logits.shape[1])
            ]
        ).mean()
        if self.config.combination == "stacking":
            return alone
        fused = self.combine(encoded, logits, self._present(batch))
        return self.output_loss(fused, batch.target, batch.scored) + self.config.branch_loss * alone

    def finish(self, batches: list[Batch]) -> None:
        """Fit the stacking weights on the validation ``batches``; other combinations have none."""
        if self.config.combination != "stacking":
            return
        with torch.no_grad():
            encoded = [self.encoders(batch) for batch in batches]
            logits = torch.cat([self.branches(item) for item in encoded])
            present = torch.cat([self._present(batch) for batch in batches])
        target = torch.cat([batch.target for batch in batches])
        masks = [batch.scored for batch in batches if batch.scored is not None]
        scored = torch.cat(masks) if masks else None
        optimiser = torch.optim.LBFGS([self.vote, self.bias], line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = self.output_loss(self.combine({}, logits, present), target, scored)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        for _ in range(5):
            optimiser.step(closure)  # type: ignore[no-untyped-call]

    def _present(self, batch: Batch) -> Tensor:
        present = torch.stack([batch.present[name] for name in self.modalities], dim=1)
        # A row that lacks everything still gets an answer: every placeholder votes.
        return present | ~present.any(1, keepdim=True)
