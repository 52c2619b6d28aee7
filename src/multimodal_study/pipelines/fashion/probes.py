"""Which factors of rendered garments can be read from pictures, and which from texts.

A linear probe per factor and origin on frozen vectors (Alain & Bengio 2017; ridge regression on
class indicators, which is solved and not iterated: there are dozens of probes), against what the
construction says: a factor that only pictures carry must not be told from texts better than by
always naming the most frequent value.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.contract import BINARY, SPLITS, Features, Task, TaskKind
from multimodal_study.pipelines.options import known_options

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

OPTIONS = ("regularisation", "significance")
COLUMNS = (
    "factor", "read_from", "values", "accuracy", "low", "high", "chance", "p_value", "carried_by",
    "verdict",
)  # fmt: skip
ORIGINS = ("image", "text")
TOO_FEW = "not probed: too few items have the factor"
BOTH = "both"
_CONFIDENCE = 0.95


def factor_probes(
    features: Features, items: pd.DataFrame, rendered: dict[str, Any], probes: dict[str, Any]
) -> pd.DataFrame:
    """One row per factor and origin, no row for sources whose factors are unknown.

    Columns: factor, read_from (image or text), values (how many), accuracy on test with its 95 %
    Wilson interval, chance (share of the most frequent value), p_value (exact binomial test that
    the accuracy is chance), carried_by (image, text or both, by construction), verdict.

    Args:
        features: Vectors of the items.
        items: Table of ``ingest``, with a column per factor.
        rendered: What ``render`` made: ``carriers``, factor to what carries it.
        probes: ``regularisation``, strengths of which validation chooses; ``significance`` over
            all probes (Bonferroni's correction).
    """
    import pandas as pd

    from multimodal_study.baselines.logistic import columns

    known_options("fashion.probes", probes, OPTIONS)
    carriers: dict[str, str] = rendered.get("carriers") or {}
    if not carriers:
        return pd.DataFrame(columns=list(COLUMNS))
    names = {origin: _vectors(features, origin) for origin in ORIGINS}
    inputs = {origin: columns(features, own) for origin, own in names.items() if own}
    pairs = [(factor, origin) for factor in carriers for origin in inputs]
    values = items.set_index("item_id").loc[features.examples["example_id"]]
    alpha = float(probes["significance"]) / max(len(pairs), 1)
    rows = []
    for factor, origin in pairs:
        asked, where = _asking(features, values[factor].astype(str).to_numpy(dtype=object))
        expected = carriers[factor] in (origin, BOTH)
        if _too_few(asked):
            found, verdict = _unknown(asked), TOO_FEW
        else:
            found = _probe(asked, inputs[origin][where], probes)
            verdict = _verdict(found["p_value"] < alpha, expected)
        row = {"factor": factor, "read_from": origin, **found, "carried_by": carriers[factor]}
        rows.append({**row, "verdict": verdict})
        if verdict.startswith("contradicts"):
            logger.warning("%s from %s %s: %s", factor, origin, verdict, found)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _vectors(features: Features, origin: str) -> list[str]:
    """Modalities of ``origin`` that are one dense vector each."""
    dense = ("image", "text", "numeric")
    return [
        name
        for name, item in features.modalities.items()
        if item.origin == origin and item.kind in dense
    ]


def _asking(
    features: Features, values: np.ndarray[Any, Any]
) -> tuple[Features, np.ndarray[Any, Any]]:
    """The examples that have the factor, asked for it, and their positions."""
    where = np.flatnonzero(values != "")
    classes, target = np.unique(values[where].astype(str), return_inverse=True)
    kind: TaskKind = "binary" if len(classes) == BINARY else "multiclass"
    examples = features.examples.iloc[where].reset_index(drop=True).assign(target=target)
    task = Task("probe", kind, tuple(str(name) for name in classes), "accuracy")
    return replace(features, examples=examples, task=task), where


def _too_few(features: Features) -> bool:
    """Whether a side has no item, or train has one value only."""
    sides = [features.rows(side) for side in SPLITS]
    values = features.examples["target"].to_numpy()[sides[0]]
    return not all(map(len, sides)) or len(np.unique(values)) < BINARY


def _unknown(features: Features) -> dict[str, Any]:
    numbers = ("accuracy", "low", "high", "chance", "p_value")
    return {"values": len(features.task.classes), **dict.fromkeys(numbers, np.nan)}


def _probe(
    features: Features, inputs: np.ndarray[Any, Any], probes: dict[str, Any]
) -> dict[str, Any]:
    from scipy.stats import binomtest

    from multimodal_study.baselines.result import target_of

    rows = features.rows("test")
    target = target_of(features, rows)
    share = np.bincount(target_of(features, np.arange(len(features.examples)))).max()
    chance = float(share / len(features.examples))
    hits = int((_told(features, inputs, probes["regularisation"]) == target).sum())
    test = binomtest(hits, len(rows), chance, alternative="greater")
    interval = binomtest(hits, len(rows)).proportion_ci(_CONFIDENCE, method="wilson")
    return {
        "values": len(features.task.classes),
        "accuracy": hits / len(rows),
        "low": float(interval.low),
        "high": float(interval.high),
        "chance": chance,
        "p_value": float(test.pvalue),
    }


def _told(
    features: Features, inputs: np.ndarray[Any, Any], strengths: list[float]
) -> np.ndarray[Any, Any]:
    """Classes of the test rows, by the strength with the best accuracy on validation."""
    from sklearn.linear_model import RidgeClassifier

    from multimodal_study.baselines.result import target_of

    train, validation = features.rows("train"), features.rows("validation")
    asked, answer = target_of(features, train), target_of(features, validation)
    # In units of variance per training row, as the columns are standardised.
    models = [
        RidgeClassifier(alpha=float(strength) * len(train)).fit(inputs[train], asked)
        for strength in strengths
    ]
    best = max(models, key=lambda model: model.score(inputs[validation], answer))
    return np.asarray(best.predict(inputs[features.rows("test")]))


def _verdict(told: bool, expected: bool) -> str:
    if told == expected:
        return "as constructed: told" if told else "as constructed: not above chance"
    return "contradicts the construction: told" if told else "carried, but not told above chance"
