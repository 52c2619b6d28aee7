"""Ratings that decide: completeness, what lies out of reach, and the node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from multimodal_study.contract import Task
from multimodal_study.errors import InputError
from multimodal_study.interpretation.edges import EdgePath, edge_attributions, without_edges
from multimodal_study.models import gnn
from multimodal_study.pipelines.interpretation.edges import (
    EDGE_TESTS,
    GRAPH_PARTS,
    graph_attributions,
)
from multimodal_study.pipelines.interpretation.networks import Fitted
from multimodal_study.pipelines.paradigms import NETWORKS
from multimodal_study.pipelines.paradigms.cells import fit_cell
from tiny_ratings import ORDINAL, PLAIN, REGRESSION, batch_of, build, ratings

EVALUATION = {"bootstrap": 100, "seed": 3}
OPTIONS = {"examples": 6, "steps": 6, "removed": 3, "sheet_rows": 3}


def fitted_network(task: Task, **changes: Any) -> tuple[gnn.GraphNetwork, Any]:
    features = ratings(task)
    network = build(features, **changes)
    batch = batch_of(features)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(10):
        optimiser.zero_grad()
        network.loss(batch).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return network.eval().requires_grad_(requires_grad=False), batch_of(features, "test", 1)


@pytest.mark.parametrize("task", [REGRESSION, ORDINAL])
@pytest.mark.parametrize("propagation", gnn.PROPAGATIONS)
def test_attributions_sum_to_what_edges_change(task: Task, propagation: str) -> None:
    network, batch = fitted_network(task, propagation=propagation)
    found = edge_attributions(network, batch, 32)
    with torch.no_grad():
        said = network.predict(batch)[0]
    expected = said @ said.new_tensor(task.values) if task.values else said[0]
    assert found.predicted == pytest.approx(float(expected), abs=1e-5)
    assert abs(found.missed()) < 1e-3 + 0.02 * abs(found.predicted - found.without)
    everything = np.arange(len(network.graph.get_buffer("user")))
    alone = without_edges(network, batch, [everything, np.array([], dtype=np.int64)])
    assert alone == pytest.approx([found.without, found.predicted], abs=1e-5)


def test_with_one_step_only_edges_of_the_pair_count() -> None:
    network, batch = fitted_network(REGRESSION, layers=1)
    found = edge_attributions(network, batch, 4)
    user, movie = (network.graph.get_buffer(name).numpy() for name in ("user", "movie"))
    near = (user == int(batch.nodes["user"][0])) | (movie == int(batch.nodes["movie"][0]))
    assert set(found.edges) <= set(np.flatnonzero(near)) and len(found.edges)


def test_the_pairs_own_rating_is_no_evidence() -> None:
    network, batch = fitted_network(REGRESSION)
    graph = network.graph
    own = {name: graph.get_buffer(name)[:1] for name in ("user", "movie")}
    path = EdgePath(network, replace(batch, nodes=own))
    assert path.weight[0] == 0 and 0 not in edge_attributions(network, path.batch, 4).edges


def test_the_node(tmp_path: Path) -> None:
    features = ratings()
    trainer = {
        "seeds": 1, "max_epochs": 3, "patience": 9, "batch_size": 20, "gradient_clip": 1.0,
        "precision": "32", "device": "cpu", "checkpoints": str(tmp_path),
    }  # fmt: skip
    given = {**PLAIN, "trainer": {}}
    weights, config, _, _ = fit_cell(NETWORKS["gnn"](), features, given, trainer, 1)
    fitted = Fitted(NETWORKS["gnn"], weights, config, features)
    table = pd.DataFrame({"title": [f"Film <{i}> costs $5 or $6" for i in range(14)]})
    parts, tests, sheet = graph_attributions(features, table, fitted, OPTIONS, EVALUATION)
    assert list(parts.columns) == GRAPH_PARTS and list(tests.columns) == EDGE_TESTS
    assert parts["share"].sum() == pytest.approx(1.0) and (parts["missed"] < 0.05).all()
    assert tests.set_index("explainer").loc["random", "gain"] == 0
    assert len([axis for axis in sheet.axes if axis.get_title(loc="left")]) == OPTIONS["sheet_rows"]
    again, _, _ = graph_attributions(features, table, fitted, OPTIONS, EVALUATION)
    pd.testing.assert_frame_equal(parts, again)
    with pytest.raises(InputError, match="removed"):
        graph_attributions(features, table, fitted, {**OPTIONS, "removed": 0}, EVALUATION)
