"""The grid, what is recommended from it, and its picture."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from multimodal_study.contract import Features

logger = logging.getLogger(__name__)

CHOSEN_ON = "validation"
RAW = "inputs"
"""Name of the row of the probe on the inputs."""
GRID = ["lambda", "beta", "seed", "split", "metric", "value"]
VAE_ALONE, TASK_ALONE = 0.0, math.inf
PROBE = "a probe on z of 0"
"""A linear model of its own on the z of the VAE that saw no task."""


def study(  # noqa: PLR0917
    features: Features,
    parameters: dict[str, Any],
    trainer: dict[str, Any],
    grid: dict[str, Any],
    evaluation: dict[str, Any],
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit and measure a hybrid at every lambda and beta of the grid.

    Args:
        features: What the hybrids learn from.
        parameters: The hybrid's, without ``task_weight``.
        trainer: The budget.
        grid: ``lambdas`` (``.inf``: the task alone), ``betas``, ``seeds``, ``likelihood``,
            ``train_rows`` (a sample of train, the same for every cell; None: all).
        evaluation: What ``evaluate`` and ``retrieve`` read.
        seed: The first seed.

    Returns:
        The table, columns :data:`GRID`, and paired comparisons (as ``contributions``) of every
        lambda with none, with a linear probe on the z of none, and with the task alone, where the
        grid has these.
    """
    import pandas as pd

    from multimodal_study.pipelines.lambda_study.measure import measured, probed_features
    from multimodal_study.seeds import fit_seeds, forget

    lambdas = _checked("lambdas", grid["lambdas"])
    features = _sampled(features, grid["train_rows"], seed)
    tables, cells = [], []
    predictions: dict[tuple[float, float], pd.DataFrame] = {}
    probes: dict[float, pd.DataFrame] = {}
    for beta in _checked("betas", grid["betas"]):
        for lam in lambdas:
            cell = _cell(features, parameters, trainer, grid, (lam, beta))
            weights, _, _ = fit_seeds(cell, seed, keep=True)
            cells.append(cell)
            rows, own, probed = measured(cell, weights, evaluation, grid["likelihood"])
            predictions[lam, beta] = own
            if lam == VAE_ALONE:
                probes[beta] = probed
            tables.append(_placed(rows, str(lam), beta))
            logger.info("lambda %s, beta %s: measured", lam, beta)
    tables.append(_placed(probed_features(cells[0].features, evaluation), RAW, math.nan))
    for cell in cells:
        forget(cell, seed)
    task = features.description()["task"]
    compared = _compared(predictions, probes, task, evaluation)
    return pd.concat(tables, ignore_index=True), compared


def recommend(
    table: pd.DataFrame, comparisons: pd.DataFrame, grid: dict[str, Any], decides: str
) -> dict[str, Any]:
    """A lambda and beta from validation, and the answer to the study's question, as JSON values.

    The rule: among the cells whose deciding metric is within ``tolerance`` standard errors (over
    seeds) of the best, the one with the highest ELBO; the infinite lambda, which explains nothing,
    is not among them. With one seed there is no standard error, and the best cell is taken.
    """
    from multimodal_study.metrics.registry import METRICS

    sign = 1.0 if METRICS[decides].higher_is_better else -1.0
    cells = table[(table["lambda"] != RAW) & (table["split"] == CHOSEN_ON)]
    cells = cells.assign(place=cells["lambda"].astype(float))
    cells = cells[cells["place"] < math.inf]
    if cells.empty:
        raise ValueError("lambda_study.lambdas has no finite value, nothing can be recommended")
    score: dict[tuple[float, float], list[float]] = {}
    elbo: dict[tuple[float, float], list[float]] = {}
    for row in cells.to_dict("records"):
        kept = {decides: score, "elbo": elbo}.get(row["metric"])
        if kept is not None:
            kept.setdefault((float(row["place"]), float(row["beta"])), []).append(row["value"])
    mean = {place: sign * fmean(values) for place, values in score.items()}
    top = max(mean, key=lambda place: mean[place])
    seeds = len(score[top])
    error = stdev(score[top]) / math.sqrt(seeds) if seeds > 1 else 0.0
    slack = error * float(grid["tolerance"])
    near = [place for place, value in mean.items() if value >= mean[top] - slack]
    lam, beta = max(near, key=lambda place: fmean(elbo[place]))
    return {
        "recommended": {"lambda": lam, "beta": beta},
        "rule": (
            f"highest ELBO within {grid['tolerance']} standard errors of the best {decides},"
            f" on {CHOSEN_ON}"
        ),
        "best": {"lambda": top[0], "beta": top[1]},
        "within": [{"lambda": place[0], "beta": place[1]} for place in near],
        "decides": decides,
        "likelihood": dict(grid["likelihood"]),
        "answer": _answer(comparisons, decides, lam, beta),
    }


