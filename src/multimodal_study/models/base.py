"""What every trained paradigm answers, so that evaluation is written once."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn import functional as F

from multimodal_study.contract import VECTORS, Kind, Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.models.config import Optimisation

SCALED = "16-mixed"
"""Lightning's precision in which gradients are scaled: fused optimisers cannot be used."""
Capability = Literal["retrieval", "matching", "generation", "missing_modality", "attention"]
Parts = tuple[Tensor, ...]
"""What matching needs of one side of some examples: tensors with a row per example."""


def among(classes: Tensor | None, logits: Tensor) -> Tensor:
    """Logits ``[b, c]`` in which all but ``classes`` (bool ``[b, c]``; None: all) cannot win."""
    return logits if classes is None else logits.masked_fill(~classes, -torch.inf)


def _masked_cross_entropy(
    output: Tensor, target: Tensor, scored: Tensor, weight: Tensor, smoothing: float
) -> Tensor:
    """Cross-entropy among ``scored`` classes; smoothed mass goes to those alone."""
    log_p = among(scored, output).log_softmax(1)
    hit = log_p.gather(1, target[:, None])[:, 0]
    even = log_p.masked_fill(~scored, 0.0).sum(1) / scored.sum(1)
    own = weight[target]
    return -(own * ((1.0 - smoothing) * hit + smoothing * even)).sum() / own.sum()


