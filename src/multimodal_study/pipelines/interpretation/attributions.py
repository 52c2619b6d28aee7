"""Shares of the modalities in each paradigm's answers, and words that speak for a class."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import SEQUENCES, Features
from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.interpretation.options import check_counts, sampled

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.pipelines.interpretation.networks import Fitted

logger = logging.getLogger(__name__)
Array = np.ndarray[Any, Any]
ATTRIBUTIONS = [
    "paradigm", "part", "examples", "seeds", "share", "share_low", "share_high", "towards",
    "towards_low", "towards_high", "missed",
]  # fmt: skip
TERMS = ["paradigm", "class", "rank", "term", "attribution", "examples"]
_TOGETHER = 32
_ROWS_OF_MEAN = 2000


def attributions(
    features: Features,
    cells: Mapping[str, Fitted],
    options: dict[str, Any],
    evaluation: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Integrated gradients of every modality, on a sample of test examples.

    Explained are the log odds of the predicted class, or what a regression predicts; the baseline
    is the mean of train, for a bag of words the empty one.

    Args:
        features: Of the dataset.
        cells: Paradigms that are explained.
        options: ``interpretation.attributions``: ``examples``, ``steps``, ``terms``.
        evaluation: How intervals are made.

    Returns:
        A row per paradigm and part, the columns are :data:`ATTRIBUTIONS`; and the terms of bags of
        words that speak most for each class, the columns are :data:`TERMS`. A part is a modality,
        or all modalities of an origin. ``share`` is ``|A| / sum |A|`` of the modalities' sums
        ``A``, ``towards`` the sum itself in nats or the unit of the prediction, ``missed`` the mean
        distance of all sums to what they should add up to, as a share of its mean size. Means over
        seeds, intervals over examples. A regression has the terms that raise and lower most what is
        predicted.

    Raises:
        InputError: An option is out of range.
    """
    import pandas as pd

    check_counts("attributions", options, ("examples", "steps", "terms"))
    resampling = resampling_of(evaluation)
    rows = features.rows("test")
    if not len(rows):
        return pd.DataFrame(columns=ATTRIBUTIONS), pd.DataFrame(columns=TERMS)
    rows = sampled(rows, options["examples"], resampling.seed)
    table: list[dict[str, Any]] = []
    terms: list[dict[str, Any]] = []
    for name, fitted in cells.items():
        found = [_attributed(fitted, network, rows, options) for network in fitted.networks()]
        table += [{"paradigm": name, **row} for row in _shares(fitted, rows, found, resampling)]
        terms += [{"paradigm": name, **row} for row in _terms(fitted, found, options["terms"])]
    return pd.DataFrame(table, columns=ATTRIBUTIONS), pd.DataFrame(terms, columns=TERMS)


def _attributed(
    fitted: Fitted, network: Any, rows: Array, options: dict[str, Any]
) -> dict[str, Any]:
    """``sums`` by modality, ``change``, ``missed`` and ``predicted``, ``[n]`` each; ``words``."""
    import torch
    from scipy.sparse import csr_matrix, vstack

    from multimodal_study.interpretation.attributions import integrated_gradients
    from multimodal_study.interpretation.scores import prediction, target_log_odds

    cell = fitted.cell()
    baseline = _baseline(cell.features)
    bags = [name for name, item in cell.features.modalities.items() if item.kind == "words"]
    parts: dict[str, list[Array]] = {}
    words: list[Any] = []
    for batch in cell.batches(rows, _TOGETHER, None):
        score = prediction(network)
        if network.task.classes:
            with torch.no_grad():
                batch.target = network.predict(batch).argmax(1)
            score = target_log_odds(network)
        found = integrated_gradients(score, batch, baseline, options["steps"])
        own = {**found.sums(), _CHANGE: found.change, _MISSED: found.missed()}
        for name, value in {**own, _PREDICTED: batch.target}.items():
            parts.setdefault(name, []).append(value.numpy())
        words += [csr_matrix(found.parts[name].numpy()) for name in bags[:1]]
    result: dict[str, Any] = {name: np.concatenate(values) for name, values in parts.items()}
    return result | ({_WORDS: vstack(words).tocsr()} if words else {})


