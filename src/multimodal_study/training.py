"""Fit and predict: the only place that builds a Lightning Trainer.

A fit depends on its configuration, its data and its seed, and on nothing else: fits take turns
(torch's random state belongs to the process), and every epoch is seeded afresh from (seed, epoch),
so that a fit that was interrupted ends with the numbers of one that was not.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint

from multimodal_study.data.batches import Batch
from multimodal_study.data.cost import Cost
from multimodal_study.hardware import choose_device, choose_precision, cpu_threads
from multimodal_study.models.base import FusionModule
from multimodal_study.models.config import check, check_choice

logger = logging.getLogger(__name__)

_ONE_AT_A_TIME = threading.Lock()
MONITOR = "validation_loss"


class Batches(Protocol):
    """Batches of one split; ``set_epoch`` chooses the order of the next pass."""

    def __iter__(self) -> Iterator[Batch]: ...
    def __len__(self) -> int: ...
    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the next pass."""


@dataclass(frozen=True)
class TrainerConfig:
    """The budget, the same for every paradigm unless its own ``trainer`` block says otherwise."""

    seeds: int
    """Fits with the seeds ``seed``, ``seed + 1``, ...; every number is a mean over them."""
    max_epochs: int
    patience: int
    """Epochs without a lower validation loss after which a fit stops; the best epoch is kept."""
    batch_size: int
    gradient_clip: float
    """Largest norm of the gradient; 0 leaves it alone."""
    precision: str
    """``auto``: bf16 or fp16 on a GPU, bf16 on a CPU for paradigms that gain by it; else fp32."""
    device: str
    """``auto``, ``cpu`` or ``gpu``."""
    checkpoints: str
    """Folder of unfinished fits; emptied as they finish."""
    processes: int | None = 1
    """Fits of a cell at a time where each uses one CPU thread; None: as many as there are cores."""

    def __post_init__(self) -> None:
        for name in ("seeds", "max_epochs", "patience", "batch_size"):
            check(f"trainer.{name}", getattr(self, name), 1, 1 << 24)
        if self.processes is not None:
            check("trainer.processes", self.processes, 1, 1 << 10)
        check("trainer.gradient_clip", self.gradient_clip, 0.0, 1e6)
        check_choice("trainer.precision", self.precision, ("auto", "32", "bf16", "16"))
        check_choice("trainer.device", self.device, ("auto", "cpu", "gpu"))


@dataclass(frozen=True)
class Fitted:
    """One fit of one seed."""

    state: dict[str, np.ndarray[Any, Any]]
    history: list[dict[str, float]]
    """One row per epoch: ``epoch``, ``train_loss``, ``validation_loss``, the network's report."""
    cost: dict[str, Any]

    def log(self, name: str) -> None:
        """One line on how it went."""
        best = min(self.history, key=lambda row: row[MONITOR])
        logger.info(
            "%s: %d parameters learned, %d epochs in %.1f s, best epoch %d, validation loss %.4f",
            name,
            self.cost["parameters"],
            len(self.history),
            self.cost["fit_seconds"],
            best["epoch"],
            best[MONITOR],
        )


def fit(
    module: Callable[[], FusionModule],
    train: Batches,
    validation: Iterable[Batch],
    *,
    trainer: TrainerConfig,
    seed: int,
    folder: Path,
    progress: bool = True,
) -> Fitted:
    """Train one module, restore its best epoch on validation, and say what it cost.

    Args:
        module: Makes the untrained module; called after seeding.
        train: Shuffled training batches.
        validation: Validation batches; they choose the epoch.
        trainer: The budget.
        seed: Seed of initialisation, order and dropout.
        folder: Holds the checkpoints of this very fit: same configuration, data, code and seed.
            If it has one, the fit goes on from there.
        progress: Show a bar on a terminal.
    """
    with _ONE_AT_A_TIME, _quiet(), ExitStack() as stack:
        torch.manual_seed(seed)
        network = module()
        stack.enter_context(cpu_threads(network))
        network.start([network.condense(batch) for batch in _in_order(train)])
        # Pretrained parts arrive in evaluation mode, without dropout.
        network.train()
        device = choose_device(trainer.device)
        epochs = _Epochs(train, list(validation), seed)
        best = ModelCheckpoint(
            folder, filename="best", monitor=MONITOR, save_on_train_epoch_end=True, save_last=True
        )
        stopping = EarlyStopping(
            MONITOR, patience=trainer.patience, check_on_train_epoch_end=True, mode="min"
        )
        runner = lightning.Trainer(
            accelerator=device,
            devices=1,
            precision=choose_precision(trainer.precision, device, network),  # type: ignore[arg-type]
            max_epochs=trainer.max_epochs,
            gradient_clip_val=trainer.gradient_clip or None,
            callbacks=[epochs, stopping, best],
            logger=False,
            enable_model_summary=False,
            enable_progress_bar=progress and sys.stderr.isatty(),
            default_root_dir=folder,
            deterministic="warn" if device == "gpu" else None,
        )
        last = folder / "last.ckpt"
        with Cost(cuda=device == "gpu") as cost:
            runner.fit(
                network, train, ckpt_path=last if last.is_file() else None, weights_only=True
            )
            network = _restore(network, best.best_model_path, device)
            network.finish(list(epochs.validation))
        return _result(network, epochs, cost, runner, device)


