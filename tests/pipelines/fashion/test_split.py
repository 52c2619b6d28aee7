from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_trees import mnist

from multimodal_study.data.groups import side_by_hash
from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion import nodes

OPTIONS = {"strategy": "auto", "fractions": {"validation": 0.1, "test": 0.1}}
PRODUCTS = {"source": "fashion_products", "targets": ["usage"]}
SHARED = Path(__file__).parents[4] / "shared" / "data" / "fashion"


def items(rows: int, texts: int, pictures: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    title = [f"Title {number}" for number in rng.integers(0, texts, rows)]
    return pd.DataFrame(
        {
            "item_id": [f"{number:04d}" for number in range(rows)],
            "text": title,
            "text_key": title,
            "image_key": [f"i{number}" for number in rng.integers(0, pictures, rows)],
            "usage": rng.choice(["a", "b"], rows),
        }
    )


@settings(max_examples=25)
@given(
    rows=st.integers(80, 300),
    strategy=st.sampled_from(["grouped", "random"]),
    seed=st.integers(0, 999),
)
def test_no_text_and_no_picture_stands_on_two_sides(rows: int, strategy: str, seed: int) -> None:
    table = items(rows, 4 * rows, 4 * rows, seed)
    splits, summary = nodes.split(table, {**OPTIONS, "strategy": strategy}, PRODUCTS, seed)
    placed = table.merge(splits, on="item_id")
    assert len(placed) == rows
    for key in ("text_key", "image_key", "cluster"):
        assert placed.groupby(key)["split"].nunique().max() == 1
    assert summary["rows"] == {k: int(v) for k, v in placed["split"].value_counts().items()}


def test_a_group_goes_by_the_hash_of_its_first_title() -> None:
    table = items(200, 150, 180)
    splits, _ = nodes.split(table, OPTIONS, PRODUCTS, 0)
    placed = table.merge(splits, on="item_id")
    for _, group in placed.groupby("cluster"):
        assert set(group["split"]) == {side_by_hash(min(group["text"].str.lower()))}
    other, _ = nodes.split(table.sample(frac=1, random_state=1), OPTIONS, PRODUCTS, 99)
    pd.testing.assert_frame_equal(
        other.sort_values("item_id", ignore_index=True), splits, check_like=True
    )


def test_random_needs_its_seed() -> None:
    table = items(300, 900, 900)
    given = {**OPTIONS, "strategy": "random"}
    one, two, again = (nodes.split(table, given, PRODUCTS, seed)[0] for seed in (1, 2, 1))
    assert one.equals(again) and not one.equals(two)
    shares = one["split"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.1, abs=0.03)


def test_the_official_split_of_mnist(run: Any, tmp_path: Path) -> None:
    table, _, summary = run(mnist(tmp_path, 200, 30), "fashion_mnist")
    splits, said = nodes.split(table, OPTIONS, summary, 3)
    assert said["strategy"] == "official"
    assert said["rows"] == {"train": 180, "validation": 20, "test": 30}
    placed = table.merge(splits, on="item_id")
    assert set(placed.loc[placed["split"] == "test", "official_split"]) == {"test"}
    # Validation is drawn from every class.
    assert placed[placed["split"] == "validation"]["category"].value_counts().max() == 2


def test_wrong_strategies_are_refused() -> None:
    table = items(90, 400, 400)
    with pytest.raises(InputError, match=r"split\.strategy is 'temporal'"):
        nodes.split(table, {**OPTIONS, "strategy": "temporal"}, PRODUCTS, 0)
    with pytest.raises(InputError, match="expected some of"):
        nodes.split(table, {**OPTIONS, "by": "x"}, PRODUCTS, 0)
    with pytest.raises(InputError, match=r"leaves .* empty"):
        nodes.split(items(40, 1, 90), OPTIONS, PRODUCTS, 0)
    official = table.assign(official_split=None)
    with pytest.raises(InputError, match="official"):
        nodes.split(official, {**OPTIONS, "strategy": "official"}, PRODUCTS, 0)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real products are not there")
def test_the_published_protocol_up_to_repeated_pictures(run: Any) -> None:
    table, _, summary = run(SHARED, "fashion_products", limit=1500)
    splits, _ = nodes.split(table, OPTIONS, summary, 0)
    placed = table.merge(splits, on="item_id")
    plain = [side_by_hash(title.lower()) for title in placed["text"]]
    assert (placed["split"] == plain).mean() > 0.98
