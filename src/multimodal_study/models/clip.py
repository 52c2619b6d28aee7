"""Dual tower: pictures and texts in one space, aligned by contrast (Radford et al. 2021).

``L = mean over members of (InfoNCE or sigmoid loss)(a, b) + probe``, see ``models/contrastive.py``

``a`` and ``b`` are embeddings of length 1 of the two origins of ``features.pair``. What learns, by
``clip.mode``, and where class probabilities come from:

- ``heads``: towers over frozen features (or over a frozen CLIP's embeddings); a linear probe
- ``linear_probe``: nothing but the probe and the temperature, on a frozen CLIP's embeddings
- ``zero_shot``: the towers of ``heads`` (with a frozen CLIP: the temperature alone), from pairs;
  classes by the cosine of the picture and prompts that name the class, no label is learnt from
- ``full``: all of a ``CLIPModel``, from pixels and token ids; a linear probe

Beside the ``members`` that learn by steps stands a linear one in closed form (``canonical.py``)
with the share ``linear_weight``: the embedding of a side is that of all of them, each times the
root of its share, so that cosines are weighted means of theirs. This ensemble is our deviation.

The probe learns in the same steps on detached embeddings of both sides: labels never move the
space. The epoch is chosen by the contrastive loss on validation; where no space learns
(``linear_probe``), by the task's. Pairs that lack a side are left out of the contrastive loss.
Modalities of other origins than the pair's are not read.
"""

from __future__ import annotations

import copy
import logging
import math
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import SEQUENCES, VECTORS, Kind, Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.errors import InputError
from multimodal_study.models import contrastive
from multimodal_study.models.base import Capability, FusionModule
from multimodal_study.models.canonical import complete
from multimodal_study.models.clip_bodies import Pretrained, Sides, make_body, sides_of
from multimodal_study.models.clip_config import Config
from multimodal_study.models.clip_prompts import encode_prompts, prompt_width
from multimodal_study.models.heads import make_head

__all__ = ["Clip", "Config"]

logger = logging.getLogger(__name__)

AT_CHANCE = 0.98
"""Share of the loss at chance above which an epoch has learnt nothing."""
_PATIENCE = 3
"""Epochs in a row at chance, or above it, after which the alarm goes off."""
_SIGMOID_BIAS = -10.0


