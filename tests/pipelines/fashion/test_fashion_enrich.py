from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion import nodes
from multimodal_study.pipelines.fashion.attributes import CLASSES, GROUPS
from multimodal_study.pipelines.fashion.task import task_of

PRODUCTS = {"source": "fashion_products", "targets": ["usage", "articleType"]}
TASK = {"name": None, "min_class_rows": 2, "decides": None}
AUTO = {"mask_label_words": None}


def _items() -> tuple[pd.DataFrame, pd.DataFrame]:
    usage = ["Casual"] * 4 + ["Sports"] * 3 + ["Travel", "NA", ""]
    kind = ["Shirts", "Tshirts"] * 5
    frame = pd.DataFrame(
        {
            "item_id": [str(number) for number in range(10)],
            "image": [f"images/{number}.jpg" for number in range(10)],
            "position": -1,
            "text": [f" Puma {one[:-1]} {number} " for number, one in enumerate(kind)],
            "official_split": None,
            "image_key": [f"k{number}" for number in range(10)],
            "text_key": "old",
            "usage": usage,
            "articleType": kind,
        }
    )
    sides = ["train"] * 2 + ["validation", "test"] + ["train"] * 2 + ["test"] + ["train"] * 3
    splits = pd.DataFrame({"item_id": frame["item_id"], "split": sides, "cluster": "c"})
    return frame, splits


def test_items_without_a_usable_label_stay_but_are_not_asked_for() -> None:
    table, counts = nodes.enrich(*_items(), TASK, AUTO, PRODUCTS)
    assert table["target"].tolist() == [0, 0, 0, 0, 1, 1, 1, -1, -1, -1]
    said = counts.set_index("class")["used"].to_dict()
    assert said == {
        "(empty)": "no: no label",
        "Casual": "yes",
        "NA": "no: no label",
        "Sports": "yes",
        "Travel": "no: too few rows",
    }
    assert counts.set_index("class").loc["Casual", ["train", "validation", "test"]].tolist() == [
        2, 1, 1,
    ]  # fmt: skip
    assert table["text"].tolist()[0] == "Puma Shirt 0"
    assert table["text_key"].nunique() == 10


@pytest.mark.parametrize(
    ("name", "asked", "masked"),
    [("usage", None, False), ("articleType", None, True), ("articleType", False, False),
     ("usage", True, False)],
)  # fmt: skip
def test_label_words_are_masked_where_titles_give_them_away(
    name: str, asked: bool | None, masked: bool
) -> None:
    task = {**TASK, "name": name}
    table, _ = nodes.enrich(*_items(), task, {"mask_label_words": asked}, PRODUCTS)
    # No usage stands in these titles, so that masking it changes nothing.
    expected = [f"Puma {n}" for n in range(10)] if masked else None
    found = table["text"].tolist()
    assert (found == expected) if masked else found[1] == "Puma Tshirt 1"


def test_what_cannot_be_asked_is_refused() -> None:
    items, splits = _items()
    with pytest.raises(InputError, match="has usage, articleType; null takes the first"):
        nodes.enrich(items, splits, {**TASK, "name": "colour"}, AUTO, PRODUCTS)
    with pytest.raises(InputError, match="a task needs two"):
        nodes.enrich(items, splits, {**TASK, "min_class_rows": 9}, AUTO, PRODUCTS)
    with pytest.raises(InputError, match="different runs"):
        nodes.enrich(items.iloc[1:], splits, TASK, AUTO, PRODUCTS)
    with pytest.raises(InputError, match="expected some of"):
        nodes.enrich(items, splits, TASK, {"mask": True}, PRODUCTS)


def test_tasks() -> None:
    assert task_of("season", ["a", "b"], None).kind == "binary"
    assert task_of("season", ["a", "b", "c"], "macro_f1").decides == "macro_f1"
    attributes: Any = task_of("attributes", ["coat_length: Invisible"], None)
    assert attributes.classes == CLASSES and attributes.groups == GROUPS
