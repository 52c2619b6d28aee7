"""Retrieval of cells, from tiny paired features to the page."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.data.gallery import gallery_of, matches_to_save, saved_matches
from multimodal_study.metrics.retrieval import retrieval_metrics
from multimodal_study.pipelines.evaluation import Compared, compare
from multimodal_study.pipelines.evaluation.nodes import CONTRIBUTIONS, LEADERBOARD
from multimodal_study.pipelines.evaluation.retrieval import (
    LINEAR_MAPS,
    retrieve,
    retrieve_features,
)
from multimodal_study.pipelines.evaluation.retrieval_tables import (
    strongest_map,
    with_retrieval,
    with_retrieval_differences,
)
from multimodal_study.pipelines.paradigms import BASELINES, cell, linear_maps
from multimodal_study.pipelines.report import describe, write
from test_configuration import ROOT, parameters

PAIR = ("image", "text")
SETTINGS: dict[str, Any] = {"bootstrap": 100, "splits": ["test"]}


def paired(n: int = 120, *, missing: int = 0) -> Features:
    """Items with two linearly related views; some share a text, each is asked about twice."""
    random = np.random.default_rng(0)
    text_key = np.arange(n)
    text_key[1::6] = text_key[0::6]
    split = np.array(["train", "train", "train", "validation", "test"])[(text_key // 2) % 5]
    text = random.standard_normal((n, 6)).astype(np.float32)[text_key]
    image = text @ random.standard_normal((6, 9)).astype(np.float32)
    image += 1.5 * random.standard_normal(image.shape).astype(np.float32)
    present = {"image": np.ones(n, dtype=bool), "text": np.ones(n, dtype=bool)}
    present["image"][np.flatnonzero(split == "test")[:missing]] = False
    item = np.tile(np.arange(n), 2)
    examples = pd.DataFrame(
        {
            "example_id": [f"e{i:03}" for i in range(2 * n)],
            "item": item,
            "split": split[item],
            "target": (text[item, 0] > 0).astype(int),
            "cluster": [f"c{key}" for key in text_key[item]],
            "image_key": [f"i{i}" for i in item],
            "text_key": [f"t{key}" for key in text_key[item]],
        }
    )
    modalities = {
        "image": Modality("image", "item", "image", 9, "image", "normal", "test"),
        "text": Modality("text", "item", "text", 6, "text", "normal", "test"),
    }
    task = Task("sign", "binary", ("minus", "plus"), "accuracy")
    arrays: Any = {"image": image, "text": text}
    return Features(arrays, present, examples, modalities, task, pair=PAIR)


def embedded(features: Features, seeds: tuple[int, ...] = (42,)) -> dict[str, Any]:
    """What a cell would save if it changed nothing."""
    rows = np.concatenate([features.rows(s) for s in ("validation", "test", "train")])
    item = features.examples["item"].to_numpy()[rows]
    found: dict[str, Any] = {"rows": rows}
    for seed in seeds:
        found |= {f"{seed}/{name}": features.arrays[name][item].copy() for name in PAIR}
    return found


def config(*capabilities: str, modalities: tuple[str, ...] = PAIR) -> dict[str, Any]:
    return {"capabilities": list(capabilities), "modalities": list(modalities)}


def test_a_gallery_has_each_entity_once_in_the_order_of_the_examples() -> None:
    features = paired(missing=2)
    gallery = gallery_of(features, "test")
    items = features.examples["item"].to_numpy()[gallery.rows]
    assert len(set(items)) == len(items)
    assert gallery.left_out == 2
    assert len(gallery) == int((features.examples["split"][:120] == "test").sum()) - 2
    assert (np.diff(gallery.rows) > 0).all()
    assert len(np.unique(gallery.keys[0])) == len(gallery) > len(np.unique(gallery.keys[1]))


def test_a_mapped_cell_survives_json_and_beats_chance() -> None:
    features = paired()
    ranks, found = retrieve(features, embedded(features, (42, 43)), config(), SETTINGS)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["space"] == "mapped"
    assert found["choices"]["42"]["map"] == "ridge"
    assert found["choices"]["42"]["towards"] in PAIR
    assert set(ranks["split"]) == {"validation", "test"}
    assert {row["metric"] for row in found["rows"]} == set(retrieval_metrics(PAIR))
    for row in found["rows"]:
        assert row["low"] <= row["value"] <= row["high"]
        assert row["seeds"] == 2
    recall = "recall_at_1_text_to_image"
    assert found["per_seed"]["test"]["42"][recall] > 5 * found["chance"]["test"][recall]


def test_the_map_does_not_see_the_test_rows() -> None:
    features = paired()
    before = embedded(features)
    after = {name: array.copy() for name, array in before.items()}
    test = np.isin(before["rows"], features.rows("test"))
    for name in PAIR:
        after[f"42/{name}"][test] = np.random.default_rng(1).standard_normal(
            after[f"42/{name}"][test].shape
        )
    found = [retrieve(features, each, config(), SETTINGS)[1] for each in (before, after)]
    assert found[0]["choices"] == found[1]["choices"]
    assert found[0]["per_seed"]["validation"] == found[1]["per_seed"]["validation"]
    assert found[0]["per_seed"]["test"] != found[1]["per_seed"]["test"]


def test_a_shared_space_needs_no_map() -> None:
    features = paired()
    embeddings = embedded(features)
    embeddings["42/image"] = embeddings["42/text"]
    ranks, found = retrieve(features, embeddings, config("retrieval"), SETTINGS)
    assert found["space"] == "shared"
    assert found["choices"] == {}
    assert found["per_seed"]["test"]["42"]["recall_at_1_image_to_text"] == 1.0
    # Items with the same text cannot be told apart, one to one.
    assert found["per_seed"]["test"]["42"]["recall_at_1_image_to_text_one_to_one"] < 1.0
    assert (ranks["image_to_text_above"] == 0).all()


def test_saved_matching_scores_rerank() -> None:
    features = paired()
    embeddings = embedded(features)
    plain = retrieve(features, embeddings, config(), SETTINGS)[1]
    for split in ("validation", "test"):
        size = len(gallery_of(features, split))
        # The own item is the second of three candidates, by far the best by score.
        positions = (np.arange(size)[:, None] + np.array([3, 0, 5])) % size
        scores = np.tile([0.0, 9.0, 1.0], (size, 1))
        for query, gallery in (PAIR, PAIR[::-1]):
            saved = matches_to_save(42, split, query, gallery, positions, scores)
            embeddings |= saved
            read = saved_matches(embeddings, 42, split, query, gallery)
            assert read is not None
            np.testing.assert_array_equal(read[0], positions)
    assert "42/match/test/image_to_text/candidates" in embeddings
    found = retrieve(features, embeddings, config(), SETTINGS)[1]
    assert found["reranked"] == {"validation": 3, "test": 3}
    assert found["per_seed"]["test"]["42"]["recall_at_1_image_to_text_one_to_one"] == 1.0
    assert plain["per_seed"]["test"]["42"]["recall_at_1_image_to_text_one_to_one"] < 1.0
    del embeddings["42/match/test/image_to_text/scores"]
    with pytest.raises(ValueError, match="alone, expected"):
        retrieve(features, embeddings, config(), SETTINGS)


def test_what_cannot_retrieve_says_why() -> None:
    features = paired()
    only_text = config(modalities=("text",))
    ranks, found = retrieve(features, embedded(features), only_text, SETTINGS)
    assert found["space"] == "not applicable: it does not read image"
    assert ranks.empty
    assert found["rows"] == []
    joint = {"rows": np.arange(3), "42/joint": np.zeros((3, 2))}
    _, found = retrieve(features, joint, config(), SETTINGS)
    assert found["space"] == "not applicable: it has no representation of image alone"


def study() -> tuple[dict[str, Any], dict[str, Any]]:
    features = paired()
    shared = embedded(features)
    shared["42/image"] = shared["42/text"]
    outputs = {
        "clip": retrieve(features, shared, config("retrieval"), SETTINGS),
        "text_only": retrieve(features, shared, config(modalities=("text",)), SETTINGS),
        **{kind: retrieve_features(features, SETTINGS, 42, kind) for kind in LINEAR_MAPS},
    }
    ranks, found = ({n: one[place] for n, one in outputs.items()} for place in (0, 1))
    return ranks, found


def test_the_tables_take_retrieval_in() -> None:
    ranks, found = study()
    board = pd.DataFrame([["clip", "accuracy", 0.5, 0.4, 0.6, 1, "test"]], columns=LEADERBOARD)
    merged = with_retrieval(board, found, SETTINGS)
    assert list(merged.columns) == LEADERBOARD
    assert merged.iloc[0].tolist() == board.iloc[0].tolist()
    names = list(dict.fromkeys(merged["paradigm"][1:]))
    assert names[0] == "clip"
    assert names[-1] == "chance"
    assert set(names) == {"clip", "ridge", "cca", "chance"}
    assert len(merged) == 1 + 4 * 20
    assert merged[merged["paradigm"] == "chance"]["low"].isna().all()
    nothing = pd.DataFrame(columns=CONTRIBUTIONS)
    differences = with_retrieval_differences(nothing, ranks, found, SETTINGS, [])
    strongest = strongest_map(found)
    assert strongest in LINEAR_MAPS
    assert differences["comparison"].unique().tolist() == [
        f"Retrieving with clip instead of {strongest} (the strongest linear map of the bare"
        " features)"
    ]
    assert (differences.set_index("metric").loc["mrr_image_to_text"]["difference"]) > 0
    assert with_retrieval(board, {}, SETTINGS) is board
    assert with_retrieval_differences(nothing, {}, {}, SETTINGS, []) is nothing


def shipped() -> dict[str, Any]:
    known = parameters()
    known["trainer"] |= {"seeds": 1, "max_epochs": 1}
    known["evaluation"] |= {"bootstrap": 100}
    return known


def test_a_paired_dataset_runs_through_to_the_page(tmp_path: Any) -> None:
    known = shipped()
    known["trainer"]["checkpoints"] = str(tmp_path)
    names = ("majority", "text_only", "early")
    pipe = compare("study", names, BASELINES, {}, paired=True) + linear_maps("study")
    pipe += write(Compared("study", names, BASELINES, {}, paired=True))
    pipe += sum((cell("study", name, paired=True) for name in names), pipe)
    pipe += sum((describe("study", n, fitted=n not in BASELINES) for n in names), pipe)
    data = {f"params:{key}": value for key, value in known.items()} | {
        "study.features": paired(),
        "run_record": {"run_id": "r1", "commit": "not a git checkout"},
        "study.latent_map": pd.DataFrame(columns=["paradigm", "projection", "label", "x", "y"]),
        "params:study.overrides": {},
        "params:study.comparisons": [],
        "study.quarantine": pl.LazyFrame({"reason": ["none"]}),
        "study.ingest_summary": {"source": "made", "files": []},
        "study.split_summary": {"strategy": "made", "rows": {}, "clusters": {}, "digests": {}},
    }
    catalog = DataCatalog({k: MemoryDataset(v, copy_mode="assign") for k, v in data.items()})
    outputs = SequentialRunner().run(pipe, catalog)
    page = outputs["study.report"].load()
    assert "Cross-modal retrieval" in page
    assert "text_only: not applicable: it does not read image." in page
    assert "mapped; ridge towards" in page
    assert page.count('<th scope="row">chance') == 1
    board = page[page.index(">Leaderboard</h2>") : page.index(">What is added by what</h2>")]
    assert "R@1" not in board
    assert outputs["study.retrieval_figure"].load() is not None
    entry = outputs["study_summary"].load()
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    assert set(entry["retrieval"]["spaces"]) >= {"early", "ridge", "cca"}
    assert entry["cells"]["early"]["run"]["run_id"] == "r1"
    assert entry["cells"]["early"]["tensors"]["head.weight"][0] == 2
    assert entry["cells"]["majority"]["tensors"] == {}
    assert {row["question"] for row in entry["answers"]} == {"fusion", "baseline"}
    assert entry["card"]["examples"]["test"] > 0
    assert "early" in entry["histories"]
    patterns = yaml.safe_load((ROOT / "conf/base/catalog.yml").read_text())
    assert {"{dataset}.{paradigm}.retrieval", "{dataset}.retrieval_figure"} <= set(patterns)


def test_a_dataset_without_a_pair_has_no_retrieval() -> None:
    names = ("majority", "early")
    pipe = compare("study", names, BASELINES, {}) + cell("study", "early")
    assert not [name for name in pipe.datasets() if "retrieval" in name or "ranks" in name]
    assert not [node for node in pipe.nodes if "retriev" in node.name]
