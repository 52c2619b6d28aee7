"""Write synthetic reviews in the 2018 schema as gzipped JSON lines, for the ingest benchmark.

Texts are drawn from a pool of sentences over a Zipf-like vocabulary (about 50 words a review), so
that almost every text is distinct and the file compresses like real reviews. A known share of the
rows repeats an earlier text, and a few rows are bad in each of the ways that ingest must notice.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from pathlib import Path

VOCABULARY = 30_000
SENTENCES = 200_000
BAD = (
    '{"overall": 5.0, "reviewText": "cut of',
    '{"overall": 9.0, "reviewerID": "A1", "asin": "B1", "reviewText": "nine stars"}',
    '{"overall": 4.0, "reviewerID": "A1", "asin": "B1", "unixReviewTime": 1400000000}',
    '{"overall": 4.0, "reviewerID": "A1", "asin": "B1", "reviewText": "x", "unixReviewTime": 5}',
    '["not", "an", "object"]',
)
BLOCK = 20_000


def sentences(generator: random.Random) -> list[str]:
    """A pool of sentences, ready to stand inside a JSON string."""
    letters = "etaoinshrdlcumwfgypbvk"
    words = [
        "".join(generator.choices(letters, k=generator.randint(2, 9))) for _ in range(VOCABULARY)
    ]
    weights = [1 / (rank + 10) for rank in range(VOCABULARY)]
    drawn = iter(generator.choices(words, weights, k=SENTENCES * 13))
    ends = (". ", "! ", ", but &#34;yes&#34;. ", " caf\u00e9. ")
    return [
        json.dumps(" ".join(next(drawn) for _ in range(generator.randint(6, 13))).capitalize())[
            1:-1
        ]
        + generator.choices(ends, (80, 15, 3, 2))[0]
        for _ in range(SENTENCES)
    ]


def row(generator: random.Random, text: str) -> str:
    """One review as a line of JSON."""
    pick = generator.random()
    vote = f'"vote": "{generator.randint(2, 2000):,}", ' if pick < 0.1 else ""
    return (
        f'{{"overall": {generator.choices((5, 4, 3, 2, 1), (66, 18, 8, 4, 4))[0]}.0, {vote}'
        f'"verified": {"true" if pick < 0.8 else "false"}, "reviewTime": "09 1, 2016", '
        f'"reviewerID": "A{generator.randrange(600_000):08d}XYZ", '
        f'"asin": "B{generator.randrange(60_000):09d}", "reviewerName": "Someone", '
        f'"reviewText": "{text}", "summary": "Five Stars", '
        f'"unixReviewTime": {generator.randrange(1_000_000_000, 1_530_000_000)}}}'
    )


def generate(path: Path, rows: int, seed: int, duplicates: float, bad: float) -> None:
    """Write ``rows`` lines to ``path``; the same arguments give the same lines."""
    generator = random.Random(seed)  # noqa: S311 - synthetic data
    pool = sentences(generator)
    earlier: list[str] = []
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        for start in range(0, rows, BLOCK):
            lines = []
            for _ in range(min(BLOCK, rows - start)):
                chance = generator.random()
                if chance < bad:
                    lines.append(generator.choice(BAD))
                    continue
                if chance < bad + duplicates and earlier:
                    text = generator.choice(earlier)
                else:
                    text = "".join(generator.choices(pool, k=generator.randint(2, 9))).rstrip()
                if len(earlier) < BLOCK:
                    earlier.append(text)
                lines.append(row(generator, text))
            file.write("\n".join(lines) + "\n")


def main() -> None:
    """Parse the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--duplicates", type=float, default=0.05)
    parser.add_argument("--bad", type=float, default=0.0005)
    asked = parser.parse_args()
    started = time.perf_counter()
    asked.path.parent.mkdir(parents=True, exist_ok=True)
    generate(asked.path, asked.rows, asked.seed, asked.duplicates, asked.bad)
    size = asked.path.stat().st_size / 1e6
    print(f"{asked.rows} rows, {size:.0f} MB in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
