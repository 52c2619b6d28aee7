"""Rows and pictures: what is kept, what is refused and why, and that the counts add up."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_trees import HEADER, idx, mnist, picture, product, products
from PIL import Image

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion import nodes
from multimodal_study.pipelines.fashion.attributes import ATTRIBUTES, CLASSES, GROUPS
from multimodal_study.pipelines.fashion.sources import fashion_mnist, fashionai

SHARED = Path(__file__).parents[4] / "shared" / "data" / "fashion"


def adds_up(summary: dict[str, Any]) -> None:
    for counts in (*summary["files"], summary["rows"]):
        parts = counts["kept"] + counts["duplicates"] + counts["quarantined"]
        assert counts["rows_read"] == parts, counts
    for counts in summary["files"]:
        assert sum(counts["reasons"].values()) == counts["quarantined"]
    json.dumps(summary)


def test_products_with_commas_quotes_and_literal_na(run: Any, tmp_path: Path) -> None:
    lines = [
        product(1, "Shirt, blue, and a tie", usage="NA"),
        product(2, '"Quoted, title"'),
        product(3, 'Jeans 32" waist'),
        product(4, '"never closed'),
        product(5, "Last"),
    ]
    items, refused, summary = run(products(tmp_path, lines), "fashion_products")
    assert items["text"].tolist()[0] == "Shirt, blue, and a tie"
    assert items["text"].tolist()[1] == "Quoted, title"
    assert items["item_id"].tolist() == ["1", "2", "3", "4", "5"]
    assert items["usage"].tolist()[0] == "NA"
    first = hashlib.sha256((tmp_path / "images/1.jpg").read_bytes()).hexdigest()
    assert items["image_key"][0] == first
    assert refused == []
    adds_up(summary)


def test_bad_rows_of_products(run: Any, tmp_path: Path) -> None:
    bad = [
        ("7,Men,Apparel", "wrong_columns"),
        (product(8, "x").replace("8,", "../8,", 1), "wrong_id"),
        (product(9, "NA"), "missing_text"),
        (product(10, "   "), "missing_text"),
        (product(1, "Another title"), "duplicate_id"),
        (product(11, "No picture"), "missing"),
    ]
    root = products(tmp_path, [product(1, "One"), product(2, "Two")])
    with (root / "styles.csv").open("ab") as file:
        file.write("\n".join([line for line, _ in bad]).encode() + b"\n\n12,Men,\xff\xfe\n")
    picture(root / "images/9.jpg", 9)
    items, refused, summary = run(root, "fashion_products")
    assert items["item_id"].tolist() == ["1", "2"]
    found = [(row["line"], row["reason"]) for row in refused if row["line"]]
    assert found == [*((n, why) for n, (_, why) in enumerate(bad, start=4)), (11, "not_utf8")]
    assert [row["file"] for row in refused if not row["line"]] == ["images/9.jpg"]
    assert all(row["expected"] for row in refused)
    adds_up(summary)


BAD_PICTURES = {
    "empty": "empty",
    "text": "not_an_image",
    "truncated": "truncated",
    "png": "wrong_extension",
    "cmyk": "cmyk",
    "animated": "wrong_extension",
    "bomb": "too_large",
    "link_out": "outside_root",
    "folder": "not_an_image",
}


def _spoil(path: Path, how: str, outside: Path) -> None:
    good = path.read_bytes()
    path.unlink()
    if how == "empty":
        path.touch()
    elif how == "text":
        path.write_text("no picture at all")
    elif how == "truncated":
        path.write_bytes(good[: len(good) // 2])
    elif how == "png":
        picture(path.with_suffix(".png"), 3).rename(path)
    elif how == "cmyk":
        Image.new("CMYK", (9, 9)).save(path)
    elif how == "animated":
        frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
        frames[0].save(path.with_suffix(".gif"), save_all=True, append_images=frames[1:])
        path.with_suffix(".gif").rename(path)
    elif how == "bomb":
        Image.new("L", (400, 400)).save(path)
    elif how == "link_out":
        outside.write_bytes(good)
        path.symlink_to(outside)
    elif how == "folder":
        path.mkdir()


def test_every_bad_picture_is_refused_and_counted(run: Any, tmp_path: Path) -> None:
    root = products(tmp_path / "raw", [product(n, f"Title {n}") for n in range(1, 13)])
    for number, how in enumerate(BAD_PICTURES, start=1):
        _spoil(root / "images" / f"{number}.jpg", how, tmp_path / "secret.jpg")
    items, refused, summary = run(root, "fashion_products", max_pixels=10_000)
    assert items["item_id"].tolist() == ["10", "11", "12"]
    assert [row["reason"] for row in refused if row["line"]] == list(BAD_PICTURES.values())
    secret = hashlib.sha256((tmp_path / "secret.jpg").read_bytes()).hexdigest()
    assert secret not in json.dumps(summary)
    adds_up(summary)


def test_too_many_bad_rows_stop_with_examples(run: Any, tmp_path: Path) -> None:
    root = products(tmp_path, [product(n, f"Title {n}") for n in range(1, 5)])
    (root / "images/2.jpg").unlink()
    with pytest.raises(InputError, match=r"1 of 4 rows.*'missing': 1.*styles\.csv:3 missing"):
        run(root, "fashion_products", max_quarantined_share=0.1)


def test_exact_repeats_are_duplicates_and_other_labels_are_not(run: Any, tmp_path: Path) -> None:
    lines = [product(1, "Same"), product(2, "Same"), product(3, "SAME!"), product(4, "Other")]
    lines.append(product(5, "Same", usage="Formal"))
    root = products(tmp_path, lines)
    for number in (2, 3, 4, 5):
        shutil.copy(root / "images/1.jpg", root / f"images/{number}.jpg")
    items, refused, summary = run(root, "fashion_products")
    assert items["item_id"].tolist() == ["1", "4", "5"]
    assert summary["rows"]["duplicates"] == 2 and refused == []
    adds_up(summary)


def test_limit_is_a_seeded_choice(run: Any, tmp_path: Path) -> None:
    root = products(tmp_path, [product(n, f"Title {n}") for n in range(1, 21)])
    items, _, summary = run(root, "fashion_products", limit=5)
    again, _, _ = run(root, "fashion_products", limit=5)
    assert len(items) == 5 and summary["beyond_limit"] == 15
    assert items.equals(again)
    adds_up(summary)
    with pytest.raises(InputError, match="limit is 0"):
        run(root, "fashion_products", limit=0)


@pytest.mark.parametrize("header", ["id,usage", HEADER.replace("usage,", "") + ",usage"])
def test_a_foreign_header_stops(run: Any, tmp_path: Path, header: str) -> None:
    root = products(tmp_path, [product(1, "One")])
    (root / "styles.csv").write_text(f"{header}\n1,2\n")
    with pytest.raises(InputError, match=r"styles\.csv: the header is"):
        run(root, "fashion_products")


@pytest.mark.parametrize("source", ["fashionai", "fashion_products", "fashion_mnist"])
def test_missing_files_are_named_with_where_to_get_them(
    run: Any, tmp_path: Path, source: str
) -> None:
    with pytest.raises(InputError, match=r"ingest\.path is empty.*Get them from: "):
        run(None, source)
    with pytest.raises(InputError, match=r"does not exist\. Get the files from: "):
        run(tmp_path / "nowhere", source)
    with pytest.raises(InputError, match=r"looked for .* Get the files from: "):
        run(tmp_path, source)
    with pytest.raises(InputError, match=r"ingest\.source is 'x', expected one of"):
        run(tmp_path, "x")


def test_labels_without_a_folder_of_pictures(run: Any, tmp_path: Path) -> None:
    (tmp_path / "label.csv").write_text("Images/skirt_length_labels/a.jpg,x,y\n")
    with pytest.raises(InputError, match=r"has no folder Images/ with the pictures of label\.csv"):
        run(tmp_path, "fashionai")


def _line(attribute: str, name: str, marks: str, tail: str = "") -> str:
    return f"Images/{attribute}_labels/{name}.jpg,{attribute}_labels,{marks}{tail}"


def _labelled(root: Path, lines: list[str]) -> Path:
    (root / "Annotations").mkdir(parents=True)
    (root / "Annotations/label.csv").write_text("\n".join(lines) + "\n")
    for number, line in enumerate(lines):
        name = line.split(",")[0]
        if name.startswith("Images/") and ".." not in name:
            picture(root / name, number)
    return root


def test_fashionai_rows(run: Any, tmp_path: Path) -> None:
    lines = [
        _line("skirt_length", "a", "nynmnn"),
        _line("neck_design", "b", "nnnny", ",0"),
        _line("skirt_length", "c", "yynnnn"),
        _line("skirt_length", "d", "ynnnn"),
        _line("hat_size", "e", "ynn"),
        "Images/skirt_length_labels/f.jpg,skirt_length_labels",
        "../../etc/passwd,skirt_length_labels,ynnnnn",
        "/etc/passwd,skirt_length_labels,ynnnnn",
    ]
    items, refused, summary = run(_labelled(tmp_path / "base", lines).parent, "fashionai")
    assert items["attributes"].tolist() == [
        "skirt_length: Short Length",
        "neck_design: Draped Collar",
    ]
    assert items["group"].tolist() == ["skirt_length", "neck_design"]
    maybe = CLASSES.index("skirt_length: Midi Length")
    assert items["undecided"].tolist() == [1 << maybe, 0]
    assert [row["reason"] for row in refused if row["line"]] == [
        "wrong_label", "wrong_label", "unknown_task", "wrong_columns", "outside_root",
        "outside_root",
    ]  # fmt: skip
    adds_up(summary)


def test_the_54_values_are_in_groups() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == len(GROUPS) == 54
    assert [len(values) for values in ATTRIBUTES.values()] == [8, 5, 5, 5, 10, 6, 6, 9]


def _gives_nothing_away(rows: Any) -> None:
    for text, label, group in zip(rows["text"], rows["attributes"], rows["group"], strict=True):
        value = label.split(": ")[1]
        assert value.lower() not in text.lower()
        for other in ATTRIBUTES[group]:
            assert not fashionai.words(other) & fashionai.words(text), (text, label)


def test_no_text_holds_a_word_of_its_target(tmp_path: Path) -> None:
    """Every value of every attribute beside every other one, for one picture each."""
    lines = []
    for first, values in ATTRIBUTES.items():
        for second, others in ATTRIBUTES.items():
            for i in range(max(len(values), len(others)) if first < second else 0):
                name = f"{first}-{second}-{i}"
                for attribute, size in ((first, len(values)), (second, len(others))):
                    marks = "".join("y" if k == i % size else "n" for k in range(size))
                    lines.append(_line(attribute, name, marks))
    (tmp_path / "label.csv").write_text("\n".join(lines) + "\n")
    rows = fashionai.read(tmp_path, ["label.csv"])
    assert rows.refused == [] and len(rows.frame) == len(lines)
    _gives_nothing_away(rows.frame)
    other = rows.frame[rows.frame["item_id"] == "coat_length/coat_length-collar_design-2"]
    assert other["text"].item() == "coat or jacket, peter pan"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real label file is not there")
def test_no_text_of_the_real_labels_holds_a_word_of_its_target() -> None:
    rows = fashionai.read(SHARED / "fashionai_labels", ["s1ab_label.csv"])
    assert len(rows.frame) == 19_818 and rows.refused == []
    assert (rows.frame["undecided"] > 0).sum() == 449
    _gives_nothing_away(rows.frame)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mnist_rows(run: Any, tmp_path: Path, ending: str) -> None:
    items, refused, summary = run(mnist(tmp_path, ending=ending), "fashion_mnist")
    assert items["official_split"].value_counts().to_dict() == {"train": 60, "test": 20}
    assert items["text"].tolist()[:2] == ["T-shirt/top", "Trouser"]
    names = [file["path"] for file in summary["files"]]
    arrays = fashion_mnist.load_arrays(tmp_path, names)
    assert arrays.shape == (80, 28, 28, 1)
    last = items.iloc[-1]
    key = hashlib.sha256(arrays[last["position"]].tobytes()).hexdigest()
    assert last["image_key"] == key and refused == []
    adds_up(summary)


def test_damaged_mnist_files_stop(run: Any, tmp_path: Path) -> None:
    def broken(change: Any, match: str) -> None:
        root = mnist(tmp_path / match[:5], 20, 10, "")
        change(root)
        with pytest.raises(InputError, match=match):
            run(root, "fashion_mnist")

    images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
    broken(lambda r: (r / images).write_bytes((r / images).read_bytes()[:-9]), "announces 20 x 28")
    broken(lambda r: (r / images).write_bytes(b"GIF89a" + bytes(30)), "starts with 47 49 46 38")
    broken(lambda r: idx(r / labels, np.zeros(19)), "has 19 labels")
    broken(lambda r: idx(r / labels, np.full(20, 12)), "has the label 12")
    broken(lambda r: idx(r / images, np.zeros((20, 8, 8))), "holds pictures of 8 x 8")


def test_a_damaged_archive_stops(run: Any, tmp_path: Path) -> None:
    path = mnist(tmp_path, 20, 10) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot be unpacked"):
        run(tmp_path, "fashion_mnist")


def test_a_changed_picture_changes_the_manifest(tmp_path: Path) -> None:
    root = products(tmp_path, [product(1, "One"), product(2, "Two")])
    given = {"source": "fashion_products", "path": str(root)}
    before = nodes.locate({}, given)
    assert before == nodes.locate({}, given)
    picture(root / "images/2.jpg", 77)
    assert before != nodes.locate({}, given)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real products are not there")
def test_real_products(run: Any) -> None:
    items, refused, summary = run(SHARED, "fashion_products", limit=400)
    assert len(items) + summary["rows"]["duplicates"] == 400
    assert refused == [] and items["text"].str.len().min() > 0
