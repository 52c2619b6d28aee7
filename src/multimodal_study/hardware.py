"""What a fit runs on: device, precision, CPU threads, and how many fits run at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from joblib import cpu_count

from multimodal_study.contract import Modality
from multimodal_study.models.base import FusionModule


def choose_device(asked: str) -> str:
    """``gpu`` or ``cpu``; ``auto`` takes a GPU where there is one."""
    if asked == "auto":
        return "gpu" if torch.cuda.is_available() else "cpu"
    return asked


def choose_precision(asked: str, device: str, network: FusionModule) -> str:
    """Lightning's name of a precision; ``auto`` is half where it pays, see ``TrainerConfig``."""
    if asked != "auto":
        return {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}[asked]
    if device == "gpu":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bf16-mixed" if network.gains_by_bf16_on_cpu and supported else "32-true"


def fits_at_a_time(
    network: type[FusionModule],
    modalities: Mapping[str, Modality],
    device: str,
    processes: int | None,
) -> int:
    """Processes for the seeds of a cell; 1 on a GPU and where a fit takes all cores itself."""
    if choose_device(device) == "gpu" or _gains_by_threads(network, modalities):
        return 1
    return processes or cpu_count()


def _gains_by_threads(
    network: FusionModule | type[FusionModule], modalities: Mapping[str, Modality]
) -> bool:
    pixels = any(modality.kind == "pixels" for modality in modalities.values())
    return network.gains_by_threads or pixels


@contextmanager
def cpu_threads(network: FusionModule) -> Iterator[None]:
    """One CPU thread for a network that does not gain by more."""
    if _gains_by_threads(network, network.modalities):
        yield
        return
    with one_thread():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """One CPU thread for all of PyTorch, so that a sum is the same in a worker and outside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
