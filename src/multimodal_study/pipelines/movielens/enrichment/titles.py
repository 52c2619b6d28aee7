"""Titles of films as keys: articles in front, accents away, alternative titles apart."""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = (
    "the", "a", "an",
    "le", "la", "les", "l'", "un", "une",
    "el", "los", "las", "il", "lo", "gli", "i",
    "der", "die", "das", "ein", "eine", "den", "det", "o", "os",
)  # fmt: skip
_MOVED = re.compile(rf"^(?P<name>.+), (?P<article>{'|'.join(_ARTICLES)})$", re.IGNORECASE)
_AKA = re.compile(r"^a\.?k\.?a\.?:?\s+", re.IGNORECASE)
_LEADING = re.compile(r"^(?:the|an?) (?=.)")
# Letters that no accent can be taken from.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})


def natural(title: str) -> str:
    """``Matrix, The`` to ``The Matrix``."""
    found = _MOVED.match(title.strip())
    if found is None:
        return title.strip()
    article = found["article"]
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{found['name']}"


def alternatives(title: str) -> list[str]:
    """The title and those in brackets after it, in natural order of words.

    ``City of Lost Children, The (Cité des enfants perdus, La)`` has two, ``Seven (a.k.a. Se7en)``
    too.
    """
    names, rest = [], title.strip()
    while rest.endswith(")") and "(" in rest:
        start = _opening(rest)
        if start <= 0:
            break
        names.append(_AKA.sub("", rest[start + 1 : -1].strip()))
        rest = rest[:start].strip()
    parts = [rest, *(piece for name in reversed(names) for piece in name.split(" / "))]
    return [natural(part) for part in dict.fromkeys(parts) if part]


def key(title: str) -> str:
    """A title to compare by: no case, accents, punctuation or English article in front."""
    plain = unicodedata.normalize("NFKD", title.casefold().translate(_LETTERS))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = plain.replace("&", " and ").replace("'", "").replace("\u2019", "").replace(".", "")
    words = " ".join(re.findall(r"\w+", plain))
    return _LEADING.sub("", words)


def _opening(text: str) -> int:
    """Where the bracket opens that the last character closes; -1 if nowhere."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if not depth:
            return place
    return -1
