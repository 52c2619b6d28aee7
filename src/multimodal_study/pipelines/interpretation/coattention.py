"""What the two streams of ViLBERT read of each other, and whether the gradient agrees."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import Features
from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.interpretation.localisation import ABOVE, BELOW, NOISE
from multimodal_study.pipelines.interpretation.options import check_counts, sampled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from multimodal_study.interpretation.coattention import Read
    from multimodal_study.pipelines.interpretation.networks import Fitted

logger = logging.getLogger(__name__)
Array = np.ndarray[Any, Any]
COATTENTION = [
    "direction", "positions", "examples", "seeds", "agreement", "low", "high", "of_another", "gain",
    "gain_low", "gain_high", "verdict",
]  # fmt: skip
WORDS = ["example_id", "rank", "word", "read", "gradient", "cell_row", "cell_column"]
_SPECIAL = 1
"""Tokens at either end of a text that are no words of it."""
_WITHIN = "##"
"""What a piece begins with that goes on with a word (WordPiece)."""
_TOGETHER = 64


@dataclass(frozen=True)
class Streams:
    """What one seed reads in all examples."""

    read: Read
    gradients: dict[str, Array]
    """Gradient times input of ``cells`` ``[n, r]`` and ``words`` ``[n, t]``."""


def coattention(  # noqa: PLR0917
    features: Features,
    table: pd.DataFrame,
    source_files: dict[str, Any],
    fitted: Fitted,
    options: dict[str, Any],
    tokens: dict[str, Any] | None,
    evaluation: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Attention both ways on a sample of test examples.

    Args:
        features: Of the dataset.
        table: ``image`` and ``text`` by row of the arrays.
        source_files: ``root`` of the pictures.
        fitted: ViLBERT.
        options: ``interpretation.coattention``: ``examples``, ``words``, ``sheet_rows``.
        tokens: ``featurise.tokens`` of the dataset: whose pieces the words are.
        evaluation: How intervals are made.

    Returns:
        A row per direction, the columns are :data:`COATTENTION`: Spearman's correlation of what a
        stream's token reads with gradient times input, over the positions of an example, mean over
        seeds; ``of_another`` is that with what it reads in another example, and the gain is over
        it. Then the words that the picture reads most, with the cell that each reads most, the
        columns are :data:`WORDS`; and a sheet of both. Empty where there are no cells or words.

    Raises:
        InputError: An option is out of range.
    """
    import pandas as pd

    from multimodal_study.reporting.sheets import contact_sheet

    check_counts("coattention", options, ("examples", "words", "sheet_rows"))
    names = _names(fitted.features)
    rows = features.rows("test")
    if names is None or tokens is None or not len(rows):
        logger.warning("co-attention is not looked at: there are no cells of pictures, or no words")
        empty = (pd.DataFrame(columns=COATTENTION), pd.DataFrame(columns=WORDS))
        return (*empty, contact_sheet([]))
    resampling = resampling_of(evaluation)
    rows = sampled(rows, options["examples"], resampling.seed)
    seeds = [_streams(fitted, network, rows, names) for network in fitted.networks()]
    pieces = _pieces(features, table, rows, tokens)
    board = _agreements(features, rows, seeds, pieces, resampling)
    words = _words(features, rows, seeds[0], pieces, options["words"])
    shown = rows[: options["sheet_rows"]]
    sheet = _sheet(features, table, source_files, shown, seeds[0], pieces, options["words"])
    return pd.DataFrame(board, columns=COATTENTION), words, sheet


def _names(features: Features) -> tuple[str, str] | None:
    """Modalities of cells and of words."""
    kinds = {item.kind: name for name, item in reversed(features.modalities.items())}
    return (kinds["regions"], kinds["tokens"]) if {"regions", "tokens"} <= set(kinds) else None


def _streams(fitted: Fitted, network: Any, rows: Array, names: tuple[str, str]) -> Streams:
    import torch

    from multimodal_study.interpretation import coattention as attend
    from multimodal_study.interpretation.scores import target_log_odds

    reads: list[Read] = []
    gradients: dict[str, list[Array]] = {"cells": [], "words": []}
    for batch in fitted.cell().batches(rows, _TOGETHER, None):
        reads.append(attend.read(network, batch, *names))
        with torch.no_grad():
            batch.target = network.predict(batch).argmax(1)
        found = attend.gradient_times_input(target_log_odds(network), batch, names)
        for part, name in zip(gradients, names, strict=True):
            gradients[part].append(found[name])
    whole = attend.Read(*(np.concatenate([getattr(one, part) for one in reads]) for part in _PARTS))
    return Streams(whole, {part: np.concatenate(parts) for part, parts in gradients.items()})


_PARTS = ("cells", "words", "word_cells")


def _pieces(
    features: Features, table: pd.DataFrame, rows: Array, tokens: dict[str, Any]
) -> list[list[str]]:
    """Word pieces of each example, special ones included."""
    from transformers import AutoTokenizer

    from multimodal_study.encoders.text_model import find_model

    tokenizer: Any = AutoTokenizer.from_pretrained(
        str(find_model(tokens["model"]).folder), use_fast=True, local_files_only=True
    )
    entity = next(item.entity for item in features.modalities.values() if item.kind == "tokens")
    entities = features.examples[entity].to_numpy()[rows]
    texts = [str(text) for text in table["text"].to_numpy()[entities]]
    ids = tokenizer(texts, truncation=True, max_length=tokens["max_tokens"])["input_ids"]
    return [[str(piece) for piece in tokenizer.convert_ids_to_tokens(one)] for one in ids]


