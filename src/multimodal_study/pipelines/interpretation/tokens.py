"""Which words a fine-tuned text encoder answers by, whether attention says so, and a sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.interpretation.localisation import ABOVE, BELOW, NOISE
from multimodal_study.pipelines.interpretation.options import check_counts, sampled

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from matplotlib.figure import Figure

    from multimodal_study.contract import Features
    from multimodal_study.data.batches import Batch
    from multimodal_study.interpretation.token_relevance import TokenScore
    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.models.transformer import Transformer
    from multimodal_study.pipelines.interpretation.networks import Fitted
    from multimodal_study.reporting.token_sheet import MarkedText

Array = np.ndarray[Any, Any]
RELEVANCE = [
    "explainer", "examples", "seed", "deletion", "deletion_low", "deletion_high", "insertion",
    "insertion_low", "insertion_high", "gain", "gain_low", "gain_high", "verdict", "agreement",
    "agreement_low", "agreement_high",
]  # fmt: skip
INTEGRATED, GRADIENT, ROLLOUT = "integrated_gradients", "gradient_times_input", "rollout"
RANDOM, FIRST = "random", "in_order"
_TOGETHER = 8
_ROWS_OF_MEAN = 500


@dataclass(frozen=True)
class Explained:
    """One text."""

    row: int
    """Position in the examples."""
    predicted: int
    """The class; 0 for a regression."""
    score: float
    """What is explained: log odds of the predicted class, or the prediction."""
    values: dict[str, Array]
    """Explainer to a number per token ``[t]``, signed but for the rollout."""
    areas: dict[str, tuple[float, float]]
    """Explainer to its areas of deletion and insertion; none for a regression."""


def token_relevance(
    features: Features,
    table: pd.DataFrame,
    fitted: Fitted,
    options: dict[str, Any],
    evaluation: dict[str, Any],
) -> tuple[pd.DataFrame, Figure]:
    """Tokens that decide, on a sample of test examples, of the first seed.

    Args:
        features: Of the dataset.
        table: The text and its metadata, by row of the sequences.
        fitted: ``transformer``, with its token states.
        options: ``interpretation.tokens``: ``examples``, ``steps`` of the integral, ``curve_steps``
            of deletion and insertion, ``sheet_rows``.
        evaluation: How intervals are made.

    Returns:
        A row per explainer, the columns are :data:`RELEVANCE`, and a sheet of texts with the tokens
        that count. ``gain`` is insertion less deletion, less the same of a random order;
        ``agreement`` is Spearman's correlation of the sizes with those of integrated gradients over
        the tokens of a text. No row for a regression, whose scores have no probability.

    Raises:
        InputError: An option is out of range.
    """
    import pandas as pd

    from multimodal_study.reporting.token_sheet import token_sheet

    check_counts("tokens", options, ("examples", "steps", "curve_steps", "sheet_rows"))
    resampling = resampling_of(evaluation)
    rows = features.rows("test")
    rows = sampled(rows, options["examples"], resampling.seed)
    if not len(rows):
        return pd.DataFrame(columns=RELEVANCE), token_sheet([])
    found = list(_explained(fitted, rows, options, resampling.seed))
    board: list[dict[str, Any]] = []
    if features.task.classes:
        cluster = features.examples["cluster"].to_numpy()[[one.row for one in found]]
        seed = fitted.seeds()[0]
        board = [{**row, "seed": seed} for row in _board(found, cluster, resampling)]
    by_row = {one.row: one for one in found}
    shown = [by_row[int(row)] for row in rows[: options["sheet_rows"]]]
    sheet = token_sheet(_lines(features, table, fitted, shown))
    return pd.DataFrame(board, columns=RELEVANCE), sheet


def _explained(
    fitted: Fitted, rows: Array, options: dict[str, Any], seed: int
) -> Iterator[Explained]:
    """The examples, the shortest first: little is then computed for padding."""
    from multimodal_study.data.ragged import LENGTHS

    cell = fitted.cell()
    network: Any = next(fitted.networks())
    baseline = _baseline(fitted, network)
    lengths = next(iter(cell.batches(rows, len(rows), None))).inputs[LENGTHS].numpy()
    ordered = rows[np.argsort(lengths, kind="stable")]
    for number, batch in enumerate(cell.batches(ordered, _TOGETHER, None)):
        yield from _of_batch(network, batch, baseline, options, seed + number)


def _of_batch(
    network: Transformer,
    batch: Batch,
    baseline: torch.Tensor,
    options: dict[str, Any],
    seed: int,
) -> Iterator[Explained]:
    import torch

    from multimodal_study.interpretation import token_relevance as relevance
    from multimodal_study.interpretation.faithfulness import ranks

    with torch.no_grad():
        states, mask = network.tokens(batch)
        output = network.read(states, mask)
    predicted = output.argmax(1)
    score = _score(network, predicted)
    steps = options["steps"]
    values = {
        INTEGRATED: relevance.integrated_gradients(score, states, mask, baseline, steps),
        GRADIENT: relevance.gradient_times_input(score, states, mask),
        ROLLOUT: relevance.rollout(network, states, mask),
    }
    areas: dict[str, tuple[Array, Array]] = {}
    if network.task.classes:
        # Ties go in random order: an explainer that knows no difference is random.
        orders = {name: ranks(value[:, None], seed)[:, 0] for name, value in values.items()}
        orders[FIRST] = np.broadcast_to(np.arange(mask.shape[1]), mask.shape)
        orders[RANDOM] = ranks(np.zeros((len(mask), 1, mask.shape[1])), seed)[:, 0]
        areas = {
            name: relevance.areas_under(
                score, states, mask, _ends(mask), order, options["curve_steps"]
            )
            for name, order in orders.items()
        }
    with torch.no_grad():
        scores = score(states, mask).tolist()
    for at, length in enumerate(mask.sum(1).tolist()):
        yield Explained(
            int(batch.rows[at]),
            int(predicted[at]),
            scores[at],
            {name: value[at, :length] for name, value in values.items()},
            {name: (float(out[at]), float(put[at])) for name, (out, put) in areas.items()},
        )


def _score(network: Transformer, predicted: torch.Tensor) -> TokenScore:
    """Log odds of the predicted class, or what is predicted."""
    from multimodal_study.interpretation.scores import own_log_odds

    def score(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        output = network.read(states, mask)
        if not network.task.classes:
            return output[:, 0]
        # Captum asks for several points of the path at once.
        return own_log_odds(output, predicted.repeat(len(output) // len(predicted)))

    return score


def _ends(mask: torch.Tensor) -> torch.Tensor:
    """The special tokens at either end of each text: bool ``[b, t]``."""
    import torch

    place = torch.arange(mask.shape[1])
    return mask & ((place == 0) | (place == mask.sum(1, keepdim=True) - 1))


def _baseline(fitted: Fitted, network: Transformer) -> torch.Tensor:
    """The mean state of the tokens of train ``[d]``."""
    import torch

    rows = fitted.features.rows("train")[:_ROWS_OF_MEAN]
    total: Any = 0.0
    count = 0
    with torch.no_grad():
        for batch in fitted.cell().batches(rows, 64, None):
            states, mask = network.tokens(batch)
            total, count = total + (states * mask[..., None]).sum((0, 1)), count + int(mask.sum())
    return torch.as_tensor(total / max(count, 1))


def _board(
    found: list[Explained], cluster: Array, resampling: Resampling
) -> Iterator[dict[str, Any]]:
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    areas = {name: np.array([one.areas[name] for one in found]) for name in found[0].areas}
    chance = areas[RANDOM][:, 1] - areas[RANDOM][:, 0]
    for name, own in areas.items():
        row: dict[str, Any] = {"explainer": name, "examples": len(found)}
        measured = {"deletion": own[:, 0], "insertion": own[:, 1]}
        measured["gain"] = own[:, 1] - own[:, 0] - chance
        if name in {GRADIENT, ROLLOUT}:
            measured["agreement"] = _agreement(found, name)
        for label, values in measured.items():
            mean = clustered_mean(values, cluster, resampling)
            row |= {label: mean.value, f"{label}_low": mean.low, f"{label}_high": mean.high}
        place = ABOVE if row["gain_low"] > 0 else BELOW if row["gain_high"] < 0 else NOISE
        yield {**row, "verdict": "" if name == RANDOM else f"{place} random"}


def _agreement(found: list[Explained], name: str) -> Array:
    """With the sizes of integrated gradients, without the special tokens: ``[n]``."""
    from multimodal_study.interpretation.coattention import agreement

    return np.array(
        [
            agreement(
                np.abs(one.values[name][None, 1:-1]),
                np.abs(one.values[INTEGRATED][None, 1:-1]),
                np.ones((1, len(one.values[name]) - 2), dtype=bool),
            )[0]
            for one in found
        ]
    )


def _lines(
    features: Features, table: pd.DataFrame, fitted: Fitted, shown: list[Explained]
) -> list[MarkedText]:
    """Texts of a sheet, token by token."""
    from multimodal_study.data.ragged import ENTITY
    from multimodal_study.encoders.token_states import pieces_of
    from multimodal_study.reporting.token_sheet import MarkedText

    task = features.task
    reviews = features.examples[ENTITY].to_numpy()[[one.row for one in shown]]
    pieces = pieces_of(table.iloc[reviews], fitted.config["parameters"])
    lines = []
    for one, own in zip(shown, pieces, strict=True):
        target = features.examples["target"].iloc[one.row]
        if task.classes:
            said = f"predicted {task.classes[one.predicted]}, is {task.classes[int(target)]}"
        else:
            said = f"predicted {one.score:.2f}, is {float(target):.2f}"
        lines.append(MarkedText(said, own, one.values[INTEGRATED], one.values[ROLLOUT]))
    return lines
