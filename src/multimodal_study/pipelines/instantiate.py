"""Place a list of nodes on one dataset and one paradigm."""

from __future__ import annotations

from collections.abc import Iterable

from kedro.pipeline import Node, Pipeline


def instantiate(
    nodes: Iterable[Node], *, dataset: str, paradigm: str, tags: Iterable[str] = ()
) -> Pipeline:
    """The nodes as the namespace ``<dataset>.<paradigm>``.

    Every free data input is the dataset's (``features`` becomes ``amazon.features``); every
    parameter is global, save ``params:overrides``, which is the dataset's own; every output is
    the cell's.
    """
    template = Pipeline(list(nodes))
    free = template.inputs()
    parameters = {name for name in free if name.startswith("params:")}
    owned = {"params:overrides": f"params:{dataset}.overrides"}
    return Pipeline(
        template,
        namespace=f"{dataset}.{paradigm}",
        inputs={name: f"{dataset}.{name}" for name in free - parameters},
        parameters={name: owned.get(name, name) for name in parameters},
        tags={dataset, paradigm, *tags},
    )
