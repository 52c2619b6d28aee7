from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multimodal_study.pipelines.fashion import nodes

Ingest = Callable[..., tuple[Any, Any, dict[str, Any]]]


@pytest.fixture
def run() -> Ingest:
    """Locate and ingest a folder: items, the quarantine as a list of rows, and the summary."""

    def ingest(path: Path | None, source: str, **changes: Any) -> Any:
        given = {
            "source": source,
            "path": None if path is None else str(path),
            "max_quarantined_share": 1.0,
            **changes,
        }
        items, refused, summary = nodes.ingest(nodes.locate({}, given), given, seed=1)
        return items, refused.collect().to_dicts(), summary

    return ingest