def predict(network: FusionModule, batches: Iterable[Batch]) -> np.ndarray[Any, Any]:
    """Probabilities ``[n, c]`` (predictions ``[n, 1]``) in the order of ``batches``, float32."""
    return predict_and_embed(network, batches)[0]


def predict_and_embed(
    network: FusionModule, batches: Iterable[Batch]
) -> tuple[np.ndarray[Any, Any], dict[str, np.ndarray[Any, Any]]]:
    """Predictions as :func:`predict`, and ``joint`` with each modality of a shared space.

    Returns:
        float32 ``[n, c]`` (``[n, 1]``), and name to float32 ``[n, d]``,.
    """
    network.eval()
    outputs: list[torch.Tensor] = []
    found: dict[str, list[torch.Tensor]] = {}
    with torch.inference_mode(), cpu_threads(network):
        for batch in batches:
            moved = batch.to(network.device)
            output, joint = network.answer(moved)
            outputs.append(output.float().cpu())
            for name, value in {"joint": joint, **network.embed(moved)}.items():
                found.setdefault(name, []).append(value.float().cpu())
    arrays = {name: torch.cat(parts).numpy() for name, parts in found.items()}
    return torch.cat(outputs).numpy(), arrays


class _Epochs(Callback):
    """Seeds every epoch, measures the validation loss, keeps the curve across interruptions."""

    def __init__(self, train: Batches, validation: list[Batch], seed: int) -> None:
        self.train = train
        self.validation = validation
        self.seed = seed
        self.history: list[dict[str, float]] = []

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        epoch = trainer.current_epoch
        torch.manual_seed(int(np.random.SeedSequence([self.seed, epoch]).generate_state(1)[0]))
        self.train.set_epoch(epoch)

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        assert isinstance(module, FusionModule)  # noqa: S101  # for the type checker
        module.eval()
        total, rows = 0.0, 0
        with torch.inference_mode():
            for batch in self.validation:
                moved = batch.to(module.device)
                with trainer.strategy.precision_plugin.forward_context():
                    loss = module.validation_loss(moved)
                total, rows = total + float(loss) * len(batch), rows + len(batch)
        module.train()
        value = total / rows
        module.log(MONITOR, value, on_epoch=True, batch_size=rows)
        train_loss = float(trainer.callback_metrics["train_loss"])
        row = {"epoch": trainer.current_epoch, "train_loss": train_loss, MONITOR: value}
        self.history.append(row | module.report())
        logger.debug("epoch %d: train %.4f, validation %.4f", row["epoch"], train_loss, value)

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = list(state_dict["history"])


def _in_order(batches: Batches) -> Iterator[Batch]:
    """The training rows once, in an order that depends on nothing that ran before."""
    batches.set_epoch(0)
    yield from batches


def _restore(network: FusionModule, path: str, device: str) -> FusionModule:
    state = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    network.load_state_dict(state)
    return network.to("cuda" if device == "gpu" else "cpu").eval()


def _result(
    network: FusionModule, epochs: _Epochs, cost: Cost, runner: lightning.Trainer, device: str
) -> Fitted:
    best = min(epochs.history, key=lambda row: row[MONITOR])
    learned = sum(p.numel() for p in network.parameters() if p.requires_grad)
    fitted = Fitted(
        state={k: v.detach().cpu().numpy().copy() for k, v in network.state_dict().items()},
        history=epochs.history,
        cost={
            "parameters": learned,
            "fit_seconds": cost.seconds,
            "peak_memory_mb": cost.peak_memory_mb,
            "device": torch.cuda.get_device_name() if device == "gpu" else "cpu",
            "precision": str(runner.precision),
            "epochs": len(epochs.history),
            "best_epoch": int(best["epoch"]),
            **network.findings(),
        },
    )
    fitted.log(type(network).__name__)
    return fitted


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's advice about things that are meant here."""
    with warnings.catch_warnings():
        for text in (
            ".*exists and is not empty.*",
            ".*does not have many workers.*",
            ".*No negative effect.*",
            ".*validation_step.*",
            ".*val_dataloader.*",
            ".*`isinstance\\(treespec, LeafSpec\\)`.*",
            ".*lower value for log_every_n_steps.*",
            ".*Checkpoint directory.*",
            ".*mid-epoch checkpoint.*",
            ".*in eval mode at the start of training.*",
        ):
            warnings.filterwarnings("ignore", text)
        yield
