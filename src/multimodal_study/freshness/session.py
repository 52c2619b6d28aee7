"""A Kedro session whose runs skip what is fresh, whichever runner is asked for."""

from __future__ import annotations

import logging
import threading
from itertools import groupby
from pathlib import Path
from typing import Any

from click import ClickException
from kedro.framework.hooks import hook_impl
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner, SequentialRunner

from multimodal_study.errors import InputError
from multimodal_study.freshness.ahead import Ahead
from multimodal_study.freshness.ledger import Ledger
from multimodal_study.freshness.plan import OBSERVE, Plan, plan, record_outputs

LEDGER = "data/.ledger"
SWITCH = "params:skip_unchanged"

logger = logging.getLogger(__name__)


class FreshSession(KedroSession):
    """Runs the stale part of a pipeline and says which part it left alone, and why not."""

    def run(  # type: ignore[override]
        self, *, runner: AbstractRunner | None = None, **options: Any
    ) -> dict[str, Any]:
        """Run as Kedro does, less the nodes whose outputs are up to date.

        ``only_missing_outputs`` is covered by that: a missing output is made again, and so is
        everything below it, which Kedro's own flag would leave stale.
        """
        runner = runner or SequentialRunner()
        ledger = Ledger(Path(self._project_path) / LEDGER)
        runner.run = _FreshRun(runner, ledger)  # type: ignore[method-assign, assignment]
        try:
            return super().run(runner=runner, **options)
        except InputError as error:
            # The message says what to mend; a trace of Kedro's internals would bury it.
            raise ClickException(str(error)) from error

    def load_context(self) -> Any:
        """Load the project's context; a wrong ``--params`` ends here with its message."""
        try:
            return super().load_context()
        except InputError as error:
            raise ClickException(str(error)) from error


class _FreshRun:
    """Stands in for ``runner.run``."""

    def __init__(self, runner: AbstractRunner, ledger: Ledger) -> None:
        self._run = runner.run
        self._ledger = ledger

    def __call__(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: Any = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        if SWITCH in catalog and not catalog.load(SWITCH):
            logger.warning("skip_unchanged is off: every node runs")
            return self._run(pipeline, catalog, hook_manager, run_id, only_missing_outputs)
        observers = Pipeline([node for node in pipeline.nodes if OBSERVE in node.tags])
        if observers.nodes:
            self._run(observers, catalog, hook_manager, run_id)
        rest = pipeline - observers
        decided = plan(rest, catalog, self._ledger)
        stale = rest.filter(node_names=list(decided.reasons)) if decided.reasons else Pipeline([])
        _report(rest, decided)
        if stale.nodes:
            self._execute(stale, catalog, decided, hook_manager, run_id)
        return {name: catalog[name] for name in pipeline.outputs()}

    def _execute(
        self,
        stale: Pipeline,
        catalog: DataCatalog,
        decided: Plan,
        hook_manager: Any,
        run_id: str | None,
    ) -> None:
        for name in stale.all_outputs():
            self._ledger.forget(name)
        recorder = _Recorder(decided, catalog, self._ledger)
        if hook_manager is not None:
            hook_manager.register(recorder)
        ahead = Ahead(stale, catalog, recorder.finished)
        try:
            self._run(ahead.pipeline(), catalog, hook_manager, run_id)
        finally:
            ahead.close()
            if hook_manager is not None:
                hook_manager.unregister(recorder)
        # Runners that work in other processes call no hooks in this one.
        for node in stale.nodes:
            recorder.finish(node)


class _Recorder:
    """Writes a node's record once its last output is on disk."""

    def __init__(self, decided: Plan, catalog: DataCatalog, ledger: Ledger) -> None:
        self._decided = decided
        self._catalog = catalog
        self._ledger = ledger
        self._saved: dict[str, set[str]] = {}
        self._recorded: set[str] = set()
        self._lock = threading.Lock()

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Count the outputs of ``node`` that have been saved."""
        with self._lock:
            saved = self._saved.setdefault(node.name, set())
            saved.add(dataset_name)
            complete = saved == set(node.outputs)
        if complete:
            self.finish(node)

    def finished(self) -> set[str]:
        """Names of the nodes that have been recorded."""
        with self._lock:
            return set(self._recorded)

    def finish(self, node: Node) -> None:
        """Record ``node`` unless that was done already."""
        with self._lock:
            if node.name in self._recorded:
                return
            self._recorded.add(node.name)
        components = self._decided.components[node.name]
        record_outputs(node, components, self._catalog, self._ledger)


def _report(pipeline: Pipeline, decided: Plan) -> None:
    """One line per fresh group of nodes, one per node that runs."""
    fresh = [node for node in pipeline.nodes if node.name not in decided.reasons]
    by_place = sorted(fresh, key=lambda node: (node.namespace or "", node.name))
    for place, nodes in groupby(by_place, key=lambda node: node.namespace or "project"):
        names = ", ".join(node.name.split(".")[-1] for node in nodes)
        logger.info("Skipping %s (%s): unchanged", place, names)
    for node in pipeline.nodes:
        if node.name in decided.reasons:
            logger.info("Running %s: %s", node.name, decided.reasons[node.name])
