"""What stands for an origin that an example lacks, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_WRITTEN = "not written: texts encoded anew without it"
HIDDEN_NODES = "hidden on every node; ratings stay"
LEFT_OUT = "left out of the posterior"
NO_POSITION = "no position"
PLACEHOLDER = "placeholder"


def handling(config: Mapping[str, Any]) -> str:
    """How a cell answers without an origin, and whether its training knew of that.

    Args:
        config: Of the cell: ``capabilities`` and ``parameters``.
    """
    able, parameters = set(config["capabilities"]), config["parameters"]
    if "missing_modality" not in able:
        return HIDDEN_NODES if "propagation" in parameters else NOT_WRITTEN
    if "generation" in able:
        return LEFT_OUT
    rate = float(parameters.get("modality_dropout", 0.0))
    taught = f"taught by dropping it in {rate:.0%} of examples" if rate else "never met in training"
    # A network that attends has no place for what is away; the others have a learnt vector.
    return f"{NO_POSITION if 'attention' in able else PLACEHOLDER}, {taught}"
