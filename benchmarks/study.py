"""A whole study in a fresh clone: cold, with features warm, and with nothing changed.

Cold has no data folder at all: embedded data are unpacked, encoders exported, features made, every
paradigm fitted with its seeds, the report written. Warm keeps the features and forgets fits and
outputs. Unchanged is the same command again, which skips every cell. Seconds by the wall clock and
of all cores, and peak resident memory, of ``kedro run`` with its start-up; nodes by their lines in
the log.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "study.json"
FITTED = ("06_models", "07_model_output", "08_reporting")
COMPLETED = re.compile(r"^(\d\d:\d\d:\d\d) .*Completed node: (\S+)", re.MULTILINE)
STARTED = re.compile(r"^(\d\d:\d\d:\d\d) ", re.MULTILINE)


def run(clone: Path, pipeline: str, params: str) -> dict[str, Any]:
    """One ``kedro run``.

    Raises:
        RuntimeError: It failed; its last lines are shown.
    """
    environment = os.environ | {
        "PYTHONPATH": str(clone / "src"),
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "kedro", "run", f"--pipelines={pipeline}"]
    command += ["--params", params] if params else []
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    log = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(log[-3000:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "slowest_nodes": slowest(log),
    }


def slowest(log: str, count: int = 8) -> dict[str, int]:
    """The nodes that took longest, seconds between their line in the log and the one before."""
    first = STARTED.search(log)
    lines = COMPLETED.findall(log)
    if not first or not lines:
        return {}
    at = [datetime.strptime(t, "%H:%M:%S") for t in (first.group(1), *(time for time, _ in lines))]
    took = {
        name: (now - then).seconds for (_, name), then, now in zip(lines, at, at[1:], strict=False)
    }
    return dict(sorted(took.items(), key=lambda item: -item[1])[:count])


def study(pipeline: str, params: str) -> dict[str, Any]:
    """Cold, warm and unchanged, in a clone of the last commit."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        git = shutil.which("git") or "git"
        subprocess.run([git, "clone", "-q", str(ROOT), str(clone)], check=True)
        found = {"cold": run(clone, pipeline, params)}
        for name in FITTED:
            shutil.rmtree(clone / "data" / name, ignore_errors=True)
        found["warm"] = run(clone, pipeline, params)
        found["unchanged"] = run(clone, pipeline, params)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return found | {"peak_mb": round(peak / 1024)}


def main() -> None:
    """Measure the pipelines asked for and keep the others' last results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipelines", nargs="+", help="for example amazon_all fashion_all")
    parser.add_argument("--params", default="", help="for example trainer.seeds=1")
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for pipeline in asked.pipelines:
        load = os.getloadavg()[0]
        name = f"{pipeline} {asked.params}".strip()
        results[name] = study(pipeline, asked.params) | {
            "cores": len(os.sched_getaffinity(0)),
            "load_before": round(load, 1),
            "python": platform.python_version(),
        }
        print(name, json.dumps(results[name], indent=2))
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
