"""Texts without the words that name a class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NOTHING_LEFT = "item"
"""Stands for a text of which every word was masked."""
_IRREGULAR = (
    ("man", "men"), ("woman", "women"), ("foot", "feet"), ("scarf", "scarves"),
    ("grey", "gray"),
)  # fmt: skip
_PART = re.compile(r"[^\W_]+")
_SHORTEST = 2
"""Letters from which a word of a class name gives something away."""


def forms(word: str) -> set[str]:
    """A word with its close variants: singular and plural, possessive, a few irregular pairs."""
    word = word.lower()
    found = {word}
    for one in (word, word.removesuffix("s"), word.removesuffix("es")):
        found |= {one, f"{one}s", f"{one}es"}
    if word.endswith("ies"):
        found.add(f"{word[:-3]}y")
    if word.endswith("y"):
        found.add(f"{word[:-1]}ies")
    for pair in _IRREGULAR:
        if found & set(pair):
            found |= {form for one in pair for form in (one, f"{one}s")}
    return {form for form in found if len(form) >= _SHORTEST}


def label_words(classes: Iterable[str]) -> set[str]:
    """Words, with their variants, of all class names, and each name written as one word."""
    found: set[str] = set()
    for name in classes:
        parts = [part.lower() for part in _PART.findall(name)]
        for word in (*parts, "".join(parts)):
            if len(word) >= _SHORTEST:
                found |= forms(word)
    return found


def mask(texts: Sequence[str], classes: Iterable[str]) -> list[str]:
    """``texts`` without any word of any class name.

    A hyphenated word counts by its parts and as a whole ("T-Shirt" is "tshirt"), and so do two
    words that stand side by side ("T Shirt").
    """
    banned = label_words(classes)
    return [_masked(text, banned) for text in texts]


def _masked(text: str, banned: set[str]) -> str:
    chunks = [(chunk, _PART.findall(chunk.lower())) for chunk in text.split()]
    joined = ["".join(parts) for _, parts in chunks]
    dropped = {
        place + step
        for place in range(len(chunks) - 1)
        if joined[place] + joined[place + 1] in banned
        for step in (0, 1)
    }
    kept = []
    for place, (chunk, parts) in enumerate(chunks):
        if place in dropped or joined[place] in banned:
            continue
        if banned.intersection(parts):
            left = [part for part in _PART.findall(chunk) if part.lower() not in banned]
            kept += [part for part in left if len(part) >= _SHORTEST]
        else:
            kept.append(chunk)
    return " ".join(kept) or NOTHING_LEFT
