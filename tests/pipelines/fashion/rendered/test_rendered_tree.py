"""Trees on disk: whole, in FashionAI's layout, and the same bytes whoever draws them."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered import (
    label_column,
    read_options,
    write_labelled_tree,
    write_tree,
)
from multimodal_study.pipelines.fashion.rendered.factors import ATTRIBUTES, CATEGORIES
from multimodal_study.pipelines.fashion.rendered.sample import draw_item

ROOT = Path(__file__).parents[4]
LABELS = ROOT.parent / "shared/data/fashion/fashionai_labels/s1ab_label.csv"
N, SIZE = 70, 48  # more than one chunk, so that two processes share the work


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rendered") / "tree"
    write_tree(root, {"n": N, "size": SIZE, "workers": 1}, 3)
    return root


def test_bytes_depend_on_seed_and_options_alone(tree: Path, tmp_path: Path) -> None:
    write_tree(tmp_path / "two", {"n": N, "size": SIZE, "workers": 2}, 3)
    assert digests(tmp_path / "two") == digests(tree)
    write_tree(tmp_path / "other", {"n": 5, "size": SIZE, "workers": 1}, 4)
    assert not set(digests(tmp_path / "other").values()) & {
        value for name, value in digests(tree).items() if name.startswith("Images")
    }


def test_workers_follow_a_changed_directory(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        write_tree(Path("tree"), {"n": N, "size": SIZE, "workers": 2}, 3)
    shutil.rmtree(tmp_path / "first")
    assert digests(tmp_path / "second" / "tree") == digests(tree)


def test_layout_and_tables_agree(tree: Path) -> None:
    rows = list(csv.reader((tree / "Annotations/label.csv").open(encoding="utf-8")))
    table = list(csv.DictReader((tree / "factors.csv").open(encoding="utf-8")))
    assert len(rows) == len(table) == N
    for (path, folder, code), item in zip(rows, table, strict=True):
        attribute = folder.removesuffix("_labels")
        assert path == item["image"] == f"Images/{folder}/{item['item_id']}.jpg"
        assert code.count("y") == 1 and set(code) == {"n", "y"}
        assert ATTRIBUTES[attribute][code.index("y")] == item[attribute]
        assert {name for name in ATTRIBUTES if item[name]} == set(CATEGORIES[item["category"]])
        with Image.open(tree / path) as picture, Image.open(tree / item["mask"]) as mask:
            assert picture.size == mask.size == (SIZE, SIZE)
            assert (picture.format, mask.mode) == ("JPEG", "P")
            assert np.asarray(mask).max() < 32
    summary = json.loads((tree / "rendered.json").read_text(encoding="utf-8"))
    assert summary["source"] == "rendered" and summary["options"]["n"] == N
    assert summary["labels"]["style"] == dict(
        sorted(Counter(r["label_style"] for r in table).items())
    )


def test_every_task_has_a_column_with_its_classes(tree: Path) -> None:
    table = list(csv.DictReader((tree / "factors.csv").open(encoding="utf-8")))
    options = read_options(None)
    for task in [*options.rules, "pattern", "skirt_length"]:
        column, classes = label_column(task, options)
        assert {row[column] for row in table} - {""} <= set(classes)
    with pytest.raises(InputError, match="stile"):
        label_column("stile", options)


def test_classes_are_balanced_and_small_sets_begin_large_ones() -> None:
    rules = read_options(None).rules
    items = [draw_item(0, number) for number in range(2000)]
    for rule in rules.values():
        counts = Counter(rule.label(item.values) for item in items)
        expected = len(items) / len(rule.classes)
        spread = 4 * np.sqrt(expected)  # four standard deviations of a Poisson count
        assert all(abs(counts[label] - expected) < spread for label in rule.classes), counts


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(InputError, match="is not replaced"):
        write_tree(tmp_path, {"n": 1, "size": SIZE}, 0)
    assert (tmp_path / "mine.txt").read_text() == "keep me"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("Images/../../x.jpg,skirt_length_labels,ynnnnn", "below the root"),
        ("/etc/x.jpg,skirt_length_labels,ynnnnn", "below the root"),
        ("Annotations/x.jpg,skirt_length_labels,ynnnnn", "below the root"),
        ("Images/a/x.jpg,skirt_length_labels,ynn", "expected 6"),
        ("Images/a/x.jpg,skirt_length_labels,mnnnnn", "a single y"),
        ("Images/a/x.jpg,hat_labels,yn", "expected path,attribute,code"),
    ],
)
def test_bad_label_rows_are_refused_before_anything_is_written(
    tmp_path: Path, row: str, told: str
) -> None:
    (tmp_path / "label.csv").write_text(f"Images/a/ok.jpg,neck_design_labels,ynnnn\n{row}\n")
    with pytest.raises(InputError, match=f"row 2.*{told}"):
        write_labelled_tree(tmp_path / "tree", tmp_path / "label.csv", {}, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["label.csv"]


def test_maybe_moves_a_length_towards_the_other_value(tmp_path: Path) -> None:
    pictures = []
    for code in ("nynnnn", "nymnnn"):
        label = tmp_path / f"{code}.csv"
        label.write_text(f"Images/skirt_length_labels/a.jpg,skirt_length_labels,{code},0\n")
        summary = write_labelled_tree(tmp_path / code, label, {"size": 96, "workers": 1}, 0)
        assert summary["rows_with_maybe"] == code.count("m")
        with Image.open(tmp_path / code / "Images/skirt_length_labels/a.jpg") as picture:
            pictures.append(np.asarray(picture, dtype=int))
    changed = np.abs(pictures[0] - pictures[1]).sum(axis=2) > 60
    assert 0.002 < changed.mean() < 0.2


@pytest.mark.skipif(not LABELS.is_file(), reason="FashionAI's label file is not at ../shared")
def test_real_label_file_gets_its_pictures(tmp_path: Path) -> None:
    summary = write_labelled_tree(
        tmp_path / "tree", LABELS, {"size": SIZE, "workers": 1}, 0, limit=40
    )
    rows = list(csv.reader((tmp_path / "tree/Annotations/label.csv").open(encoding="utf-8")))
    given = {tuple(row) for row in csv.reader(LABELS.open(encoding="utf-8"))}
    assert summary["rows"] == len(rows) == 40 and {tuple(row) for row in rows} <= given
    assert len(summary["attributes"]) == len(ATTRIBUTES)
    for row in rows:
        with Image.open(tmp_path / "tree" / row[0]) as picture:
            assert picture.size == (SIZE, SIZE)
