"""Facts that no table has: names and sources of paradigms, licences, what others published."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

FUSION, SINGLE, BASELINE = "fusion", "single", "baseline"


def paradigm_facts(name: str) -> dict[str, Any]:
    """``title``, ``kind``, ``code`` and ``source`` of a paradigm; its bare name where unknown."""
    unknown = {"title": name, "kind": FUSION, "code": "", "source": ""}
    return {**unknown, **_read("paradigms").get(name, {})}


def reads_one(name: str) -> bool:
    """Whether a paradigm reads a single modality."""
    facts = paradigm_facts(name)
    return facts["kind"] == SINGLE or "reads" in facts


def fuses(name: str) -> bool:
    """Whether a paradigm fuses modalities by learning."""
    return bool(paradigm_facts(name)["kind"] == FUSION)


def source_facts(dataset: str, source: str) -> dict[str, str]:
    """``title``, ``licence`` and ``cite`` of a dataset's source; says so where it is unknown."""
    unknown = dict.fromkeys(("title", "licence", "cite"), "not recorded")
    return {**unknown, **_read("sources").get(dataset, {}).get(source, {})}


def published() -> list[dict[str, Any]]:
    """Numbers of others, see the file."""
    return [dict(row) for row in _read("published")]


@cache
def _read(name: str) -> Any:
    path = files("multimodal_study.reporting").joinpath("facts", f"{name}.yml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))
