"""One InfoNCE training step of ours against open_clip's ``ClipLoss``, side by side in one run.

Both get the same embeddings of width 256 and do the same work: loss, then gradients of both sides
and of the scale; then the same with two projection heads (1,280 and 384 to 256) before it. They
alternate, so that a change in the machine's load hits both; the medians of CPU seconds are
compared. Loss and gradients must agree. A third line shows what duplicates cost us, which
``ClipLoss`` cannot take. Of open_clip only the file with the loss is loaded, since the package
needs a torchvision that does not load beside a CPU build of torch. From the root of the project:

    pip download --no-deps open_clip_torch==3.3.0 -d /tmp/open_clip
    unzip -q -o /tmp/open_clip/*.whl -d /tmp/open_clip
    OMP_WAIT_POLICY=PASSIVE python benchmarks/contrastive.py /tmp/open_clip/open_clip/loss.py
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.models.contrastive import info_nce, positives

RESULT = Path(__file__).parent / "results" / "contrastive.json"
WIDTH, IMAGE, TEXT = 256, 1280, 384
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def load_theirs(path: Path) -> Loss:
    """``ClipLoss`` of the file."""
    spec = importlib.util.spec_from_file_location("open_clip_loss", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loss: Loss = module.ClipLoss()
    return loss


def with_duplicates(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """Our loss where a fifth of the texts occur twice; looking for them is included."""
    n = len(a)
    keys = torch.arange(n)
    texts = torch.where(keys < n // 5, keys + n // 5, keys)
    return info_nce(a, b, scale, positives([keys, texts], n))


def without_duplicates(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """Our loss on a batch without any; looking for them is included."""
    keys = torch.arange(len(a))
    return info_nce(a, b, scale, positives([keys, keys], len(a)))


def step(loss: Loss, inputs: tuple[Tensor, Tensor], heads: nn.ModuleList | None) -> tuple[Any, ...]:
    """CPU seconds of loss and gradients, the loss, and the gradients."""
    learned = list(heads.parameters()) if heads else list(inputs)
    scale = torch.tensor(20.0, requires_grad=True)
    for tensor in learned:
        tensor.grad = None
    start = time.process_time()
    pairs = zip(heads, inputs, strict=True) if heads else None
    sides = [F.normalize(head(x), dim=1) for head, x in pairs] if pairs else list(inputs)
    value = loss(sides[0], sides[1], scale)
    value.backward()
    took = time.process_time() - start
    return took, float(value.detach()), [tensor.grad for tensor in [*learned, scale]]


def measure(theirs: Loss, n: int, rounds: int, *, headed: bool) -> dict[str, Any]:
    """Alternate the losses ``rounds`` times on batches of ``n``; the order alternates too."""
    torch.manual_seed(0)
    heads = nn.ModuleList([nn.Linear(IMAGE, WIDTH), nn.Linear(TEXT, WIDTH)]) if headed else None
    if headed:
        inputs = torch.randn(n, IMAGE), torch.randn(n, TEXT)
    else:
        made = F.normalize(torch.randn(2, n, WIDTH), dim=2).unbind()
        inputs = made[0].clone().requires_grad_(), made[1].clone().requires_grad_()
    sides = {"ours": without_duplicates, "open_clip": theirs, "duplicates": with_duplicates}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, Any] = {}
    for turn in range(rounds + 1):
        for name in list(sides)[:: 1 if turn % 2 else -1]:
            took, value, gradients = step(sides[name], inputs, heads)
            found[name] = value, [g.clone() for g in gradients]
            if turn:  # the first round warms up
                seconds[name].append(took)
    for own, other in zip(found["ours"][1], found["open_clip"][1], strict=True):
        torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-6)
    middle = {name: median(took) for name, took in seconds.items()}
    return {
        "batch": n,
        "heads": headed,
        "milliseconds": {name: 1e3 * value for name, value in middle.items()},
        "ratio": middle["open_clip"] / middle["ours"],
        "ratio_with_duplicates": middle["open_clip"] / middle["duplicates"],
        "loss_difference": abs(found["ours"][0] - found["open_clip"][0]),
    }


def main() -> None:
    """Measure, print the table, write the result, fail where ours is slower."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loss", type=Path, help="open_clip/loss.py of open_clip_torch")
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    theirs = load_theirs(options.loss)
    rows = [
        measure(theirs, n, options.rounds, headed=headed)
        for headed in (False, True)
        for n in options.batches
    ]
    result = {
        "width": WIDTH,
        "rounds": options.rounds,
        "threads": 1,
        "torch": torch.__version__,
        "load_average": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "rows": rows,
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{'batch':>6}{'heads':>7}{'ours ms':>10}{'theirs ms':>11}{'ratio':>7}{'duplicates':>12}")
    for row in rows:
        took = row["milliseconds"]
        print(
            f"{row['batch']:>6}{row['heads']!s:>7}{took['ours']:>10.1f}{took['open_clip']:>11.1f}"
            f"{row['ratio']:>7.2f}{row['ratio_with_duplicates']:>12.2f}"
        )
    if min(row["ratio"] for row in rows) < 1.0:
        raise SystemExit("slower than ClipLoss")


if __name__ == "__main__":
    main()
