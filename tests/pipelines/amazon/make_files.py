"""Small source files of every schema, written by code."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

TIME = 1_441_324_800


def review_2018(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "overall": float(1 + number % 5),
        "verified": number % 3 > 0,
        "reviewerID": f"A{number % 7}",
        "asin": f"B{number % 4}",
        "style": {"Size:": " 7"},
        "reviewText": f"This is review number {number}.",
        "summary": "Five Stars",
        "unixReviewTime": TIME + 86_400 * number,
    }
    return {key: value for key, value in (row | changes).items() if value is not ...}


def review_2014(number: int, **changes: Any) -> dict[str, Any]:
    return review_2018(number, verified=..., style=..., **({"helpful": [2, 5]} | changes))


def review_2023(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "rating": float(1 + number % 5),
        "title": "Great",
        "text": f"Text of {number}.<br />Second line &amp; more",
        "images": [],
        "asin": f"V{number}",
        "parent_asin": f"B{number % 4}",
        "user_id": f"U{number % 6}",
        "timestamp": 1_588_687_728_923 + number,
        "helpful_vote": number,
        "verified_purchase": True,
    }
    return {key: value for key, value in (row | changes).items() if value is not ...}


def product_2018(number: int, price: str = "$5.00", **changes: Any) -> dict[str, Any]:
    row = {
        "category": ["Gifts", "Cards &amp; more"],
        "title": f"Product {number}",
        "brand": "Maker",
        "rank": "1,786 in Gift Cards (",
        "main_cat": "Gift Cards",
        "price": price,
        "asin": f"B{number}",
    }
    return row | changes


def product_2023(number: int, price: Any = 12.5) -> dict[str, Any]:
    return {
        "main_category": "All Beauty",
        "title": f"Product {number}",
        "average_rating": 4.8,
        "rating_number": 10,
        "price": price,
        "store": "Howard",
        "categories": ["Beauty"],
        "parent_asin": f"B{number}",
    }


def as_bytes(rows: list[Any]) -> bytes:
    """Lines of JSON; strings and bytes stand as they are."""
    lines = []
    for row in rows:
        if isinstance(row, bytes):
            lines.append(row)
        else:
            lines.append((row if isinstance(row, str) else json.dumps(row)).encode())
    return b"\n".join(lines) + b"\n"


def write(path: Path, rows: list[Any]) -> Path:
    data = as_bytes(rows)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
