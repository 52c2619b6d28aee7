"""Features of items: what they hold, and that nothing is encoded twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_trees import mnist, shop

from multimodal_study.contract import Features
from multimodal_study.data.groups import side_by_hash
from multimodal_study.encoders.image import ImageEncoder
from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion import nodes
from multimodal_study.pipelines.fashion.featurise import featurise
from multimodal_study.storage.features import FeaturesDataset
from tiny_bert import save

SPLIT = {"strategy": "auto", "fractions": {"validation": 0.1, "test": 0.1}}
TASK = {"name": None, "min_class_rows": 2, "decides": None}
ENCODER = {"size": 64, "backend": "torch", "threads": 1, "trainable": False}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("featurise")
    text = {"model": str(save(folder / "bert")), "max_tokens": 16, "backend": "torch"}
    words = {"max_features": 50}
    return {"cache": str(folder / "cache"), "text": text, "tokens": text, "words": words}


def features(root: Path, source: str, options: dict[str, Any], **changes: Any) -> Features:
    given = {"source": source, "path": str(root), "max_quarantined_share": 0.5}
    task, encoder = changes.get("task", TASK), {**ENCODER, **changes.get("encoder", {})}
    files = nodes.locate({}, given)
    items, _, summary = nodes.ingest(files, given, 1)
    splits, said = nodes.split(items, SPLIT, summary, 1)
    table, _ = nodes.enrich(items, splits, task, {}, summary)
    return featurise(table, files, task, options, encoder, summary, said)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = shop(tmp_path_factory.mktemp("shop"))
    lines = (root / "styles.csv").read_text().splitlines()
    # An item that the task leaves out, in the midst of the others.
    cells = lines[5].split(",")
    lines[5] = ",".join([*cells[:8], "NA", *cells[9:]])
    # A word that stands in titles of the test split and in no other.
    for number, line in enumerate(lines[1:], start=1):
        before, title = line.rsplit(",", maxsplit=1)
        if side_by_hash(f"zebra {title}".lower()) == "test":
            lines[number] = f"{before},zebra {title}"
    (root / "styles.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def found(shelf: Path, options: dict[str, Any]) -> Features:
    return features(shelf, "fashion_products", options)


def test_modalities_of_photographs(found: Features) -> None:
    assert {name: (item.kind, item.origin) for name, item in found.modalities.items()} == {
        "image": ("image", "image"),
        "regions": ("regions", "image"),
        "text": ("text", "text"),
        "tokens": ("tokens", "text"),
        "words": ("words", "text"),
    }
    assert found.arrays["image"].shape == (120, 1280)
    assert found.arrays["regions"].shape == (120, 4, 1280)
    assert found.arrays["tokens"].dtype == np.float16
    assert found.pair == ("image", "text")
    assert found.task.classes == ("Casual", "Formal", "Sports")
    assert found.provenance["source"] == "fashion_products"
    assert found.lengths["tokens"].max() == found.arrays["tokens"].shape[1]
    assert found.lengths["regions"].min() == 4


def test_rows_of_items_are_their_own(found: Features, shelf: Path) -> None:
    """The item left out shifts examples against arrays: an index that is forgotten would show."""
    assert len(found.examples) == 119
    assert found.examples["item"].tolist() != list(range(119))
    row = found.examples.iloc[60]
    encoder = ImageEncoder(size=64, backend="torch", threads=1)
    alone = encoder.encode([shelf / f"images/{row['example_id']}.jpg"])
    np.testing.assert_allclose(found.arrays["image"][row["item"]], alone.pooled[0], atol=1e-4)
    tokens = found.arrays["tokens"][row["item"]]
    used = int(found.lengths["tokens"][row["item"]])
    assert np.abs(tokens[:used]).sum(1).min() > 0 and not tokens[used:].any()
    # The title of product n ends in n, and its label is n modulo three.
    number = int(row["example_id"])
    assert row["label"] == ("Casual", "Sports", "Formal")[number % 3]
    assert row["text"].endswith(f" {number}")


def test_words_are_learnt_on_train(found: Features) -> None:
    side = found.examples["text"].str.contains("zebra").groupby(found.examples["split"]).sum()
    assert side["test"] >= 2 and side["train"] == 0
    terms = found.modalities["words"].columns
    assert "shirt" in terms and not any("zebra" in term for term in terms)


def test_another_choice_of_rows_encodes_nothing_again(
    shelf: Path, found: Features, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(ImageEncoder, "encode_into", never)
    # The rare class is left out now, and the cached vectors still belong to their items.
    again = features(shelf, "fashion_products", options, task={**TASK, "decides": "macro_f1"})
    np.testing.assert_array_equal(again.arrays["image"], found.arrays["image"])
    with pytest.raises(InputError, match="a task needs two"):
        features(shelf, "fashion_products", options, task={**TASK, "name": "season"})


def test_they_are_saved_and_read_back(found: Features, tmp_path: Path) -> None:
    disk = FeaturesDataset(filepath=str(tmp_path / "features"))
    disk.save(found)
    back = disk.load()
    assert back.pair == found.pair and back.task == found.task
    np.testing.assert_array_equal(back.arrays["regions"], found.arrays["regions"])
    assert back.examples.equals(found.examples)


def test_pixels_stand_in_where_the_encoder_learns(shelf: Path, options: dict[str, Any]) -> None:
    made = features(shelf, "fashion_products", options, encoder={"trainable": True})
    assert "image" not in made.modalities and "regions" not in made.modalities
    assert made.arrays["pixels"].shape == (120, 64, 64, 3)
    assert made.arrays["pixels"].dtype == np.uint8 and made.pair == ("image", "text")


@pytest.mark.parametrize("trainable", [False, True])
def test_mnist_pictures_are_arrays(
    tmp_path: Path, options: dict[str, Any], trainable: bool
) -> None:
    root = mnist(tmp_path, 200, 30)
    made = features(root, "fashion_mnist", options, encoder={"trainable": trainable})
    name, shape = ("pixels", (230, 28, 28, 1)) if trainable else ("image", (230, 784))
    assert made.arrays[name].shape == shape
    assert made.modalities[name].likelihood == "bernoulli"
    assert made.arrays[name].min() >= 0
    assert made.arrays[name].max() <= (255 if trainable else 1)
    assert len(made.task.classes) == 10
    assert made.examples["text"].tolist() == made.examples["label"].tolist()


def test_views_can_be_left_out(shelf: Path, options: dict[str, Any]) -> None:
    plain = {**options, "text": None, "tokens": None, "regions": False}
    made = features(shelf, "fashion_products", plain)
    assert set(made.modalities) == {"image", "words"} and made.pair == ("image", "text")
    assert features(shelf, "fashion_products", {**plain, "words": None}).pair is None
    with pytest.raises(InputError, match=r"fashion\.featurise has \['pixel'\]"):
        features(shelf, "fashion_products", {**options, "pixel": True})
    with pytest.raises(InputError, match="leaves no modality"):
        features(shelf, "fashion_products", {**plain, "words": None, "image": False})


def test_fusion_networks_take_them_unchanged(found: Features) -> None:
    """Vectors only: a fusion network never meets states of words or regions."""
    from multimodal_study.models import early, intermediate, late

    for network in (early.EarlyFusion, late.LateFusion, intermediate.IntermediateFusion):
        read = {name for name, item in found.modalities.items() if item.kind in network.reads}
        assert read == {"image", "text", "words"}


def test_no_text_and_no_picture_is_on_two_sides(found: Features) -> None:
    for key in ("image_key", "text_key"):
        assert found.examples.groupby(key)["split"].nunique().max() == 1