class FusionModule(LightningModule):
    """Base of all trained paradigms: loss, optimiser, prediction.

    A subclass implements ``joint`` and ``forward`` (logits ``[b, c]``, or ``[b, 1]`` for a
    regression) and may override ``embed``. It predicts without a Trainer.
    """

    reads: ClassVar[frozenset[Kind]] = VECTORS
    """Kinds of modalities that the network takes; a cell leaves the others out."""
    nodes: ClassVar[tuple[str, ...]] = ()
    """Entities that are nodes of a graph, which the network reads as a whole (see
    ``data.graph_batches``); a cell leaves modalities of others out. Empty: no graph."""
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"missing_modality"})
    gains_by_bf16_on_cpu: ClassVar[bool] = False
    """Whether half precision pays on a CPU that has it: large matrix products only."""
    gains_by_threads: ClassVar[bool] = False
    """Whether more than one CPU thread pays: waking a second one costs more than a small matrix
    product takes."""

    def __init__(self, config: Optimisation, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__()
        if not modalities:
            raise ValueError("there is no modality to learn from")
        self.config = config
        self.modalities = modalities
        self.task = task
        self.register_buffer("loss_weights", torch.ones(task.outputs))

    def start(self, batches: list[Batch]) -> None:
        """See the training rows once before the first step: class weights, and what else needs it.

        Args:
            batches: All training rows, unshuffled.
        """
        if self.config.class_weights == "balanced" and self.task.classes:
            counts = torch.bincount(
                torch.cat([batch.target for batch in batches]), minlength=self.task.outputs
            )
            weights = counts.sum() / (self.task.outputs * counts.clamp_min(1))
            self.get_buffer("loss_weights").copy_(weights)

    def condense(self, batch: Batch) -> Batch:
        """What :meth:`start` needs of ``batch``; all training rows are in memory together there.

        A network that reads pixels puts in their place what it makes of them.
        """
        condense = getattr(getattr(self, "encoders", None), "condense", None)
        condensed: Batch = batch if condense is None else condense(batch)
        return condensed

    def finish(self, batches: list[Batch]) -> None:
        """See the validation rows once, after the best weights are back.

        Args:
            batches: All validation rows, unshuffled.
        """

    def findings(self) -> dict[str, Any]:
        """What the record of a fit must hold beside its cost: plain values by name."""
        return {}

    def joint(self, batch: Batch) -> Tensor:
        """The fused representation ``[b, d]`` that the head reads."""
        raise NotImplementedError

    def answer(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """``predict`` and ``joint`` of a batch; overridden where one pass can give both."""
        return self.predict(batch), self.joint(batch)

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Origin to ``[b, d]``: what each origin alone says, empty where a paradigm cannot tell.

        The origins share one space where the paradigm has the capability ``retrieval``; otherwise
        the evaluation maps one onto the other, by a map fitted on train, and says so.
        """
        return {}

    @classmethod
    def abilities(cls, config: Any) -> frozenset[Capability]:
        """The ``capabilities`` that are left with the parameters ``config``."""
        return cls.capabilities

    @property
    def match_candidates(self) -> int:
        """Items, best by embedding, that a query is matched with; 0: none."""
        return 0

    def sides(self, batch: Batch) -> dict[str, Parts]:
        """Origin to what :meth:`match` needs of it; empty without the capability ``matching``."""
        return {}

    def match(self, sides: dict[str, Parts]) -> Tensor:
        """How well two origins fit, row by row: ``[b]``, higher is better.

        Args:
            sides: What :meth:`sides` made of either origin, of the same or of other examples.
        """
        raise NotImplementedError

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of the batch, nats (or squared units for a regression)."""
        return self.output_loss(self(batch), batch.target, batch.scored)

    def output_loss(self, output: Tensor, target: Tensor, scored: Tensor | None = None) -> Tensor:
        """Mean loss of logits ``[b, c]`` (or predictions ``[b, 1]``) against ``target`` ``[b]``.

        Args:
            output: What :meth:`forward` returns.
            target: Class indices, or numbers for a regression.
            scored: Bool ``[b, c]``: classes that compete in the softmax; None: all.
        """
        if self.task.kind == "regression":
            return F.mse_loss(output[:, 0], target)
        weight, smoothing = self.get_buffer("loss_weights"), self.config.label_smoothing
        if scored is None:
            return F.cross_entropy(output, target, weight=weight, label_smoothing=smoothing)
        return _masked_cross_entropy(output, target, scored, weight, smoothing)

    def validation_loss(self, batch: Batch) -> Tensor:
        """What chooses the epoch: :meth:`plain_loss`, and what else a paradigm learns."""
        return self.plain_loss(self(batch), batch)

    def plain_loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Mean loss of what :meth:`forward` returns, unweighted and unsmoothed (nats)."""
        if self.task.kind == "regression":
            return F.mse_loss(output[:, 0].float(), batch.target)
        return F.cross_entropy(among(batch.scored, output.float()), batch.target)

    def report(self) -> dict[str, float]:
        """Numbers of the epoch that just ended, for its row in the history; most have none."""
        return {}

    def predict(self, batch: Batch) -> Tensor:
        """Probabilities ``[b, c]``, or predictions ``[b, 1]`` for a regression."""
        return self.probabilities(self(batch), batch)

    def probabilities(self, output: Tensor, batch: Batch) -> Tensor:
        """Logits as probabilities ``[b, c]`` among the candidates; a regression unchanged."""
        if self.task.kind == "regression":
            return output
        return among(batch.candidates, output.float()).softmax(1)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Lightning's step."""
        loss = self.loss(batch)
        self.log("train_loss", loss, on_epoch=True, on_step=False, batch_size=len(batch))
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW, then a cosine to zero over the planned steps."""
        optimiser = torch.optim.AdamW(
            self.parameter_groups(),
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            fused=self.trainer.precision != SCALED,
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the norm; Lightning itself refuses to beside a fused optimiser."""
        if self.trainer.precision == SCALED:
            # The gradients are still scaled here, and only Lightning knows by how much.
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        elif gradient_clip_val:
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val, foreach=True)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters for the optimiser: vectors (biases, norms, placeholders) do not decay.

        A part that has a ``learning_rate_factor`` learns at that multiple of the learning rate.
        """
        factors: dict[Tensor, float] = {}
        for part in self.modules():
            own = getattr(part, "learning_rate_factor", None)
            factors |= {} if own is None else dict.fromkeys(part.parameters(), own)
        groups: list[dict[str, Any]] = []
        for factor in dict.fromkeys([1.0, *factors.values()]):
            rate = {} if factor == 1.0 else {"lr": factor * self.config.learning_rate}
            same = [p for p in self.parameters() if factors.get(p, 1.0) == factor]
            matrices = [p for p in same if p.requires_grad and p.ndim > 1]
            vectors = [p for p in same if p.requires_grad and p.ndim <= 1]
            groups += [
                {"params": matrices, **rate},
                {"params": vectors, "weight_decay": 0.0, **rate},
            ]
        return groups

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Move a batch as Lightning asks."""
        return batch.to(device)

    @classmethod
    def rebuild(
        cls, config: Any, modalities: dict[str, Modality], task: Task, state: dict[str, Tensor]
    ) -> Self:
        """A module with saved weights, ready to predict."""
        module = cls(config, modalities, task)
        module.load_state_dict(state)
        return module.eval()