_CHANGE, _MISSED, _PREDICTED, _WORDS = "/change", "/missed", "/predicted", "/words"
"""Beside the modalities in what was found; no modality has a name like these."""


def _baseline(features: Features) -> dict[str, torch.Tensor]:
    """Modality to one row that says nothing: the mean of train, an empty bag of words."""
    import torch

    train = features.rows("train")[:_ROWS_OF_MEAN]
    found = {}
    for name, item in features.modalities.items():
        if item.kind == "words":
            found[name] = torch.zeros(1, item.width)
            continue
        index = features.examples[item.entity].to_numpy()[train]
        index = index[features.present[name][index]]
        values = np.asarray(features.arrays[name][index], dtype=np.float32)
        if item.kind in SEQUENCES:
            used = np.arange(values.shape[1]) < features.lengths[name][index][:, None]
            values = values[used][:, None]
        mean = values.mean(0) if len(values) else np.zeros(values.shape[1:], np.float32)
        found[name] = torch.from_numpy(np.ascontiguousarray(mean))[None]
    return found


def _shares(
    fitted: Fitted, rows: Array, found: list[dict[str, Any]], resampling: Resampling
) -> list[dict[str, Any]]:
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    modalities = fitted.cell().features.modalities
    cluster = fitted.features.examples["cluster"].to_numpy()[rows]
    origins: dict[str, list[str]] = {}
    for name, item in modalities.items():
        origins.setdefault(item.origin, []).append(name)
    parts = {name: [name] for name in modalities}
    parts |= {f"all of {origin}": own for origin, own in origins.items() if len(own) > 1}
    size = np.mean([np.abs(one[_CHANGE]).mean() for one in found])
    missed = np.mean([np.abs(one[_MISSED]).mean() for one in found])
    table = []
    for part, names in parts.items():
        shares, sums = [], []
        for one in found:
            whole = sum(np.abs(one[name]) for name in modalities)
            own = sum(np.abs(one[name]) for name in names)
            shares.append(np.where(whole > 0, own / np.where(whole > 0, whole, 1.0), np.nan))
            sums.append(sum(one[name] for name in names))
        row: dict[str, Any] = {"part": part, "examples": len(rows), "seeds": len(found)}
        for label, values in (("share", shares), ("towards", sums)):
            mean = clustered_mean(np.mean(values, axis=0), cluster, resampling)
            row |= {label: mean.value, f"{label}_low": mean.low, f"{label}_high": mean.high}
        table.append({**row, "missed": float(missed / size) if size > 0 else np.nan})
    return table


def _terms(fitted: Fitted, found: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Terms with the highest mean attribution towards a class, over the examples predicted so."""
    bags = [item for item in fitted.cell().features.modalities.values() if item.kind == "words"]
    if not bags or not bags[0].columns or not all(_WORDS in one for one in found):
        return []
    columns, classes = bags[0].columns, fitted.features.task.classes
    rows = []
    for number, label in enumerate(classes or (RAISES, LOWERS)):
        total, examples = np.zeros(len(columns)), 0
        for one in found:
            chosen = one[_PREDICTED] == number if classes else slice(None)
            total += np.asarray(one[_WORDS][chosen].sum(0)).ravel()
            examples += len(one[_PREDICTED][chosen])
        sign = -1.0 if label == LOWERS and not classes else 1.0
        best = np.argsort(-sign * total, kind="stable")[:count]
        for rank, column in enumerate(best, start=1):
            if sign * total[column] > 0:
                term = {"class": label, "rank": rank, "term": columns[column]}
                value = total[column] / examples
                rows.append({**term, "attribution": float(value), "examples": examples})
    return rows


RAISES, LOWERS = "raises the prediction", "lowers the prediction"
"""Stand for classes in the terms of a regression."""
