"""Work of a few independent parts, each in a process of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")

_LOOK_EVERY = 0.25
"""Seconds between a worker's looks at whether its parent lives."""
_watched: set[int] = set()


def side_by_side(
    work: Callable[[Part], Result], parts: Iterable[Part], processes: int
) -> Iterator[Result]:
    """``work`` on every part, at most ``processes`` at a time; results in the order of ``parts``.

    Workers stay for the next call, have one CPU thread each, and end with their parent: a killed
    run leaves nobody behind who writes to its files. A worker that calls this does all work itself.

    Args:
        work: May be a closure; its large arrays are shared as copy-on-write memory maps.
        parts: What differs.
        processes: At least 1.
    """
    if in_worker():
        yield from map(work, parts)
        return
    from joblib import Parallel, delayed

    pool = Parallel(processes, backend="loky", mmap_mode="c", return_as="generator")
    parent, folder = os.getpid(), os.getcwd()
    yield from pool(delayed(_in_worker)(work, part, parent, folder) for part in parts)


def in_worker() -> bool:
    """Whether this process is one of those; it makes none of its own."""
    return bool(_watched)


def _in_worker(work: Callable[[Part], Result], part: Part, parent: int, folder: str) -> Result:
    if os.getpid() == parent:
        # joblib starts no processes for one at a time, nor inside a daemon.
        return work(part)
    import torch

    if parent not in _watched:
        _watched.add(parent)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # A worker that stayed remembers the folder of the call that started it.
    os.chdir(folder)
    torch.set_num_threads(1)
    return work(part)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY)
    os._exit(1)
