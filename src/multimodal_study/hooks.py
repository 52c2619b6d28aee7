"""What the project adds to every Kedro run: strict parameters, and one MLflow run per seed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline.node import Node

from multimodal_study.errors import InputError

logger = logging.getLogger(__name__)

# Two runs that share the cores would otherwise spin against each other inside OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

OVERRIDES, TRAINER = "overrides", "trainer"
"""Key of a dataset's parameters below which those of any paradigm may stand."""


RUN = "run_record"
"""Catalogue name of the record of the run."""
MIRRORED = {"evaluate": "metrics", "retrieve": "retrieval"}
"""Last part of a node's name to the output that MLflow mirrors."""
IDENTITY = ("dataset", "paradigm")


class RejectUnknownParameters:
    """Refuses ``--params`` that name nothing, before the first node runs."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Compare the parameters of the command line with those of the files."""
        loader = context.config_loader
        given: dict[str, Any] = getattr(loader, "runtime_params", None) or {}
        if not given:
            return
        files = OmegaConfigLoader(
            conf_source=str(loader.conf_source),
            env=loader.env,
            base_env=getattr(loader, "base_env", None),
            default_run_env=getattr(loader, "default_run_env", None),
            merge_strategy={"parameters": "soft"},
        )
        reject_unknown(given, files["parameters"])


class RecordRun:
    """Tells the pages which run made them: what was asked for, commit and machine."""

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any], catalog: DataCatalog) -> None:
        """Put the record of the run where nodes can read it; it decides nothing about freshness."""
        if RUN not in catalog:
            return
        import mlflow

        from multimodal_study.reporting.provenance import run_record

        active = mlflow.active_run()
        asked = run_params.get("pipeline_names") or [run_params.get("pipeline_name")]
        catalog[RUN] = run_record(
            Path(run_params["project_path"]),
            str(run_params["run_id"]),
            run_params.get("env"),
            [str(name) for name in asked if name and name != "__default__"],
            dict(_leaves(run_params.get("runtime_params") or {})),
            None if active is None else str(active.info.run_id),
        )


def reject_unknown(given: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raise if ``given`` has a key that ``known`` lacks.

    Raises:
        InputError: names the unknown parameter and the nearest known ones.
    """
    names = list(_paths(known))
    for name, value in _leaves(given):
        if _exists(name.split("."), known, value):
            continue
        near = get_close_matches(name, names, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "see conf/base/parameters*.yml"
        raise InputError(f"--params {name}: no such parameter; {hint}")


def _exists(path: list[str], known: Mapping[str, Any], value: Any) -> bool:
    if OVERRIDES in path[1:]:
        # Below a dataset's overrides stand the paradigms' own parameters, or a budget for each.
        path = path[path.index(OVERRIDES) + 1 :]
        if path[:1] and path[0] in known and path[1:2] == [TRAINER]:
            path = path[1:]
    group: Any = known
    for place, key in enumerate(path):
        if place and isinstance(group, Mapping) and not group:
            # An empty group takes names that only a dataset knows, such as its modalities.
            return True
        if not isinstance(group, Mapping) or key not in group:
            return False
        group = group[key]
    if isinstance(group, Mapping) and group and not isinstance(value, Mapping):
        keys = ", ".join(".".join([*path, key]) for key in group)
        raise InputError(
            f"--params {'.'.join(path)}={value}: that is a group of parameters; set one of {keys}"
        )
    return True


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _paths(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{prefix}{key}.")


class TrackCells:
    """One MLflow run per dataset, paradigm and seed, nested under the run of ``kedro run``.

    kedro-mlflow opens one flat run; the catalogue stays the place of record and MLflow gets a
    mirror: parameters, metrics per split, the learning curve and the cell's tables.
    """

    @hook_impl
    def after_node_run(self, node: Node, catalog: DataCatalog, outputs: dict[str, Any]) -> None:
        """Mirror a cell when its ``evaluate`` or its ``retrieve`` node has finished."""
        if node.namespace is None or node.name.rpartition(".")[2] not in MIRRORED:
            return
        import mlflow

        parent = mlflow.active_run()
        if parent is None:
            logger.info(
                "%s: no MLflow run is active, its metrics are in the catalogue only", node.namespace
            )
            return
        kind = MIRRORED[node.name.rpartition(".")[2]]
        measured = next(value for name, value in outputs.items() if name.endswith(f".{kind}"))
        for seed, values in _by_seed(measured).items():
            run = _run_of(parent.info, node.namespace, seed)
            _mirror(run, node.namespace, seed, kind, values, catalog)


def _by_seed(metrics: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """``{seed: {split.metric: value}}`` from the metrics of a cell."""
    found: dict[str, dict[str, float]] = {}
    for split, seeds in metrics["per_seed"].items():
        for seed, values in seeds.items():
            cell = found.setdefault(str(seed), {})
            cell.update({f"{split}.{name}": float(value) for name, value in values.items()})
    return found


def _run_of(parent: Any, cell: str, seed: str) -> Any:
    """The run of one seed of a cell below ``parent``; evaluation and retrieval share it."""
    from mlflow.tracking import MlflowClient

    # The client, not the fluent interface: that one keeps its stack of runs per thread.
    client = MlflowClient()
    dataset, paradigm = cell.split(".")
    tags = {"dataset": dataset, "paradigm": paradigm, "seed": seed}
    tags["mlflow.parentRunId"] = parent.run_id
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    found = client.search_runs([parent.experiment_id], wanted, max_results=1)
    if found:
        return found[0].info
    run = client.create_run(parent.experiment_id, run_name=f"{cell} seed {seed}", tags=tags)
    return run.info


def _mirror(  # noqa: PLR0917
    run: Any, cell: str, seed: str, kind: str, metrics: dict[str, float], catalog: DataCatalog
) -> None:
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    dataset, paradigm = cell.split(".")
    # A linear map of the features is no fit: it has neither configuration nor curve.
    config = catalog.load(f"{cell}.config") if catalog.exists(f"{cell}.config") else {}
    curve = _curve(cell, seed, run.start_time, catalog) if kind == "metrics" else ()
    parameters = [
        Param(name, str(value)[:500])
        for name, value in _leaves({**config, "seed": seed})
        if name not in IDENTITY
    ]
    client.log_batch(
        run.run_id,
        metrics=[Metric(name, value, run.start_time, 0) for name, value in metrics.items()]
        + list(curve),
        params=[Param("dataset", dataset), Param("paradigm", paradigm), *parameters],
        tags=[RunTag("kedro.namespace", cell)],
    )
    client.set_terminated(run.run_id)


def _curve(cell: str, seed: str, time: int, catalog: DataCatalog) -> Iterator[Any]:
    from mlflow.entities import Metric

    history = catalog.load(f"{cell}.history")
    own = history[history["seed"].astype(str) == seed].drop(columns="seed")
    for step, row in enumerate(own.dropna(axis="columns").to_dict("records")):
        # A baseline that tried several settings has no epochs; its tries are numbered.
        for name, value in row.items():
            if name != "epoch":
                yield Metric(f"epoch.{name}", float(value), time, int(row.get("epoch", step)))
