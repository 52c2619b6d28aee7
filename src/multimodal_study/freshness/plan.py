"""Which nodes of a pipeline must run, and why."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from multimodal_study.freshness.code import PACKAGE, code_digest
from multimodal_study.freshness.ledger import Ledger, content_digest, fingerprint

OBSERVE = "observe"
"""Tag of nodes that look at the outside world: always run, and compared by what they saw."""


@dataclass
class Plan:
    """What to run, with the evidence."""

    components: dict[str, dict[str, str]] = field(default_factory=dict)
    """Node name to the digest of each thing that it depends on."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Node name to the reason why it must run; a node that is not here is fresh."""


def plan(pipeline: Pipeline, catalog: DataCatalog, ledger: Ledger) -> Plan:
    """Compare every node with the ledger, in topological order."""
    result = Plan()
    producers = {name: node for node in pipeline.nodes for name in node.outputs}
    for node in pipeline.nodes:
        components = {"code": code_digest(node.func), "versions": _versions()}
        for name in node.inputs:
            producer = producers.get(name)
            if producer is None:
                components[name] = _input_digest(name, catalog, ledger)
            else:
                components[name] = fingerprint(result.components[producer.name])
        result.components[node.name] = components
        above = [producers[name].name for name in node.inputs if name in producers]
        reason = _reason(node, components, catalog, ledger)
        running = next((name for name in above if name in result.reasons), None)
        if running is not None:
            reason = reason or f"{running} runs"
        if reason:
            result.reasons[node.name] = reason
    return result


def output_path(name: str, catalog: DataCatalog) -> Path | None:
    """Where a dataset lies on disk; None for one that lives in memory only."""
    dataset = catalog.get(name)
    filepath = getattr(dataset, "_filepath", None)
    return None if filepath is None else Path(str(filepath))


def _reason(
    node: Node, components: dict[str, str], catalog: DataCatalog, ledger: Ledger
) -> str | None:
    for name in node.outputs:
        path = output_path(name, catalog)
        if path is None:
            return f"{name} is kept in memory only"
        record = ledger.read(name)
        if record is None:
            return f"{name} has not been made" if not path.exists() else f"{name} has no record"
        if not ledger.intact(record, path):
            return f"{name} is missing or was changed"
        changed = sorted(
            key
            for key in components.keys() | record.components.keys()
            if components.get(key) != record.components.get(key)
        )
        if changed:
            return f"{', '.join(changed)} changed"
    return None


def _input_digest(name: str, catalog: DataCatalog, ledger: Ledger) -> str:
    """Digest of a parameter's value, or of a dataset that no node of this run makes."""
    if name.startswith("params:") or name == "parameters":
        text = json.dumps(catalog.load(name), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
    path = output_path(name, catalog)
    record = ledger.read(name)
    if path is None:
        return "memory"
    if record is not None and ledger.intact(record, path):
        return fingerprint(record.components)
    return content_digest(path)


@cache
def _versions() -> str:
    """Python and every library that the package declares: a new version may change a number."""
    found = {"python": platform.python_version()}
    for requirement in metadata.requires(PACKAGE) or ():
        if "extra ==" not in requirement:
            name = _distribution(requirement)
            found[name] = metadata.version(name)
    return fingerprint(found)


def _distribution(requirement: str) -> str:
    from packaging.requirements import Requirement

    return Requirement(requirement).name


def record_outputs(
    node: Node, components: dict[str, str], catalog: DataCatalog, ledger: Ledger
) -> None:
    """Write the ledger's record for each output of a node that has finished."""
    for name in node.outputs:
        path = output_path(name, catalog)
        if path is not None:
            ledger.write(name, node.name, components, path)
