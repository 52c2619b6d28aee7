"""The nodes of explanation on garments that were drawn, read and fitted for the occasion."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

import tiny_bert
from multimodal_study.contract import Features
from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion import nodes
from multimodal_study.pipelines.fashion.featurise import featurise
from multimodal_study.pipelines.interpretation import localisation as local
from multimodal_study.pipelines.interpretation.coattention import COATTENTION, WORDS, coattention
from multimodal_study.pipelines.interpretation.explain import explain_pictures
from multimodal_study.pipelines.interpretation.faithfulness import TESTS
from multimodal_study.pipelines.interpretation.networks import Fitted, fitted_cells
from multimodal_study.pipelines.paradigms import NETWORKS
from multimodal_study.pipelines.paradigms.cells import fit_cell

GIVEN = {
    "source": "rendered", "path": None, "max_quarantined_share": 0.0,
    "rendered": {"n": 48, "size": 48, "workers": 1},
}  # fmt: skip
TASK = {"name": None, "min_class_rows": 2, "decides": None}
SPLIT = {"strategy": "random", "fractions": {"validation": 0.2, "test": 0.4}}
ENCODER = {
    "model": "efficientnet-lite0", "size": 64, "crop": "squash", "backend": "torch", "threads": 1,
    "trainable": False,
}  # fmt: skip
EXPLAIN = {
    "layer": "grid", "examples": 12, "margin": 0.067, "random_maps": 2, "tested": 6, "steps": 2,
    "sheet_rows": 2,
}  # fmt: skip
GARMENTS = (
    "dress", "coat", "skirt", "blouse", "jumper", "trousers", "gown", "silk", "wool", "linen",
    "cotton", "denim", "velvet", "red", "blue", "summer", "winter", "spring", "autumn", "office",
)  # fmt: skip
EVALUATION = {"bootstrap": 100, "seed": 3}
FUSION: dict[str, Any] = {
    "embed_dim": 8, "dropout": 0.0, "words_dropout": 0.0, "modality_dropout": 0.0,
    "learning_rate": 0.01, "weight_decay": 0.0, "label_smoothing": 0.0, "class_weights": "none",
}  # fmt: skip
FILE = Path(__file__).parents[3] / "conf/base/parameters_vilbert.yml"
VILBERT: dict[str, Any] = {
    **yaml.safe_load(FILE.read_text())["vilbert"], "embed_dim": 8, "heads": 2, "candidates": 0,
}  # fmt: skip


class World(NamedTuple):
    features: Features
    table: pd.DataFrame
    files: dict[str, Any]
    evidence: pd.DataFrame
    tokens: dict[str, Any]
    cells: dict[str, Fitted]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("explained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tiny_bert, "WORDS", GARMENTS)
        rendered = nodes.render(GIVEN, 1)
        files = nodes.locate(rendered, GIVEN)
        items, _, summary = nodes.ingest(files, GIVEN, 1)
        splits, said = nodes.split(items, SPLIT, summary, 1)
        table, _ = nodes.enrich(items, splits, TASK, {}, summary)
        tokens = {
            "model": str(tiny_bert.save(folder / "bert")),
            "max_tokens": 16,
            "backend": "torch",
        }
        options = {"cache": str(folder / "cache"), "text": tokens, "tokens": tokens}
        options["words"] = {"max_features": 40}
        features = featurise(table, files, TASK, options, ENCODER, summary, said)
        trainer = {
            "seeds": 2, "max_epochs": 2, "patience": 9, "batch_size": 16, "gradient_clip": 1.0,
            "precision": "32", "device": "cpu", "checkpoints": str(folder / "fits"),
        }  # fmt: skip
        saved = {}
        for name, parameters in (("early", FUSION), ("vilbert", VILBERT)):
            weights, config, _, _ = fit_cell(
                NETWORKS[name](), features, {**parameters, "trainer": {}}, trainer, 1
            )
            saved[name] = (weights, config)
        cells = fitted_cells(NETWORKS, {}, features, table, files, saved)
        evidence = nodes.evidence(table, items, rendered, TASK, summary)
        files["root"] = str((folder / files["root"]).absolute())
    return World(features, table, files, evidence, tokens, cells)


def explain(world: World, **changes: Any) -> Any:
    given = {"evidence": world.evidence, "encoder": ENCODER, "explain": EXPLAIN, **changes}
    return explain_pictures(
        world.features, world.table, world.files, given["evidence"], world.cells,
        given["encoder"], given["explain"], EVALUATION,
    )  # fmt: skip


def test_pictures_are_explained_and_the_explanations_tested(world: World) -> None:
    board, tests, sheet = explain(world)
    assert list(board.columns) == local.LOCALISATION and list(tests.columns) == TESTS
    assert set(board["paradigm"]) == {"early", "vilbert"}
    # early has no space in which picture and text could match.
    assert set(board.loc[board["factor"] == "described", "paradigm"]) == {"vilbert"}
    whole = board[board["factor"] == local.ALL]
    explainers = {"grad_cam", "grad_cam_pp", "scrambled", "random", "constant", "centre"}
    assert all(set(own["explainer"]) == explainers for _, own in whole.groupby("paradigm"))
    assert board[["pointing", "mass"]].stack().between(0, 1).all()
    assert (board["pointing_low"] <= board["pointing"]).all()
    constant = whole[whole["explainer"] == "constant"]
    assert (constant["gain"] <= 0).all() and constant["verdict"].eq("").all()
    assert (tests.loc[tests["explainer"] == "random", "gain"] == 0).all()
    known = tests[tests["explainer"] == "grad_cam"]
    assert known["scrambled_correlation"].dropna().between(-1, 1).all()
    assert len(sheet.axes) == 2 * (1 + len(world.cells) + 1)


def test_the_same_questions_are_asked_every_time(world: World) -> None:
    alone = world._replace(cells={"early": world.cells["early"]})
    pd.testing.assert_frame_equal(explain(alone)[0], explain(alone)[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": {**ENCODER, "trainable": True}},
        {"encoder": {**ENCODER, "model": "some/model"}},
        {"encoder": {**ENCODER, "crop": "centre"}},
        {"evidence": pd.DataFrame({"example_id": []})},
    ],
)
def test_what_cannot_be_looked_through_is_said_and_left_out(
    world: World, changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    board, tests, _ = explain(world, **changes)
    assert board.empty and tests.empty and "are not explained" in caplog.text


@pytest.mark.parametrize(("name", "value"), [("tested", 0), ("margin", 1.0), ("random_maps", 2.5)])
def test_a_parameter_of_explain_is_checked(world: World, name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"interpretation\.explain\.{name} is {value}"):
        explain(world, explain={**EXPLAIN, name: value})


def test_a_lost_mask_is_named(world: World) -> None:
    with pytest.raises(InputError, match=r"Masks/lost\.png is missing"):
        explain(world, evidence=world.evidence.assign(mask="Masks/lost.png"))


def test_features_of_another_picture_stop_the_node(world: World) -> None:
    turned = world.table.assign(image=np.roll(world.table["image"].to_numpy(), 1))
    with pytest.raises(RuntimeError, match="differ from the saved ones"):
        explain(world._replace(table=turned))


def test_streams_are_read_both_ways(world: World) -> None:
    options = {"examples": 9, "words": 2, "sheet_rows": 2}
    given = (world.features, world.table, world.files, world.cells["vilbert"])
    board, words, sheet = coattention(*given, options, world.tokens, EVALUATION)
    assert list(board.columns) == COATTENTION and list(words.columns) == WORDS
    assert board["agreement"].between(-1, 1).all() and (board["seeds"] == 2).all()
    assert words.groupby("example_id").size().max() <= 2 and len(sheet.axes) == 2 * 5
    assert words["cell_row"].between(0, 1).all() and words["read"].between(0, 1).all()
    spoken = dict(
        zip(world.features.examples["example_id"], world.features.examples["text"], strict=True)
    )
    assert all(row["word"] in spoken[row["example_id"]].lower() for row in words.to_dict("records"))
    nothing, _, _ = coattention(*given, options, None, EVALUATION)
    assert nothing.empty
