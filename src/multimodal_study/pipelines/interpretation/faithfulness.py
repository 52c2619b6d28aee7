"""Whether maps say what the answer depends on: deletion, insertion and scrambling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.interpretation.localisation import (
    ABOVE,
    BELOW,
    CENTRE,
    GRADIENT,
    NOISE,
    SCRAMBLED,
)
from multimodal_study.pipelines.interpretation.questions import DESCRIBED

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.pipelines.interpretation.localisation import Scores
    from multimodal_study.pipelines.interpretation.maps import Gallery
    from multimodal_study.pipelines.interpretation.networks import Fitted

Array = np.ndarray[Any, Any]
TESTS = [
    "paradigm", "explainer", "questions", "examples", "seed", "deletion", "deletion_low",
    "deletion_high", "insertion", "insertion_low", "insertion_high", "gain", "gain_low",
    "gain_high", "verdict", "scrambled_correlation", "correlation_low", "correlation_high",
]  # fmt: skip
_TOGETHER = 64


def explanation_tests(
    gallery: Gallery,
    cells: Mapping[str, Fitted],
    scores: Mapping[str, Scores],
    explain: dict[str, Any],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """Areas under deletion and insertion curves, and the correlation with scrambled networks.

    Args:
        gallery: Questions, and the pictures that they are about.
        cells: Paradigms.
        scores: Their maps.
        explain: ``tested``: largest number of questions; ``steps`` of a curve.
        evaluation: How intervals are made.

    Returns:
        A row per paradigm and explainer; the columns are :data:`TESTS`. The first seed's network is
        asked. ``gain`` is insertion less deletion, less the same of an order at random (which is
        that of a constant map too: its ties are broken at random). The correlation is Spearman's,
        of the cells of Grad-CAM with those of the scrambled network, mean over all seeds.
    """
    import pandas as pd

    resampling = resampling_of(evaluation)
    blank = _blank(gallery)
    rows: list[dict[str, Any]] = []
    for paradigm, found in scores.items():
        which = _tested(gallery, found, int(explain["tested"]), resampling.seed)
        if not len(which):
            continue
        areas = _areas(gallery, cells[paradigm], found, blank, which, explain, resampling.seed)
        for explainer, own in areas.items():
            row = _row(gallery, which, own, areas["random"], resampling)
            alike = explainer == "grad_cam"
            row |= _correlation(gallery, found, resampling) if alike else {}
            seed = cells[paradigm].seeds()[0]
            rows.append({"paradigm": paradigm, "explainer": explainer, "seed": seed, **row})
    return pd.DataFrame(rows, columns=TESTS)


def _blank(gallery: Gallery) -> torch.Tensor:
    """Activations of the blurred pictures, ``[n, k, h, w]``."""
    from multimodal_study.interpretation.faithfulness import blurred

    return gallery.encoder.activations(blurred(gallery.questions.pixels))


def _tested(gallery: Gallery, found: Scores, limit: int, seed: int) -> Array:
    """Questions of a class that the first seed answers rightly, at most ``limit``."""
    own = found.answered()[0] & (gallery.questions.factor != DESCRIBED)
    which = np.flatnonzero(own)
    if len(which) <= limit:
        return which
    return np.sort(np.random.default_rng(seed).choice(which, limit, replace=False))


def _areas(  # noqa: PLR0917
    gallery: Gallery,
    fitted: Fitted,
    found: Scores,
    blank: torch.Tensor,
    which: Array,
    explain: dict[str, Any],
    seed: int,
) -> dict[str, Array]:
    """Explainer to deletion and insertion, float64 ``[2, a]``."""
    from multimodal_study.interpretation.faithfulness import ranks
    from multimodal_study.interpretation.localisation import centre

    grid = gallery.activations.shape[2:]
    middle = np.broadcast_to(centre(grid[0]), (len(which), *grid))
    maps = {name: found.maps[name][0, which] for name in (*GRADIENT, SCRAMBLED)}
    maps |= {"random": np.zeros((len(which), *grid)), CENTRE: middle}
    places = {name: ranks(one, seed) for name, one in maps.items()}
    steps = int(explain["steps"])
    return _curves(gallery, fitted, blank, which, places, steps)


def _curves(  # noqa: PLR0917
    gallery: Gallery,
    fitted: Fitted,
    blank: torch.Tensor,
    which: Array,
    places: Mapping[str, Array],
    steps: int,
) -> dict[str, Array]:
    import torch

    from multimodal_study.interpretation.faithfulness import areas_under
    from multimodal_study.interpretation.scores import log_odds
    from multimodal_study.pipelines.interpretation.maps import path_of

    questions, cell = gallery.questions, fitted.cell()
    network = next(fitted.networks())
    areas = {name: np.empty((2, len(which))) for name in places}
    for start in range(0, len(which), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        picture = questions.picture[which[part]]
        batch = next(iter(cell.batches(questions.rows[picture], len(picture), None)))
        against = torch.from_numpy(questions.against[which[part]])
        path = path_of(gallery, cell, log_odds(network, batch.target, against))
        shown = (gallery.activations[picture], blank[picture], batch)
        for name, place in places.items():
            areas[name][:, part] = areas_under(path, *shown, place[part], steps)
    return areas


def _row(
    gallery: Gallery, which: Array, own: Array, random: Array, resampling: Resampling
) -> dict[str, Any]:
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    examples = gallery.questions.rows[gallery.questions.picture[which]]
    cluster = gallery.features.examples["cluster"].to_numpy()[examples]
    row: dict[str, Any] = {"questions": len(which), "examples": len(np.unique(examples))}
    gained = (own[1] - own[0]) - (random[1] - random[0])
    for name, values in (("deletion", own[0]), ("insertion", own[1]), ("gain", gained)):
        found = clustered_mean(values, cluster, resampling)
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    place = ABOVE if row["gain_low"] > 0 else BELOW if row["gain_high"] < 0 else NOISE
    return {**row, "verdict": "" if own is random else f"{place} random"}


def _correlation(gallery: Gallery, found: Scores, resampling: Resampling) -> dict[str, Any]:
    from multimodal_study.interpretation.faithfulness import rank_correlation
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    alike = np.stack(
        [
            np.where(asked, rank_correlation(first, second), np.nan)
            for asked, first, second in zip(
                found.answered(), found.maps["grad_cam"], found.maps[SCRAMBLED], strict=True
            )
        ]
    )
    known = np.flatnonzero(~np.isnan(alike).all(0) & (gallery.questions.factor != DESCRIBED))
    examples = gallery.questions.rows[gallery.questions.picture[known]]
    cluster = gallery.features.examples["cluster"].to_numpy()[examples]
    if not len(known):
        return {}
    mean = clustered_mean(np.nanmean(alike[:, known], axis=0), cluster, resampling)
    return {
        "scrambled_correlation": mean.value,
        "correlation_low": mean.low,
        "correlation_high": mean.high,
    }
