"""What a fit costs: seconds and peak memory."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import psutil

INTERVAL = 0.05
MEGABYTE = 1 << 20


class Cost:
    """Context manager; afterwards ``seconds`` (wall) and ``peak_memory_mb`` hold.

    Memory is the largest resident set of this process that was seen, sampled 20 times a second;
    with ``cuda`` the largest allocation on the device instead.
    """

    def __init__(self, *, cuda: bool = False) -> None:
        self.seconds = 0.0
        self.peak_memory_mb = 0.0
        self._cuda = cuda
        self._done = threading.Event()

    def __enter__(self) -> Self:
        if self._cuda:
            import torch

            torch.cuda.reset_peak_memory_stats()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._started = time.perf_counter()
        self._sampler.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.seconds = time.perf_counter() - self._started
        self._done.set()
        self._sampler.join()
        if self._cuda:
            import torch

            self.peak_memory_mb = torch.cuda.max_memory_allocated() / MEGABYTE

    def _sample(self) -> None:
        process = psutil.Process()
        while True:
            self.peak_memory_mb = max(self.peak_memory_mb, process.memory_info().rss / MEGABYTE)
            if self._done.wait(INTERVAL):
                return
