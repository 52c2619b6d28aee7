"""The multimodal VAE as a paradigm: learn to explain all modalities, then read z.

``loss = -ELBO(x) / D``, with ``D`` the numbers that an example has (``elbo_unit``), so that losses
are nats per number on every dataset. Predictions come from a linear head on the mean of ``q(z|x)``.
The head learns beside the VAE, on a z through which no gradient flows back, so that it is a probe:
it changes nothing that it reads. The epoch is chosen by the validation ELBO alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from multimodal_study.contract import VECTORS, Kind, Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.models.base import Capability, FusionModule
from multimodal_study.models.heads import make_head
from multimodal_study.models.mvae.build import Views, build
from multimodal_study.models.mvae.coder import Code
from multimodal_study.models.mvae.config import Config
from multimodal_study.models.mvae.model import MultimodalVAE, Objective
from multimodal_study.models.mvae.objectives import Terms, Weights


class MVAE(FusionModule):
    """A multimodal VAE with a linear probe on z."""

    reads: ClassVar[frozenset[Kind]] = VECTORS - {"pixels"}
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {"retrieval", "generation", "missing_modality"}
    )
    config: Config

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        self.views = Views(config, modalities)
        self.vae: MultimodalVAE = build(config, modalities)
        self.head = make_head(task, config.latent_dim)
        self.register_buffer("sizes", torch.ones(len(modalities)))
        self.progress = 0.0
        self.seen: dict[str, float] = {}

    @property
    def task_weight(self) -> float:
        """Weight of the task's gradient into the VAE: none, here the head is a probe."""
        return 0.0

    def start(self, batches: list[Batch]) -> None:
        """Class weights, moments and sizes of the modalities, and where decoders and head begin."""
        super().start(batches)
        sizes = self.views.start(batches, self.vae)
        self.get_buffer("sizes").copy_(torch.tensor(sizes))
        self.head.start(torch.cat([batch.target for batch in batches]))

    # What the VAE sees

    def code(self, batch: Batch) -> Code:
        """Every modality encoded once."""
        # On a CPU it costs nothing to see that a mask hides nothing; a GPU would have to wait.
        masks = {
            name: mask
            for name, mask in batch.present.items()
            if mask.device.type != "cpu" or not bool(mask.all())
        }
        found: Code = self.vae.coder(self.views(batch), masks)
        return found

    def joint(self, batch: Batch) -> Tensor:
        """The mean of ``q(z|x)`` given all that a row has, ``[b, z]``."""
        return self.vae.coder.mixture(self.code(batch)).expectation()

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Origin to the mean of ``q(z|x)`` given its modalities alone, ``[b, z]``."""
        code = self.code(batch)
        names = self.vae.names
        origins = dict.fromkeys(self.modalities[name].origin for name in names)
        found = {}
        for origin in origins:
            own = [self.modalities[name].origin == origin for name in names]
            mask = torch.tensor(own, device=code.present.device)[:, None]
            alone = replace(code, present=code.present & mask, complete=False)
            found[origin] = self.vae.coder.mixture(alone).expectation()
        return found

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[b, c]``, or predictions ``[b, 1]`` for a regression."""
        logits: Tensor = self.head(self.joint(batch))
        return logits

    def answer(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """``predict`` and ``joint`` with one pass through the encoders."""
        z = self.joint(batch)
        return self.probabilities(self.head(z), batch), z

    # What it learns

    def weights(self, *, annealed: bool) -> Weights:
        """Weights of the ELBO's terms, at this point of training or at its end."""
        config = self.config
        rise = config.annealing_epochs
        ramp = min(1.0, self.progress / rise) if annealed and rise > 0 else 1.0
        bits = config.free_bits if annealed else 0.0
        return Weights(config.beta * ramp, self.likelihood_weights(), bits)

    def likelihood_weights(self) -> dict[str, float]:
        """Weight of each modality's log-likelihood; 1 where nothing scales it."""
        sizes = self.get_buffer("sizes").tolist()
        weight = {name: self.config.likelihood_weights.get(name, 1.0) for name in self.vae.names}
        if self.config.likelihood_scaling == "size":
            largest = max(sizes)
            pairs = zip(self.vae.names, sizes, strict=True)
            weight = {name: weight[name] * largest / size for name, size in pairs}
        return weight

    def unit(self) -> float:
        """What an ELBO is divided by: weighted numbers per example, or 1."""
        if self.config.elbo_unit == "example":
            return 1.0
        pairs = zip(
            self.likelihood_weights().values(), self.get_buffer("sizes").tolist(), strict=True
        )
        return max(float(sum(weight * size for weight, size in pairs)), 1.0)

    def loss(self, batch: Batch) -> Tensor:
        """``-ELBO / D + lambda task``; the head's own gradient is the task's, whatever lambda is.

        Scaling only the gradient that goes back through z lets the head learn at its own pace;
        at lambda 0 it is a linear probe.
        """
        config = self.config
        code = self.code(batch)
        terms = self.vae.objective_of(
            code,
            Objective(
                self.weights(annealed=True),
                config.subsets,
                config.estimator,
                config.samples,
                config.pooled,
                config.one_component,
                config.alpha,
            ),
        )
        generative = -terms.objective.mean() / self.unit()
        task = self.output_loss(self.head(self._task_latent(code)), batch.target, batch.scored)
        self.after_terms(terms, task)
        weight = self.task_weight
        # The value is that of the loss; the gradient of the head is not scaled.
        return generative + weight * task.detach() + (task - task.detach())

    def after_terms(self, terms: Terms, task: Tensor) -> None:
        """Called with the terms of a training loss before its gradient is taken."""

    def _task_latent(self, code: Code) -> Tensor:
        """Z for the head, ``[b, z]``, through which the task's gradient flows ``lambda`` times."""
        posterior = self.vae.coder.mixture(code)
        sampled = self.config.latent == "sample"
        z = posterior.sample(1)[0] if sampled else posterior.expectation()
        still = z.detach()
        return still if self.task_weight == 0 else still + self.task_weight * (z - still)

    def validation_loss(self, batch: Batch) -> Tensor:
        """``-ELBO / D`` (``+ lambda task``) at full weights, with the same noise every epoch."""
        code = self.code(batch)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(batch.rows[0]))
            terms = self.vae.elbo_of(code, self.weights(annealed=False))
        loss = -terms.objective.mean() / self.unit()
        task = self.task_loss(batch)
        self._see(terms, task, len(batch))
        return loss + self.final_task_weight * task if self.final_task_weight else loss

    def task_loss(self, batch: Batch) -> Tensor:
        """The task's plain loss, unweighted and unsmoothed."""
        return super().validation_loss(batch)

    @property
    def final_task_weight(self) -> float:
        """Weight of the task in what chooses the epoch."""
        return 0.0

    def _see(self, terms: Terms, task: Tensor, rows: int) -> None:
        elbo = sum(terms.reconstruction.values()) - terms.divergence
        values = {
            "elbo": elbo,
            "divergence": terms.divergence,
            **{f"reconstruction_{name}": v for name, v in terms.reconstruction.items()},
        }
        means = {name: float(value.detach().mean()) for name, value in values.items()}
        means["task"] = float(task.detach())
        for name, value in {**means, "rows": 1.0}.items():
            self.seen[name] = self.seen.get(name, 0.0) + rows * value

    def report(self) -> dict[str, float]:
        """Terms on validation since the last report: nats per example, unweighted."""
        rows = self.seen.pop("rows", 1.0)
        found = {f"validation_{name}": value / rows for name, value in self.seen.items()}
        self.seen = {}
        return found

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Lightning's step, with the place in training that annealing needs."""
        total = max(int(self.trainer.num_training_batches), 1)
        self.progress = self.current_epoch + index / total
        return super().training_step(batch, index)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """As every network's; the head has a rate of its own."""
        head = {id(p) for p in self.head.parameters()}
        groups = [
            {**group, "params": [p for p in group["params"] if id(p) not in head]}
            for group in super().parameter_groups()
        ]
        rate = self.config.head_learning_rate
        return [*groups, {"params": list(self.head.parameters()), "lr": rate, "weight_decay": 0.0}]

    # What it can generate

    @torch.no_grad()
    def generate(
        self,
        target: list[str],
        batch: Batch,
        given: list[str],
        *,
        samples: int = 1,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Each ``target`` modality from the ``given`` ones, in the units of the inputs.

        Returns:
            Expected ``x``, ``[k, b, width]`` by modality; for words, proportions.
        """
        inputs: Mapping[str, Tensor] = self.views(batch)
        known = {name: inputs[name] for name in self.vae.coder.check(given)}
        found = self.vae.generate(
            target, known, batch.present, samples=samples, generator=generator
        )
        return self.views.back(found)
