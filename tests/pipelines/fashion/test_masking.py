from __future__ import annotations

import re
from pathlib import Path

import pytest

from multimodal_study.pipelines.fashion.masking import NOTHING_LEFT, forms, label_words, mask
from multimodal_study.pipelines.fashion.sources import fashion_products

SHARED = Path(__file__).parents[4] / "shared" / "data" / "fashion"
KINDS = ["Shirts", "Tshirts", "Casual Shoes", "Scarves", "Accessory Gift Set", "Dresses"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Puma Men Blue Shirt", "Puma Men Blue"),
        ("Puma SHIRTS, blue", "Puma blue"),
        ("Nike T-Shirt red", "Nike red"),
        ("Nike T Shirt red", "Nike red"),
        ("Nike tshirt's fit", "Nike fit"),
        ("Casual-Shoe by Fila", "by Fila"),
        ("silk scarf and accessories", "silk and"),
        ("a dress", "a"),
        ("Shirt", NOTHING_LEFT),
        ("Shirtless undershirt", "Shirtless undershirt"),
    ],
)
def test_words_of_class_names_go(text: str, left: str) -> None:
    assert mask([text], KINDS) == [left]


def test_irregular_forms() -> None:
    assert {"men", "man", "mens"} <= forms("Men")
    assert {"woman", "women"} <= forms("women")
    assert "gray" in forms("Grey")
    assert mask(["Grey Women's top", "gray"], ["Gray", "Women"]) == ["top", NOTHING_LEFT]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real products are not there")
@pytest.mark.parametrize("target", fashion_products.SOURCE.masked)
def test_no_real_title_keeps_a_word_of_a_class(target: str) -> None:
    frame = fashion_products.read(SHARED, ["styles.csv"]).frame
    classes = sorted(set(frame[target]) - set(fashion_products.ABSENT))
    banned = label_words(classes)
    named = {word for name in classes for word in re.findall(r"[a-z0-9]+", name.lower())}
    assert {word for word in named if len(word) > 1} <= banned
    plural = {f"{word}s" for word in named} | {word.removesuffix("s") for word in named}
    for text in mask(frame["text"].tolist(), classes):
        words = set(re.findall(r"[a-z0-9]+", text.lower()))
        if text != NOTHING_LEFT:
            assert not words & {word for word in named | plural if len(word) > 1}, text