def _agreements(
    features: Features,
    rows: Array,
    seeds: list[Streams],
    pieces: list[list[str]],
    resampling: Any,
) -> list[dict[str, Any]]:
    from multimodal_study.interpretation.coattention import agreement
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    cluster = features.examples["cluster"].to_numpy()[rows]
    positions = np.arange(seeds[0].read.words.shape[1])
    ends = np.array([len(one) for one in pieces])[:, None] - _SPECIAL
    used = {
        "cells": np.ones(seeds[0].read.cells.shape, dtype=bool),
        "words": (positions >= _SPECIAL) & (positions < ends),
    }
    directions = {"text reads picture": "cells", "picture reads text": "words"}
    board = []
    for direction, part in directions.items():
        own, other = [], []
        for one in seeds:
            weights, gradient = getattr(one.read, part), one.gradients[part]
            own.append(agreement(weights, gradient, used[part]))
            other.append(agreement(np.roll(weights, 1, axis=0), gradient, used[part]))
        # An example that is constant in a seed is left out of all.
        mean, foreign = (np.mean(found, axis=0) for found in (own, other))
        found, gain = (clustered_mean(one, cluster, resampling) for one in (mean, mean - foreign))
        place = ABOVE if gain.low > 0 else BELOW if gain.high < 0 else NOISE
        row = {"direction": direction, "positions": part, "examples": len(rows)}
        row |= {"seeds": len(seeds), "agreement": found.value, "low": found.low}
        row |= {"high": found.high, "of_another": float(np.nanmean(foreign)), "gain": gain.value}
        row |= {"gain_low": gain.low, "gain_high": gain.high}
        board.append({**row, "verdict": f"{place} attention of another example"})
    return board


@dataclass(frozen=True)
class Word:
    """A word of one text, of one or more pieces."""

    text: str
    place: slice
    """Positions of its pieces."""
    read: float
    """What the picture reads of all of them."""


def _best(stream: Streams, pieces: list[str], at: int, count: int) -> list[Word]:
    """The words that the picture of example ``at`` reads most."""
    starts = [
        place
        for place in range(_SPECIAL, len(pieces) - _SPECIAL)
        if not pieces[place].startswith(_WITHIN)
    ]
    found = []
    for start, stop in zip(starts, [*starts[1:], len(pieces) - _SPECIAL], strict=True):
        text = "".join(piece.removeprefix(_WITHIN) for piece in pieces[start:stop])
        if text.isalnum() and len(text) > 1:
            place = slice(start, stop)
            found.append(Word(text, place, float(stream.read.words[at, place].sum())))
    return sorted(found, key=lambda word: -word.read)[:count]


def _words(
    features: Features, rows: Array, stream: Streams, pieces: list[list[str]], count: int
) -> pd.DataFrame:
    import pandas as pd

    ids = features.examples["example_id"].to_numpy()[rows]
    columns = isqrt(stream.read.cells.shape[1])
    found = []
    for at, own in enumerate(pieces):
        for rank, word in enumerate(_best(stream, own, at, count), start=1):
            cells = stream.read.word_cells[at, word.place].mean(0)
            gradient = float(stream.gradients["words"][at, word.place].sum())
            cell = divmod(int(cells.argmax()), columns)
            found.append((ids[at], rank, word.text, word.read, gradient, *cell))
    return pd.DataFrame(found, columns=WORDS)


def _sheet(  # noqa: PLR0917
    features: Features,
    table: pd.DataFrame,
    source_files: dict[str, Any],
    rows: Array,
    stream: Streams,
    pieces: list[list[str]],
    count: int,
) -> Figure:
    """Picture, what the text's token reads of it, and what the most read words read of it."""
    from pathlib import Path

    from multimodal_study.encoders.pictures import load_picture
    from multimodal_study.reporting.sheets import Panel, SheetRow, contact_sheet

    entity = next(item.entity for item in features.modalities.values() if item.kind == "regions")
    entities = features.examples[entity].to_numpy()[rows]
    sheet = []
    for at, row in enumerate(entities):
        best = _best(stream, pieces[at], at, count)
        panels = [Panel("picture"), Panel("whole text reads", _grid(stream.read.cells[at]))]
        for word in best:
            cells = stream.read.word_cells[at, word.place].mean(0)
            panels.append(Panel(word.text, _grid(cells)))
        panels += [Panel("", note="no word")] * (count - len(best))
        read = ", ".join(f"{word.text} {word.read:.2f}" for word in best)
        picture = load_picture(table["image"].iloc[row], root=Path(source_files["root"]))
        sheet.append(SheetRow(picture, f"{table['text'].iloc[row]}\npicture reads: {read}", panels))
    return contact_sheet(sheet)


def _grid(weights: Array) -> Array | None:
    """Cells of a square grid enlarged to the picture, uneven weights alone; None: no square."""
    import torch

    from multimodal_study.interpretation.grad_cam import upsampled

    side = isqrt(len(weights))
    if side**2 != len(weights):
        return None
    even = (weights - weights.min()).reshape(1, side, side)
    return upsampled(torch.from_numpy(np.ascontiguousarray(even)), 16 * side)[0].numpy()