def draw(table: pd.DataFrame, summary: dict[str, Any], evaluation: dict[str, Any]) -> Figure:
    """Task against ELBO by lambda, and every other measure along lambda."""
    from multimodal_study.reporting.lambda_figure import lambda_figure

    split = str(evaluation.get("splits", ["test"])[0])
    return lambda_figure(table, summary["decides"], summary["recommended"], split=split)


def _cell(
    features: Features,
    parameters: dict[str, Any],
    trainer: dict[str, Any],
    grid: dict[str, Any],
    place: tuple[float, float],
) -> Any:
    from multimodal_study.models.hybrid import Config, Hybrid
    from multimodal_study.seeds import cell_of
    from multimodal_study.training import TrainerConfig

    own = dict(parameters)
    budget = {**trainer, **own.pop("trainer", {}), "seeds": int(grid["seeds"])}
    config = Config(**{**own, "task_weight": place[0], "beta": place[1]})
    names = [name for name, m in features.modalities.items() if m.kind in Hybrid.reads]
    return cell_of(Hybrid, config, TrainerConfig(**budget), features.select(names))


def _sampled(features: Features, train_rows: int | None, seed: int) -> Features:
    """The features with at most ``train_rows`` rows of train; validation and test stay whole."""
    import numpy as np

    if train_rows is not None and train_rows < 1:
        raise ValueError(f"lambda_study.train_rows is {train_rows}, expected 1 or more, or null")
    train = features.rows("train")
    if train_rows is None or len(train) <= train_rows:
        return features
    chosen = np.random.default_rng(seed).choice(train, train_rows, replace=False)
    rest = np.flatnonzero((features.examples["split"] != "train").to_numpy())
    rows = np.sort(np.concatenate([chosen, rest]))
    logger.info("lambda study: %d of %d training rows", train_rows, len(train))
    return replace(features, examples=features.examples.iloc[rows].reset_index(drop=True))


def _placed(rows: list[dict[str, Any]], lam: str, beta: float) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows)
    table["lambda"], table["beta"] = lam, beta
    return table[GRID]


def _checked(name: str, values: Any) -> list[float]:
    numbers = sorted({float(value) for value in values})
    if not numbers or numbers[0] < 0:
        raise ValueError(f"lambda_study.{name} is {values}, expected numbers from 0, at least one")
    return numbers


def _compared(
    predictions: dict[tuple[float, float], pd.DataFrame],
    probes: dict[float, pd.DataFrame],
    task: dict[str, Any],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    import pandas as pd

    from multimodal_study.pipelines.evaluation.nodes import CONTRIBUTIONS, contribution

    tables = [pd.DataFrame(columns=CONTRIBUTIONS)]
    for (lam, beta), own in predictions.items():
        others = {
            f"{against:g}": predictions.get((against, beta))
            for against in (VAE_ALONE, TASK_ALONE)
            if lam != against
        }
        if lam != VAE_ALONE:
            others[PROBE] = probes.get(beta)
        for name, other in others.items():
            if other is not None:
                label = _named(lam, name, beta)
                tables.append(contribution(task, own, other, evaluation, label))
    return pd.concat([t for t in tables if len(t)] or tables, ignore_index=True)


def _named(lam: float, against: str, beta: float) -> str:
    return f"lambda {lam:g} against {against} (beta {beta:g})"


def _answer(
    comparisons: pd.DataFrame, decides: str, lam: float, beta: float
) -> dict[str, dict[str, Any]]:
    """Does the label help z; does z help the label: paired differences at the recommendation."""
    found: dict[str, dict[str, Any]] = {}
    for question, against in (
        ("against_vae_alone", "0"),
        ("against_vae_probe", PROBE),
        ("against_task_alone", "inf"),
    ):
        own = comparisons[
            (comparisons["comparison"] == _named(lam, against, beta))
            & (comparisons["metric"] == decides)
        ]
        for row in own.to_dict("records"):
            keys = ("difference", "low", "high", "verdict", "split")
            found[question] = {key: row[key] for key in keys}
    return found
