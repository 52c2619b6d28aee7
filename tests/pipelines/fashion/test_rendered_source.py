"""Rendered garments through the pipeline: drawn once, read whole, probed against construction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.pipelines.fashion import nodes
from multimodal_study.pipelines.fashion.rendered import write_labelled_tree
from multimodal_study.pipelines.fashion.rendered.factors import FACTORS

SMALL = {"n": 40, "size": 48, "workers": 1}
SHARED = Path(__file__).parents[4] / "shared" / "data" / "fashion"
PROBES = {"regularisation": [0.03, 0.3], "significance": 0.05}
FRACTIONS = {"validation": 0.2, "test": 0.2}


def given(**changes: Any) -> dict[str, Any]:
    return {"source": "rendered", "path": None, "rendered": SMALL, **changes}


def stamps(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_the_tree_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = nodes.render(given(), 1)
    root = tmp_path / made["root"]
    before = stamps(root)
    assert nodes.render(given(), 1) == made and stamps(root) == before
    # Workers do not change the pictures; a lost picture, another seed or option does.
    nodes.render(given(rendered={**SMALL, "workers": 2}), 1)
    assert stamps(root) == before
    lost = min((root / "Images").rglob("*.jpg"))
    content = lost.read_bytes()
    lost.unlink()
    nodes.render(given(), 1)
    assert lost.read_bytes() == content and stamps(root) != before
    files = nodes.locate(made, given())
    assert nodes.locate(nodes.render(given(), 2), given()) != files
    assert nodes.render(given(rendered={**SMALL, "n": 30}), 2)["items"] == 30
    assert nodes.render(given(source="fashion_products"), 1) == {}


def test_rendered_items_have_every_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rendered = nodes.render(given(), 1)
    files = nodes.locate(rendered, given())
    items, quarantine, summary = nodes.ingest(files, given(), 1)
    assert len(items) == 40 and quarantine.collect().is_empty()
    assert summary["targets"][0] == "style"
    assert set(summary["targets"]) == set(rendered["labels"]) | set(FACTORS)
    assert any("Nothing here is a photograph" in note for note in summary["notes"])
    assert all((Path(files["root"]) / name).is_file() for name in items["image"])
    assert summary["pictures"]["rows_read"] == summary["pictures"]["kept"] == 40
    # A skirt has no sleeves: the column is empty there, and the task leaves the item out.
    assert (items.loc[items["category"] == "skirt", "sleeve_length"] == "").all()


def test_rendered_photographs_under_fashionai_labels(run: Any, tmp_path: Path) -> None:
    lines = [
        f"Images/{name}_labels/{number}{name}.jpg,{name}_labels,{marks},0"
        for number in range(9)
        for name, marks in (("skirt_length", "nynmnn"), ("neck_design", "nnnny"))
    ]
    labels = tmp_path / "label.csv"
    labels.write_text("\n".join(lines) + "\n")
    write_labelled_tree(tmp_path / "tree", labels, SMALL, 1)
    items, refused, summary = run(tmp_path / "tree", "fashionai")
    assert len(items) == 18 and refused == []
    assert summary["rows"]["kept"] == summary["pictures"]["kept"] == 18
    splits, said = nodes.split(items, {"strategy": "random", "fractions": FRACTIONS}, summary, 1)
    assert said["grouped_by"] == ["image_key"]
    task = {"name": None, "min_class_rows": 20, "decides": None}
    table, _ = nodes.enrich(items, splits, task, {}, summary)
    assert (table["target"] >= 0).all()
    assert set(table["group"]) == {"skirt_length", "neck_design"}
    assert (table["undecided"] > 0).sum() == 9


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real label file is not there")
def test_the_real_label_file_with_rendered_photographs(run: Any, tmp_path: Path) -> None:
    labels = SHARED / "fashionai_labels" / "s1ab_label.csv"
    write_labelled_tree(tmp_path / "tree", labels, SMALL, 1, limit=60)
    items, refused, _ = run(tmp_path / "tree", "fashionai")
    assert len(items) == 60 and refused == []
    assert items["group"].nunique() == 8


def _known(n: int = 400) -> tuple[Features, pd.DataFrame]:
    """Vectors in which ``seen`` stands in the picture, ``said`` in the text, ``twice`` in both."""
    rng = np.random.default_rng(0)
    values = {name: rng.integers(0, 3, n) for name in ("seen", "said", "twice", "nowhere")}
    vectors = rng.standard_normal((2, n, 8)).astype(np.float32)
    for name, view, first in (("seen", 0, 4), ("twice", 0, 0), ("said", 1, 4), ("twice", 1, 0)):
        vectors[view, np.arange(n), first + values[name]] += 6
    frame = pd.DataFrame(values).astype(str)
    frame["nowhere"] = frame["nowhere"].where(rng.random(n) < 0.4, "")
    frame["one"] = "same"
    frame.insert(0, "item_id", [f"i{number}" for number in range(n)])
    examples = pd.DataFrame({"example_id": frame["item_id"], "item": np.arange(n), "target": 0})
    examples["split"] = ["train"] * 280 + ["validation"] * 40 + ["test"] * 80
    examples["cluster"] = examples["example_id"]
    modalities = {
        "image": Modality("image", "item", "image", 8, "image", "normal", "test"),
        "text": Modality("text", "item", "text", 8, "text", "normal", "test"),
    }
    present = {name: np.ones(n, dtype=bool) for name in modalities}
    task = Task("style", "multiclass", ("a", "b", "c"), "accuracy")
    found = Features({"image": vectors[0], "text": vectors[1]}, present, examples, modalities, task)
    # Another order than that of the examples.
    return found, frame.sample(frac=1, random_state=0)


def test_probes_find_what_carries_a_factor() -> None:
    made, items = _known()
    carriers = {"seen": "image", "said": "text", "twice": "both", "nowhere": "image"}
    table = nodes.factor_probes(made, items, {"carriers": carriers}, PROBES)
    said = table.set_index(["factor", "read_from"])["verdict"].to_dict()
    told, silent = "as constructed: told", "as constructed: not above chance"
    assert said == {
        ("seen", "image"): told,
        ("seen", "text"): silent,
        ("said", "image"): silent,
        ("said", "text"): told,
        ("twice", "image"): told,
        ("twice", "text"): told,
        ("nowhere", "image"): "carried, but not told above chance",
        ("nowhere", "text"): silent,
    }
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()


def test_a_leak_contradicts_the_construction() -> None:
    made, items = _known()
    table = nodes.factor_probes(made, items, {"carriers": {"twice": "image"}}, PROBES)
    leak = table[table["read_from"] == "text"]["verdict"].item()
    assert leak == "contradicts the construction: told"


def test_what_cannot_be_probed_says_so() -> None:
    made, items = _known()
    table = nodes.factor_probes(made, items, {"carriers": {"one": "both"}}, PROBES)
    assert table["verdict"].str.startswith("not probed").all() and table["accuracy"].isna().all()
    none = nodes.factor_probes(made, items, {}, PROBES)
    assert none.empty and "verdict" in none.columns
