"""A pretrained text encoder that is fine-tuned, with metadata as words before the review.

``logits = head(pool(L_n(... L_{n-k+1}(states))))``

``states`` is what the frozen layers below make of a text, computed once by
``encoders.token_states``. Only the last ``k`` layers learn: with ``k`` 0 the head alone, with -1
everything, from the token ids.

Choices and their sources: warm-up and linear decay (Devlin et al. 2019), a lower rate for lower
layers (Howard & Ruder 2018), head and tail of a long text (Sun et al. 2019), one dropout mask for
all tokens of a text (Gal & Ghahramani 2016), an exponential mean of the weights (Polyak & Juditsky
1992). Our deviation: BERT's own dropout is off, the masks above take its place.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import Modality, Task
from multimodal_study.data.batches import Batch
from multimodal_study.data.ragged import LENGTHS, SEQUENCE
from multimodal_study.encoders.text_model import find_model
from multimodal_study.encoders.token_states import Keep, load_encoder, run_layers
from multimodal_study.models.base import SCALED, Capability, FusionModule
from multimodal_study.models.config import ClassWeights, check, check_choice
from multimodal_study.models.heads import make_head
from multimodal_study.models.layers import SharedDropout

Pooling = Literal["mean", "mean_max", "attention"]
_ROWS_TOGETHER = 32
"""Rows of one forward pass at prediction: sorted by length, so padding stays small."""


@dataclass(frozen=True)
class Config:
    """Parameters of the fine-tuned encoder."""

    encoder: str
    """``all-MiniLM-L6-v2``, the folder of a BERT or RoBERTa, or a hub id."""
    trained_layers: int
    """Layers that learn, from the top: 0 none, -1 all and the embeddings too."""
    max_tokens: int
    """Tokens of a text that are looked at."""
    keep: Keep
    """Which tokens of a longer text stay: ``head``, or ``head_tail``, half from each end."""
    fields: list[str] | None
    """Metadata columns written before the review; null: all that the source has."""
    pooling: Pooling
    """How token states become one vector."""
    learning_rate: float
    """Peak rate of the top layer."""
    layer_decay: float
    """Factor on the rate from each layer to the one below."""
    head_learning_rate: float
    weight_decay: float
    warmup: float
    """Share of the steps in which the rates rise; they fall linearly to zero after it."""
    dropout: float
    """Dropout of the pooled vector."""
    layer_dropout: float
    """Dropout after attention and feed-forward, one mask for all tokens of a text."""
    averaging: float
    """Decay of the exponential mean of the weights that predicts; 0: the last weights predict."""
    label_smoothing: float
    class_weights: ClassWeights

    def __post_init__(self) -> None:
        check("trained_layers", self.trained_layers, -1, 96)
        check("max_tokens", self.max_tokens, 3, 8192)
        check_choice("keep", self.keep, ("head", "head_tail"))
        check_choice("pooling", self.pooling, ("mean", "mean_max", "attention"))
        for name in ("learning_rate", "head_learning_rate"):
            check(name, getattr(self, name), 1e-8, 10.0)
        check("layer_decay", self.layer_decay, 0.01, 1.0)
        check("weight_decay", self.weight_decay, 0.0, 100.0)
        check("warmup", self.warmup, 0.0, 1.0)
        for name in ("dropout", "layer_dropout", "label_smoothing"):
            check(name, getattr(self, name), 0.0, 0.95)
        check("averaging", self.averaging, 0.0, 0.9999)
        check_choice("class_weights", self.class_weights, ("none", "balanced"))


class Transformer(FusionModule):
    """The trained layers, pooling and head.

    Batches come from ``data.ragged``: padded states float16 ``[b, t, d]``, or token ids int32
    ``[b, t]`` where ``trained_layers`` is -1, and lengths int64 ``[b]``. The modalities are kept
    for the record; what is read is the text.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    gains_by_threads: ClassVar[bool] = True
    gains_by_bf16_on_cpu: ClassVar[bool] = True

    def __init__(self, config: Config, modalities: dict[str, Modality], task: Task) -> None:
        super().__init__(config, modalities, task)
        self.config: Config = config
        self.network = _Network(config, task)
        self.average: _Network | None = None
        self.updates = 0

    def start(self, batches: list[Batch]) -> None:
        """Class weights, the head's prior, and the mean of the weights."""
        super().start(batches)
        self.network.head.start(torch.cat([batch.target for batch in batches]))
        if self.config.averaging:
            self.average = copy.deepcopy(self.network).requires_grad_(requires_grad=False)

    def finish(self, batches: list[Batch]) -> None:
        """Keep the weights that predict, and only those."""
        if self.average is not None:
            self.network.load_state_dict(self.average.state_dict())
            self.average = None

    def joint(self, batch: Batch) -> Tensor:
        """The pooled vector ``[b, d]`` (``[b, 2 d]`` for ``mean_max``) that the head reads."""
        network = self._active()
        values, lengths = batch.inputs[SEQUENCE], batch.inputs[LENGTHS]
        if self.training:
            pooled: Tensor = network(values, lengths)
            return pooled
        # Rows of any length come together at prediction: short ones must not pay for long ones.
        order = torch.argsort(lengths, descending=True, stable=True)
        parts = []
        for rows in torch.split(order, _ROWS_TOGETHER):
            longest = int(lengths[rows[0]])
            parts.append(network(values[rows, :longest], lengths[rows]))
        joined = torch.cat(parts)
        return joined[torch.argsort(order)]

    def forward(self, batch: Batch) -> Tensor:
        """Logits ``[b, c]``, or predictions ``[b, 1]`` for a regression."""
        return self._read(self.joint(batch))

    def answer(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """``predict`` and ``joint`` in one pass through the encoder."""
        joint = self.joint(batch)
        output = self._read(joint)
        return self.probabilities(output, batch), joint

    def tokens(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the trained layers start from ``[b, t, d]``, and which tokens are there."""
        return self._active().states(batch.inputs[SEQUENCE], batch.inputs[LENGTHS])

    def read(self, states: Tensor, mask: Tensor) -> Tensor:
        """:meth:`forward` from :meth:`tokens`, of some tokens or with other states."""
        return self._read(self._active().behind(states, mask))

    def attention(self, states: Tensor, mask: Tensor) -> Tensor:
        """Weights of the trained layers ``[b, l, h, t, t]``: the last axis is what is read."""
        found: list[Tensor] = []
        network = self._active()
        layers: list[Any] = list(network.layers)
        hooks = [
            layer.attention.self.register_forward_hook(
                lambda _, __, output: found.append(output[1])
            )
            for layer in layers
        ]
        try:
            network.behind(states, mask)
        finally:
            for hook in hooks:
                hook.remove()
        b, t = mask.shape
        return torch.stack(found, dim=1) if found else states.new_zeros(b, 0, 1, t, t)

    def _read(self, joint: Tensor) -> Tensor:
        pooled = F.dropout(joint, self.config.dropout, self.training)
        # Half precision would round the probabilities to two digits.
        with torch.autocast(pooled.device.type, enabled=False):
            logits: Tensor = self._active().head(pooled.float())
        return logits

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Lightning's hook after the optimiser's step: move the mean of the weights."""
        if self.average is None:
            return
        # Early on the mean must not remember the untrained head.
        decay = min(self.config.averaging, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        with torch.no_grad():
            for mean, weight in zip(
                self.average.parameters(), self.network.parameters(), strict=True
            ):
                mean.lerp_(weight, 1.0 - decay)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook: what a resumed fit needs beyond weights."""
        checkpoint["updates"] = self.updates

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        self.updates = int(checkpoint["updates"])

    def configure_optimizers(self) -> Any:
        """AdamW with a rate per layer; warm-up, then linearly to zero."""
        optimiser = torch.optim.AdamW(
            self.parameter_groups(), betas=(0.9, 0.98), fused=self.trainer.precision != SCALED
        )
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        warm = max(int(self.config.warmup * steps), 1)

        def factor(step: int) -> float:
            return min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups by layer; vectors (biases, norms) do not decay."""
        config, network = self.config, self.network
        top = len(network.layers) - 1
        parts: list[tuple[nn.Module, float]] = [
            (layer, config.learning_rate * config.layer_decay ** (top - number))
            for number, layer in enumerate(network.layers)
        ]
        if network.embeddings is not None:
            rate = config.learning_rate * config.layer_decay ** (top + 1)
            parts.append((network.embeddings, rate))
        parts += [(network.head, config.head_learning_rate)]
        if network.query is not None:
            parts.append((network.query, config.head_learning_rate))
        groups = []
        for part, rate in parts:
            learned = [p for p in part.parameters() if p.requires_grad]
            matrices = [p for p in learned if p.ndim > 1]
            vectors = [p for p in learned if p.ndim <= 1]
            groups.append({"params": matrices, "lr": rate, "weight_decay": config.weight_decay})
            groups.append({"params": vectors, "lr": rate, "weight_decay": 0.0})
        return [group for group in groups if group["params"]]

    def _active(self) -> _Network:
        return self.network if self.training or self.average is None else self.average


class _Network(nn.Module):
    """Trained layers, pooling and head."""

    def __init__(self, config: Config, task: Task) -> None:
        super().__init__()
        model = find_model(config.encoder)
        encoder = load_encoder(model)
        layers = list(encoder.encoder.layer)
        check("trained_layers", config.trained_layers, -1, len(layers))
        whole = config.trained_layers < 0
        kept = layers if whole else layers[len(layers) - config.trained_layers :]
        self.layers = nn.ModuleList(kept)
        self.embeddings = encoder.embeddings if whole else None
        if config.layer_dropout:
            for layer in kept:
                layer.attention.output.dropout = SharedDropout(config.layer_dropout)
                layer.output.dropout = SharedDropout(config.layer_dropout)
        self.pooling = config.pooling
        self.query = nn.Linear(model.width, 1) if config.pooling == "attention" else None
        self.head = make_head(task, model.width * (2 if config.pooling == "mean_max" else 1))

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Pooled vectors ``[b, d]`` of padded states ``[b, t, d]`` or token ids ``[b, t]``."""
        return self.behind(*self.states(values, lengths))

    def states(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
        if self.embeddings is None:
            return values.float(), mask
        return self.embeddings(input_ids=values.long()), mask

    def behind(self, states: Tensor, mask: Tensor) -> Tensor:
        return self._pool(run_layers(list(self.layers), states, mask).float(), mask)

    def _pool(self, states: Tensor, mask: Tensor) -> Tensor:
        padding = ~mask[..., None]
        if self.query is not None:
            weight = self.query(states).float().masked_fill(padding, -torch.inf).softmax(1)
            attended: Tensor = (weight * states).sum(1)
            return attended
        mean = states.masked_fill(padding, 0.0).sum(1) / mask.sum(1, keepdim=True)
        if self.pooling == "mean":
            return mean
        return torch.cat([mean, states.masked_fill(padding, -torch.inf).amax(1)], dim=1)
