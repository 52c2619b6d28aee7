from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multimodal_study.pipelines.amazon import nodes

Ingest = Callable[..., tuple[Any, Any, Any, dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path) -> Ingest:
    """Locate and ingest a folder; gives the three tables, collected, and the summary."""

    def ingest(path: Path | None, source: str = "amazon_2018", **changes: Any) -> Any:
        params = {
            "source": source,
            "path": None if path is None else str(path),
            "scratch": str(tmp_path / "scratch"),
            "max_quarantined_share": 0.9,
            **changes,
        }
        *tables, summary = nodes.ingest(nodes.locate(params), params)
        return *(table.collect() for table in tables), summary

    return ingest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "raw"
    path.mkdir()
    return path
