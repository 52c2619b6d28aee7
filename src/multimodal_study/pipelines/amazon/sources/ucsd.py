"""UCSD Amazon review data of 2018 and of 2014 (McAuley lab).

The two differ in the votes: 2018 has ``vote`` ("1,234", absent for none) and ``verified``; 2014 has
``helpful: [up, total]`` and no ``verified``. One reader takes both, line by line.

References: He and McAuley 2016; Ni, Li and McAuley, EMNLP 2019.
"""

from __future__ import annotations

from multimodal_study.pipelines.amazon.sources.schema import Fields, JsonSource

_NUMBER = r"([0-9][0-9,]*(?:\.[0-9]+)?)"
PRICE = rf"^\s*(?:from\s+)?\$?\s*{_NUMBER}(?:\s*-\s*\$?\s*{_NUMBER})?\s*$"
"""A price, or a range of prices."""


def _amount(raw: str, group: int) -> str:
    return f"try_cast(replace(regexp_extract({raw}, '{PRICE}', {group}), ',', '') AS DOUBLE)"


def price_columns(raw: str) -> dict[str, str]:
    """SQL of ``price`` in dollars and of ``price_junk``; a range gives the mean of its two ends.

    ``price_junk`` marks a price that is filled but is no price: scraped page code, mostly.
    """
    low, high = _amount(raw, 1), _amount(raw, 2)
    return {
        "price": f"({low} + coalesce({high}, {low})) / 2",
        "price_junk": f"coalesce(trim({raw}) <> '' AND {low} IS NULL, false)",
    }


REVIEWS = Fields(
    structure={
        "reviewerID": "VARCHAR",
        "asin": "VARCHAR",
        "reviewText": "VARCHAR",
        "summary": "VARCHAR",
        "overall": "VARCHAR",
        "verified": "BOOLEAN",
        "vote": "VARCHAR",
        "helpful": ["VARCHAR"],
        "unixReviewTime": "VARCHAR",
    },
    known=("reviewText", "overall", "reviewerID"),
    columns={
        "reviewer_id": "r.reviewerID",
        "product_id": "r.asin",
        "text": "r.reviewText",
        "title": "r.summary",
        "verified": "r.verified",
        "votes": "coalesce(try_cast(replace(r.vote, ',', '') AS INTEGER), "
        "try_cast(r.helpful[1] AS INTEGER))",
        "helpful_total": "try_cast(r.helpful[2] AS INTEGER)",
    },
    ids=("reviewer_id", "product_id"),
    rating="r.overall",
    seconds="try_cast(r.unixReviewTime AS DOUBLE)",
    seconds_raw="r.unixReviewTime",
)

PRODUCTS = Fields(
    structure={
        "asin": "VARCHAR",
        "title": "VARCHAR",
        "price": "VARCHAR",
        "brand": "VARCHAR",
        "category": ["VARCHAR"],
        "main_cat": "VARCHAR",
        "rank": "VARCHAR",
    },
    known=("asin", "title", "main_cat"),
    columns={
        "product_id": "r.asin",
        "title": "r.title",
        **price_columns("r.price"),
        "brand": "r.brand",
        "category": "array_to_string(r.category, ' > ')",
        "main_category": "r.main_cat",
        "rank": r"try_cast(replace(regexp_extract(r.rank, '([0-9][0-9,]*) in ', 1), ',', '') "
        "AS BIGINT)",
    },
    ids=("product_id",),
)

AMAZON_2018 = JsonSource(
    name="amazon_2018",
    download="UCSD Amazon review data (2018) of the McAuley lab, 5-core file "
    "<Category>_5.json.gz and, for products, meta_<Category>.json.gz",
    patterns=("*_5.json.gz", "*.json.gz", "*_5.json", "*.json", "*.jsonl"),
    reviews=REVIEWS,
    products=PRODUCTS,
)
