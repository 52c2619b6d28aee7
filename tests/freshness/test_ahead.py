"""Fits before their turn: who begins, that results and order are the runner's, and errors."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner
from kedro_datasets.json import JSONDataset

from multimodal_study.freshness.ahead import ONE_CORE
from multimodal_study.freshness.ledger import Ledger
from multimodal_study.freshness.session import _FreshRun
from multimodal_study.pipelines.instantiate import instantiate

FEATURES = SimpleNamespace(modalities={})


def fit(
    features: Any, parameters: dict[str, Any], overrides: dict[str, Any], trainer: dict[str, Any]
) -> dict[str, int]:
    if parameters.get("breaks"):
        raise ValueError("no fit")
    return {"process": os.getpid(), "value": parameters["value"]}


def ran(
    root: Path, cells: dict[str, dict[str, Any]], trainer: dict[str, Any], **overrides: Any
) -> dict[str, Any]:
    catalog = DataCatalog({"toy.features": MemoryDataset(FEATURES)})
    budget = {"seeds": 1, "device": "cpu", "processes": 2} | trainer
    catalog["params:trainer"], catalog["params:toy.overrides"] = budget, overrides
    everything = Pipeline([])
    for name, parameters in cells.items():
        catalog[f"params:{name}"] = parameters
        catalog[f"toy.{name}.weights"] = JSONDataset(filepath=str(root / f"{name}.json"))
        inputs = ["features", f"params:{name}", "params:overrides", "params:trainer"]
        catalog[f"toy.{name}.asked"] = JSONDataset(filepath=str(root / f"asked_{name}.json"))
        nodes = [
            Node(fit, inputs, "weights", name="fit", tags=[ONE_CORE]),
            # Inputs by name, as the nodes that read every cell have them.
            Node(
                ask,
                {"features": "features", "fitted": "weights"},
                "asked",
                name="ask",
                tags=[ONE_CORE],
            ),
        ]
        everything += instantiate(nodes, dataset="toy", paradigm=name)
    run = _FreshRun(SequentialRunner(), Ledger(root / "ledger"))
    run(everything, catalog, _create_hook_manager())
    asked = [catalog.load(f"toy.{name}.asked") for name in cells]
    assert [each["value"] for each in asked] == [10 * cell["value"] for cell in cells.values()]
    # What stands below the fits goes ahead too, once they are there, whoever made them.
    alone = len(cells) == 1 or budget["processes"] == 1
    assert {each["process"] == os.getpid() for each in asked} == {alone}
    return {name: catalog.load(f"toy.{name}.weights") for name in cells}


def ask(features: Any, fitted: dict[str, int]) -> dict[str, int]:
    return {"process": os.getpid(), "value": 10 * fitted["value"]}


def places(found: dict[str, Any]) -> set[bool]:
    """Whether fits ran in this process."""
    return {each["process"] == os.getpid() for each in found.values()}


CELLS: dict[str, dict[str, Any]] = {f"cell_{n}": {"value": n} for n in (1, 2, 3)}


def test_cells_of_one_seed_are_fitted_elsewhere_and_each_gets_its_own(tmp_path: Path) -> None:
    found = ran(tmp_path, CELLS, {})
    assert places(found) == {False}
    assert [each["value"] for each in found.values()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("trainer", "cells"),
    [
        ({"processes": 1}, CELLS),
        ({"seeds": 3}, CELLS),
        ({}, {"cell_1": {"value": 1}}),
    ],
)
def test_what_would_gain_nothing_stays(
    tmp_path: Path, trainer: dict[str, Any], cells: dict[str, Any]
) -> None:
    assert places(ran(tmp_path, cells, trainer)) == {True}


def test_a_cell_with_more_seeds_of_its_own_stays(tmp_path: Path) -> None:
    found = ran(tmp_path, CELLS, {}, cell_2={"trainer": {"seeds": 3}})
    assert {name: each["process"] == os.getpid() for name, each in found.items()} == {
        "cell_1": False,
        "cell_2": True,
        "cell_3": False,
    }


def test_what_fails_elsewhere_fails_here_and_what_was_done_is_kept(tmp_path: Path) -> None:
    broken = CELLS | {"cell_2": {"value": 2, "breaks": True}}
    with pytest.raises(ValueError, match="no fit"):
        ran(tmp_path, broken, {})
    assert (tmp_path / "cell_1.json").is_file() and not (tmp_path / "cell_2.json").is_file()
    assert ran(tmp_path, CELLS, {})["cell_2"]["value"] == 2
