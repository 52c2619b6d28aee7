"""What a number can be traced to: run, command, commit, machine."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NO_CHECKOUT = "not a git checkout"
UNKNOWN = "not recorded"
MEGABYTE = 1 << 20
_WAIT = 10


def run_record(  # noqa: PLR0917
    folder: Path,
    run_id: str,
    environment: str | None,
    pipelines: Sequence[str],
    parameters: Mapping[str, Any],
    mlflow_run: str | None = None,
) -> dict[str, Any]:
    """How a run was started, as plain JSON values.

    Args:
        folder: Of the project.
        run_id: Kedro's name of the run.
        environment: Of the configuration; None: the default.
        pipelines: That were asked for; none: all.
        parameters: Of the command line, flat.
        mlflow_run: The run that tracks it.
    """
    words = ["kedro", "run"]
    words += ["--env", environment] if environment not in {None, "local", "base"} else []
    words += [f"--pipelines={','.join(pipelines)}"] if pipelines else []
    given = ",".join(f"{name}={value}" for name, value in parameters.items())
    words += ["--params", given] if given else []
    return {
        "run_id": run_id,
        "mlflow_run": mlflow_run or "none was active",
        "environment": environment,
        "parameters": {name: str(value) for name, value in parameters.items()},
        "command": shlex.join(str(word) for word in words),
        "commit": git_commit(folder),
        "hardware": hardware(),
    }


def git_commit(folder: Path) -> str:
    """Commit of the checkout at ``folder``, with what was changed since; or that it is none."""
    program = shutil.which("git")
    if program is None:
        return f"{NO_CHECKOUT}: no git on this machine"

    def said(*words: str) -> str | None:
        done = subprocess.run(  # noqa: S603 - a fixed program with fixed words
            [program, "-C", str(folder), *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=_WAIT,
        )
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        # A folder inside somebody else's checkout is none of its own.
        top, commit = said("rev-parse", "--show-toplevel"), said("rev-parse", "HEAD")
        if top is None or commit is None or Path(top).resolve() != Path(folder).resolve():
            return NO_CHECKOUT
        changed = said("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.TimeoutExpired):
        return f"{NO_CHECKOUT}: git did not answer"
    return commit if not changed else f"{commit} with uncommitted changes"


def hardware() -> dict[str, Any]:
    """Processor, cores, memory (MiB), system and Python of this machine."""
    import psutil

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": round(psutil.virtual_memory().total / MEGABYTE),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
