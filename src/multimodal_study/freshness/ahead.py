"""Work that needs one core, on all cores: it begins before its turn.

A runner takes node after node, and a cell of one seed leaves all cores but one idle. Here the
functions of such nodes run in processes of their own, those first that most others wait for, and a
node whose turn has come waits for its result. Loading, saving, hooks and their order stay with the
runner. Numbers of networks do not change, they use one thread wherever they run; linear algebra of
baselines may differ in its last digits between one thread and several.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

ONE_CORE = "one_core"
"""Tag of a node that gains next to nothing by a second thread."""
TRAINER = "params:trainer"

logger = logging.getLogger(__name__)


class Ahead:
    """The tagged nodes of one run.

    Args:
        stale: What will run.
        catalog: Where inputs are loaded from, once more than by the runner.
        finished: Names of the nodes whose outputs have all been saved.
    """

    def __init__(
        self, stale: Pipeline, catalog: DataCatalog, finished: Callable[[], Collection[str]]
    ) -> None:
        self._stale = stale
        self._finished = finished
        self._catalog = catalog
        self._waiting = {node.name: node for node in stale.nodes if ONE_CORE in node.tags}
        self._begun: dict[str, Iterator[tuple[str, Any]]] = {}
        self._found: dict[str, Any] = {}

    def pipeline(self) -> Pipeline:
        """``stale``, its tagged nodes with functions that wait for their results."""
        if len(self._waiting) <= 1:
            return self._stale
        return Pipeline(
            [
                node._copy(func=self._turn(node)) if node.name in self._waiting else node
                for node in self._stale.nodes
            ]
        )

    def close(self) -> None:
        """End what nobody waits for any more."""
        for results in {id(each): each for each in self._begun.values()}.values():
            results.close()  # type: ignore[attr-defined]

    def _turn(self, node: Node) -> Callable[..., Any]:
        positions, names = _arguments(node)

        def turn(*inputs: Any, **named: Any) -> Any:
            if node.name not in self._begun:
                given = dict(zip(positions, inputs, strict=True))
                self._begin(node, given | {names[key]: value for key, value in named.items()})
            if node.name not in self._begun:
                return node.func(*inputs, **named)
            while node.name not in self._found:
                name, result = next(self._begun[node.name])
                self._found[name] = result
            result = self._found.pop(node.name)
            if isinstance(result, Exception):
                raise result
            return result

        return turn

    def _begin(self, first: Node, loaded: dict[str, Any]) -> None:
        """Start ``first`` and all of its dataset that could run now, if that uses more cores."""
        finished = self._finished()
        unmade = {
            name for node in self._stale.nodes if node.name not in finished for name in node.outputs
        } - set(first.inputs)
        dataset = _dataset(first)
        ready = [
            node
            for name, node in self._waiting.items()
            if name not in finished
            and name not in self._begun
            and _dataset(node) == dataset
            and not unmade & set(node.inputs)
        ]
        ready.sort(key=self._waiting_for, reverse=True)
        needed = {name for node in ready for name in node.inputs}
        needed |= {TRAINER, f"{dataset}.features"}
        for name in needed - set(loaded):
            loaded[name] = self._catalog.load(name)
        processes = _processes(first, loaded)
        chosen = [node for node in ready if _seeds(node, loaded) < processes]
        if first not in chosen or len(chosen) <= 1:
            return
        names = [node.name for node in chosen]
        logger.info("%d at a time: %s", processes, ", ".join(names))
        results = _results(chosen, loaded, processes)
        self._begun |= dict.fromkeys(names, results)

    def _waiting_for(self, node: Node) -> int:
        """How many tagged nodes need what ``node`` makes, itself included."""
        return sum(ONE_CORE in each.tags for each in self._stale.from_nodes(node.name).nodes)


def _results(
    nodes: list[Node], loaded: dict[str, Any], processes: int
) -> Iterator[tuple[str, Any]]:
    from multimodal_study.side_by_side import side_by_side

    def work(part: tuple[Callable[..., Any], list[str], dict[str, str]]) -> Any:
        function, positions, names = part
        inputs = [loaded[name] for name in positions]
        try:
            return function(*inputs, **{key: loaded[name] for key, name in names.items()})
        except Exception as error:
            return error

    parts = [(node.func, *_arguments(node)) for node in nodes]
    made = side_by_side(work, parts, processes)
    yield from ((node.name, result) for node, result in zip(nodes, made, strict=True))


def _arguments(node: Node) -> tuple[list[str], dict[str, str]]:
    """Catalogue names of the inputs: by position, or by the argument's name."""
    given = node._inputs
    if isinstance(given, dict):
        return [], dict(given)
    return list(node.inputs), {}


def _dataset(node: Node) -> str:
    return str(node.name).split(".", maxsplit=1)[0]


def _processes(node: Node, loaded: dict[str, Any]) -> int:
    """Cells at a time on this machine, of networks that gain nothing by threads."""
    from multimodal_study.hardware import fits_at_a_time
    from multimodal_study.models.base import FusionModule

    trainer = loaded[TRAINER]
    features = loaded[f"{_dataset(node)}.features"]
    return fits_at_a_time(
        FusionModule, features.modalities, trainer["device"], trainer["processes"]
    )


def _seeds(node: Node, loaded: dict[str, Any]) -> int:
    """Fits of the cell: the last of budget, parameters and the dataset's overrides that says.

    1 for what is no fit: all seeds of the cell are asked one after the other.
    """
    if TRAINER not in node.inputs:
        return 1
    own = [name for name in node.inputs if isinstance(loaded[name], dict) and name != TRAINER]
    blocks = [loaded[TRAINER]]
    blocks += [loaded[name].get("trainer", {}) for name in own]
    for overrides in (loaded[name] for name in own if name.endswith(".overrides")):
        names = (name.removeprefix("params:") for name in own)
        blocks += [overrides[name].get("trainer", {}) for name in names if name in overrides]
    return int([block["seeds"] for block in blocks if "seeds" in block][-1])