class Clip(FusionModule):
    """Two towers, a temperature and a probe."""

    reads: ClassVar[frozenset[Kind]] = VECTORS | SEQUENCES
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"missing_modality", "retrieval"})
    gains_by_threads: ClassVar[bool] = True

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        self.config: Config = config
        body = make_body(config, modalities)
        self.body = cast(Any, body)
        self.logit_scale = nn.Parameter(torch.full((body.members,), config.start_scale))
        self.register_buffer("shares", torch.tensor(body.shares))
        sigmoid = config.loss == "sigmoid"
        self.bias = nn.Parameter(torch.full((body.members,), _SIGMOID_BIAS)) if sigmoid else None
        self.probe: nn.Module | None = None
        if config.mode == "zero_shot":
            if not task.classes:
                raise InputError("clip.mode zero_shot needs classes; use heads for a regression")
            width = prompt_width(config, modalities)
            prompts = torch.zeros(len(task.classes) * len(config.prompts), width)
            self.register_buffer("prompts", prompts)
        else:
            width = 2 * len(body.shares) * body.width
            self.probe = make_head(task, width)
        self.average: nn.Module | None = None
        self.updates = 0
        self.seen = torch.zeros(3)
        self.epochs_at_chance = 0
        self.warned = False

    def start(self, batches: list[Batch]) -> None:
        """Class weights, moments, the probe's prior, the prompts."""
        super().start(batches)
        self.body.start(batches)
        if self.probe is not None:
            cast(Any, self.probe).start(torch.cat([batch.target for batch in batches]))
        else:
            vectors = torch.from_numpy(encode_prompts(self.config, list(self.task.classes)))
            self.get_buffer("prompts").copy_(vectors)
        if self.config.averaging:
            self.average = copy.deepcopy(self.body).requires_grad_(requires_grad=False)

    def finish(self, batches: list[Batch]) -> None:
        """Keep the weights that predict, and only those."""
        if self.average is not None:
            self.body.load_state_dict(self.average.state_dict())
            self.average = None

    def encode_pair(self, batch: Batch) -> Sides:
        """Embeddings ``[b, k, d]`` of both sides, each member's of length 1."""
        body: Any = self.body if self.training or self.average is None else self.average
        chunk = self.config.chunk if self.training else 0
        a, b = contrastive.in_chunks(lambda rows: body(batch, rows), len(batch), chunk)
        return a, b

    def weighted(self, side: Tensor) -> Tensor:
        """``[b, k, d]`` to ``[b, k d]`` of length 1: cosines are the members' weighted means."""
        return (side * self.get_buffer("shares").sqrt()[:, None]).flatten(1)

    def scale(self) -> Tensor:
        """Inverse temperature of each member ``[k]``, in 1 to 100."""
        return self.logit_scale.clamp(0.0, math.log(contrastive.LARGEST_SCALE)).exp()

    def alignment(self, batch: Batch, sides: Sides) -> tuple[Tensor, float]:
        """Contrastive loss in nats, mean of the members, and what it is at chance."""
        kept = complete(batch, sides_of(self.config, self.modalities))
        n = int(kept.sum())
        if n <= 1:
            return self.logit_scale.sum() * 0.0, 0.0
        same = contrastive.positives((key[kept] for key in _keys(batch, self.config.pair)), n)
        # Half precision would round a cosine to three digits.
        with torch.autocast(batch.rows.device.type, enabled=False):
            learned = self.body.members
            a, b = (side.float()[kept, :learned].unbind(1) for side in sides)
            scale = self.scale()
            if self.bias is None:
                losses = [
                    contrastive.info_nce(x, y, s, same) for x, y, s in zip(a, b, scale, strict=True)
                ]
                return torch.stack(losses).mean(), contrastive.chance_info_nce(n)
            losses = [
                contrastive.sigmoid_loss(x, y, s, t, same)
                for x, y, s, t in zip(a, b, scale, self.bias, strict=True)
            ]
            return torch.stack(losses).mean(), contrastive.chance_sigmoid(n, same)

    def loss(self, batch: Batch) -> Tensor:
        """Contrastive loss, plus the probe's on detached embeddings."""
        sides = self.encode_pair(batch)
        aligned, chance = self.alignment(batch, sides)
        self.seen += torch.tensor([float(aligned.detach()), chance, 1.0])
        if self.probe is None:
            return aligned
        joint = torch.cat([self.weighted(side) for side in sides], dim=1).detach()
        output = self._read(F.dropout(joint, self.config.dropout, self.training))
        return aligned + self.output_loss(output, batch.target, batch.scored)

    def validation_loss(self, batch: Batch) -> Tensor:
        """What chooses the epoch: the contrastive loss in nats, or that of the task."""
        if self.config.mode == "linear_probe":
            return super().validation_loss(batch)
        return self.alignment(batch, self.encode_pair(batch))[0]

    def joint(self, batch: Batch) -> Tensor:
        """Embeddings of both sides side by side ``[b, 2 k d]``; the probe reads them."""
        return torch.cat([self.weighted(side) for side in self.encode_pair(batch)], dim=1)

    def embed(self, batch: Batch) -> dict[str, Tensor]:
        """Origin to ``[b, k d]`` of length 1, in one space."""
        sides = (self.weighted(side) for side in self.encode_pair(batch))
        return dict(zip(self.config.pair, sides, strict=True))

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[b, c]``, or predictions ``[b, 1]`` for a regression."""
        if self.probe is not None:
            return self._read(self.joint(batch))
        images = self.weighted(self.encode_pair(batch)[0]).float()
        return self.scale().mean() * images @ self._class_embeddings().T

    def _class_embeddings(self) -> Tensor:
        """Mean direction of the prompts of each class ``[c, k d]``."""
        body: Any = self.body if self.average is None else self.average
        found = self.weighted(body.texts(self.get_buffer("prompts")).float())
        per_class = found.view(len(self.task.classes), len(self.config.prompts), -1)
        return F.normalize(per_class.mean(1), dim=-1)

    def _read(self, joint: Tensor) -> Tensor:
        with torch.autocast(joint.device.type, enabled=False):
            # Entries of an embedding of length 1 are small: the probe sees them at unit variance.
            scaled = joint.float() * math.sqrt(self.body.width)
            logits: Tensor = cast(nn.Module, self.probe)(scaled)
        return logits

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Lightning's hook after a step: the temperature stays in range, the mean moves."""
        with torch.no_grad():
            self.logit_scale.clamp_(0.0, math.log(contrastive.LARGEST_SCALE))
            if self.average is None:
                return
            # Early on the mean must not remember the untrained towers.
            decay = min(self.config.averaging, (1 + self.updates) / (10 + self.updates))
            self.updates += 1
            pairs = zip(self.average.parameters(), self.body.parameters(), strict=True)
            for mean, weight in pairs:
                mean.lerp_(weight, 1.0 - decay)

    def on_train_epoch_end(self) -> None:
        """Lightning's hook: the alarm when the loss stays where knowing nothing puts it."""
        loss, chance, steps = self.seen.tolist()
        self.seen.zero_()
        if not steps or self.config.mode == "linear_probe":
            return
        self.epochs_at_chance = self.epochs_at_chance + 1 if loss > AT_CHANCE * chance else 0
        if self.epochs_at_chance >= _PATIENCE and not self.warned:
            self.warned = True
            logger.warning(
                "clip: after %d epochs the contrastive loss is %.3f nats a batch, %.3f is chance "
                "(ln of the batch size): the sides are not being aligned. Do the rows of the pair "
                "belong together? Is clip.learning_rate (%g) too high, trainer.batch_size too low?",
                self.epochs_at_chance,
                loss / steps,
                chance / steps,
                self.config.learning_rate,
            )

    def findings(self) -> dict[str, Any]:
        """Whether the fit ended at chance, and the temperature that was learnt."""
        return {
            "stuck_at_chance": self.epochs_at_chance >= _PATIENCE,
            "temperature": (1 / self.scale()).mean().item(),
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook: what a resumed fit needs beyond weights."""
        checkpoint["clip"] = [self.updates, self.epochs_at_chance, self.warned]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        self.updates, self.epochs_at_chance, self.warned = checkpoint["clip"]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """As the base; a pretrained body has a rate of its own."""
        if not isinstance(self.body, Pretrained):
            return super().parameter_groups()
        rate = self.config.pretrained_learning_rate
        body = [p for p in self.body.parameters() if p.requires_grad]
        mine = {id(p) for p in body}
        rest = [p for p in self.parameters() if p.requires_grad and id(p) not in mine]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in body if p.ndim > 1], "lr": rate},
            {"params": [p for p in body if p.ndim <= 1], "lr": rate, "weight_decay": 0.0},
            {"params": [p for p in rest if p.ndim > 1]},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return [group for group in groups if group["params"]]


def _keys(batch: Batch, pair: list[str]) -> list[Tensor]:
    missing = [origin for origin in pair if origin not in batch.keys]
    if missing:
        raise InputError(
            f"clip.pair is {pair}, but the features have no keys of {missing}: they pair "
            f"{sorted(batch.keys) or 'nothing'}; set features.pair and its <origin>_key columns"
        )
    return [batch.keys[origin] for origin in pair]
