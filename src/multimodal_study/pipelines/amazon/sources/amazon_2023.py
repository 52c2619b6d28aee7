"""Amazon Reviews 2023 (McAuley lab): JSON lines, times in milliseconds.

``asin`` is a variant and ``parent_asin`` the product; reviews join their products by the latter.
The product fields ``average_rating`` and ``rating_number`` are never read: they are computed from
the very ratings that are to be predicted.

Reference: Hou et al. 2024, Bridging Language and Items for Retrieval and Recommendation.
"""

from __future__ import annotations

from multimodal_study.pipelines.amazon.sources.schema import Fields, JsonSource
from multimodal_study.pipelines.amazon.sources.ucsd import price_columns

REVIEWS = Fields(
    structure={
        "user_id": "VARCHAR",
        "asin": "VARCHAR",
        "parent_asin": "VARCHAR",
        "text": "VARCHAR",
        "title": "VARCHAR",
        "rating": "VARCHAR",
        "verified_purchase": "BOOLEAN",
        "helpful_vote": "VARCHAR",
        "timestamp": "VARCHAR",
    },
    known=("text", "rating", "user_id"),
    columns={
        "reviewer_id": "r.user_id",
        "product_id": "coalesce(r.parent_asin, r.asin)",
        "text": "r.text",
        "title": "r.title",
        "verified": "r.verified_purchase",
        "votes": "try_cast(replace(r.helpful_vote, ',', '') AS INTEGER)",
        "helpful_total": "NULL::INTEGER",
    },
    ids=("reviewer_id", "product_id"),
    rating="r.rating",
    seconds="floor(try_cast(r.timestamp AS DOUBLE) / 1000)",
    seconds_raw="r.timestamp",
)

PRODUCTS = Fields(
    structure={
        "parent_asin": "VARCHAR",
        "title": "VARCHAR",
        "price": "VARCHAR",
        "store": "VARCHAR",
        "categories": ["VARCHAR"],
        "main_category": "VARCHAR",
    },
    known=("parent_asin", "title", "main_category"),
    columns={
        "product_id": "r.parent_asin",
        "title": "r.title",
        **price_columns("r.price"),
        "brand": "r.store",
        "category": "array_to_string(r.categories, ' > ')",
        "main_category": "r.main_category",
        "rank": "NULL::BIGINT",
    },
    ids=("product_id",),
)

AMAZON_2023 = JsonSource(
    name="amazon_2023",
    download="Amazon Reviews 2023 of the McAuley lab, review file <Category>.jsonl.gz and, for "
    "products, meta_<Category>.jsonl.gz",
    patterns=("*.jsonl.gz", "*.jsonl", "*.json.gz", "*.json"),
    reviews=REVIEWS,
    products=PRODUCTS,
    suffixes=(),
)
