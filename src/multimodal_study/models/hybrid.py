"""The hybrid: a multimodal VAE whose z must also serve a task.

``loss = -ELBO(x) / D + lambda task(head(z), y)``, ``-ELBO = reconstruction + beta KL``, with
``lambda`` the study's ``model.lambda`` and ``D`` the numbers that an example has (``elbo_unit``).
At ``lambda`` 0 it is ``mvae`` to the last digit: the head then is a linear probe. As ``lambda``
grows it becomes a classifier with a stochastic bottleneck, and at infinity (``.inf``) the same
encoder without a decoder: the discriminative model to compare with. ``lambda`` scales the gradient
that the task sends into the VAE; the head itself learns the task at its own pace (under Adam, whose
steps do not depend on a gradient's scale, that is the same). The idea: Kingma et al. 2014 (M1+M2);
our deviation: one z, several modalities, any posterior of :mod:`multimodal_study.models.mvae`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from multimodal_study.contract import Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.models.config import check
from multimodal_study.models.mvae.config import Config as GenerativeConfig
from multimodal_study.models.mvae.objectives import Terms
from multimodal_study.models.mvae.paradigm import MVAE


@dataclass(frozen=True)
class Config(GenerativeConfig):
    """Parameters of the hybrid."""

    task_weight: float
    """``lambda``: weight of the task loss, the study's ``model.lambda``; infinite: the task alone,
    on the mean of z."""
    generative_epochs: int
    """Epochs in which the VAE learns alone; the task joins after them. 0: both from the start."""
    gradient_report: bool
    """Whether the history says how hard each term pulls at the encoders."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check("task_weight", self.task_weight, 0.0, math.inf)
        check("generative_epochs", self.generative_epochs, 0, 1_000_000)


class Hybrid(MVAE):
    """A multimodal VAE and a classifier or regressor on its z."""

    config: Config

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        self.norms: dict[str, float] = {}

    @property
    def task_weight(self) -> float:
        """``lambda``, or 0 while the VAE learns alone."""
        alone = self.progress < self.config.generative_epochs
        return 0.0 if alone else self.config.task_weight

    @property
    def final_task_weight(self) -> float:
        """``lambda``: the epoch is chosen by the loss itself."""
        return 0.0 if math.isinf(self.config.task_weight) else self.config.task_weight

    def loss(self, batch: Batch) -> Tensor:
        """``-ELBO / D + lambda task``; the task alone where ``lambda`` is infinite."""
        if not math.isinf(self.config.task_weight):
            return super().loss(batch)
        return self.output_loss(self(batch), batch.target, batch.scored)

    def validation_loss(self, batch: Batch) -> Tensor:
        """The same at full weights; it chooses the epoch."""
        loss = super().validation_loss(batch)
        return self.task_loss(batch) if math.isinf(self.config.task_weight) else loss

    def after_terms(self, terms: Terms, task: Tensor) -> None:
        """Measure the pull of each term at the encoders, once an epoch."""
        if not self.config.gradient_report or self.norms or not torch.is_grad_enabled():
            return
        unit = self.unit()
        explained = self.weights(annealed=True).total(terms.reconstruction).mean() / unit
        pressed = self.weights(annealed=True).beta * terms.divergence.mean() / unit
        self.norms = {
            "gradient_reconstruction": self._norm(explained),
            "gradient_divergence": self._norm(pressed),
            "gradient_task": self._norm(task),
        }

    def _norm(self, term: Tensor) -> float:
        encoders = [p for p in self.vae.coder.parameters() if p.requires_grad]
        if not term.requires_grad:
            return 0.0
        found = torch.autograd.grad(term, encoders, retain_graph=True, allow_unused=True)
        parts = [g.float().square().sum() for g in found if g is not None]
        return float(torch.stack(parts).sum().sqrt()) if parts else 0.0

    def report(self) -> dict[str, float]:
        """The VAE's terms, and the norms of their gradients at the encoders in this epoch."""
        found = {**super().report(), **self.norms}
        self.norms = {}
        return found
