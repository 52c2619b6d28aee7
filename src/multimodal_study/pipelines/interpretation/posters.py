"""Where on a picture a predicted number comes from: maps, a test of them, a sheet.

Nobody knows where on a poster the evidence for a rating is, so that no map can be checked against a
mask. What can be checked is whether the prediction moves more when the cells of a map are taken out
first (deletion, insertion) than when cells are taken out in random order.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.pipelines.interpretation.questions import PICTURES, prepared_pixels

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from matplotlib.figure import Figure

    from multimodal_study.contract import Features
    from multimodal_study.data.batches import Batch
    from multimodal_study.interpretation.picture_path import CutEncoder, PicturePath
    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.pipelines.interpretation.networks import Fitted

    Array = np.ndarray[Any, Any]

logger = logging.getLogger(__name__)

TESTS = [
    "paradigm", "explainer", "examples", "seed", "picture_moves", "deletion", "deletion_low",
    "deletion_high", "insertion", "insertion_low", "insertion_high", "gain", "gain_low",
    "gain_high", "verdict",
]  # fmt: skip
RANDOM = "random"


@dataclass(frozen=True)
class Posters:
    """Test examples, one per item that has a picture."""

    rows: Array
    """Positions in the examples ``[n]``."""
    pixels: Array
    """Uint8 ``[n, size, size, 3]``."""
    encoder: CutEncoder
    shown: torch.Tensor
    """Activations of the pictures ``[n, k, h, w]``."""
    mean: torch.Tensor
    """Their mean, for each of them: a poster that says nothing. A blurred one is unlike all that a
    network has seen, and moves what it predicts more than any poster does."""


def explain_posters(  # noqa: PLR0917
    features: Features,
    table: pd.DataFrame,
    cells: Mapping[str, Fitted],
    encoder: dict[str, Any],
    explain: dict[str, Any],
    evaluation: dict[str, Any],
) -> tuple[pd.DataFrame, Figure]:
    """Grad-CAM and Grad-CAM++ of what raises a predicted number, through encoder and network.

    Args:
        features: Of a regression.
        table: ``poster``: path of the picture, by row of the arrays; ``title`` for the sheet.
        cells: Paradigms that read pooled vectors or grids of the packaged encoder.
        encoder: ``encoders.image``.
        explain: ``interpretation.explain``: ``layer``, ``tested``, ``steps``, ``sheet_rows``.
        evaluation: How intervals are made.

    Returns:
        The table :data:`TESTS`, a row per paradigm and explainer, of the first seed:
        ``picture_moves`` is the mean size of the change of the prediction from the mean of the
        pictures to the picture, ``deletion`` and ``insertion`` are areas under the prediction
        itself, in its unit, ``gain`` is insertion less deletion, less the same of a random order.
        And the sheet.
        Both are empty, with the reason in the log, where nothing can be looked through.

    Raises:
        InputError: A parameter is out of range.
    """
    import pandas as pd

    from multimodal_study.pipelines.evaluation.settings import resampling_of
    from multimodal_study.pipelines.interpretation.options import check_explain
    from multimodal_study.reporting.sheets import contact_sheet

    check_explain(explain)
    resampling = resampling_of(evaluation)
    posters = _posters(features, table, encoder, explain, resampling.seed)
    if posters is None:
        return pd.DataFrame(columns=TESTS), contact_sheet([])
    found, tests = {}, []
    for name, fitted in cells.items():
        path, batch, predicted = _path(features, posters, fitted)
        maps = _maps(path, posters, batch)
        about = {"paradigm": name, "seed": fitted.seeds()[0]}
        tests += [
            {**about, **row}
            for row in _tested(features, posters, path, batch, maps, explain["steps"], resampling)
        ]
        found[name] = (maps["grad_cam"], predicted)
    sheet = _sheet(features, table, posters, found, explain["sheet_rows"])
    return pd.DataFrame(tests, columns=TESTS), sheet


def _posters(
    features: Features, table: pd.DataFrame, encoder: dict[str, Any], explain: Any, seed: int
) -> Posters | None:
    from multimodal_study.encoders.image_model import PACKAGED
    from multimodal_study.interpretation.picture_path import CutEncoder, check_features

    pictured = [m for m in features.modalities.values() if m.kind in PICTURES]
    why = None
    if not pictured or "poster" not in table:
        why = "no paradigm sees any"
    elif encoder["model"] != PACKAGED or encoder.get("trainable", False):
        why = f"only the frozen {PACKAGED} can be looked through"
    elif features.task.classes:
        why = "only a predicted number is explained"
    if why:
        logger.warning("posters are not explained: %s", why)
        return None
    index = features.examples[pictured[0].entity].to_numpy()
    rows = features.rows("test")
    rows = rows[features.present[pictured[0].name][index[rows]]]
    rows = np.random.default_rng(seed).permutation(rows)
    rows = rows[np.sort(np.unique(index[rows], return_index=True)[1])][: explain["tested"]]
    names = table["poster"].to_numpy(dtype=object)[index[rows]]
    pixels = prepared_pixels([Path(name) for name in names], encoder)
    cut = CutEncoder(int(encoder["size"]), explain["layer"])
    shown = cut.activations(pixels)
    check_features(cut, shown, features, index[rows])
    return Posters(rows, pixels, cut, shown, shown.mean(0).expand_as(shown))


def _path(features: Features, posters: Posters, fitted: Fitted) -> tuple[PicturePath, Batch, Array]:
    """From the pictures to predicted numbers, the rest of the examples, and the numbers ``[n]``."""
    import torch

    from multimodal_study.interpretation.picture_path import PicturePath

    cell, network = fitted.cell(), next(fitted.networks())
    batch = next(iter(cell.batches(posters.rows, len(posters.rows), None)))
    path = PicturePath(
        posters.encoder, lambda own: network(own)[:, 0], features, cell.features.modalities
    )
    with torch.no_grad():
        predicted = network(batch)[:, 0].numpy()
    return path, batch, predicted


def _maps(path: PicturePath, posters: Posters, batch: Batch) -> dict[str, Array]:
    from multimodal_study.interpretation.grad_cam import grad_cam, grad_cam_plus_plus

    return {
        "grad_cam": grad_cam(path, posters.shown, batch).numpy(),
        "grad_cam_plus_plus": grad_cam_plus_plus(path, posters.shown, batch).numpy(),
    }


def _tested(  # noqa: PLR0917
    features: Features,
    posters: Posters,
    path: PicturePath,
    batch: Batch,
    maps: Mapping[str, Array],
    steps: int,
    resampling: Resampling,
) -> list[dict[str, Any]]:
    import torch

    from multimodal_study.interpretation.faithfulness import areas_under, ranks
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    cluster = features.examples["cluster"].to_numpy()[posters.rows]
    orders = {RANDOM: np.zeros_like(maps["grad_cam"]), **maps}
    areas = {
        explainer: areas_under(
            *(path, posters.shown, posters.mean, batch),
            ranks(own, resampling.seed),
            steps,
            link=torch.nn.Identity(),
        )
        for explainer, own in orders.items()
    }
    with torch.no_grad():
        moved = path(posters.shown, batch) - path(posters.mean, batch)
    random = areas[RANDOM][1] - areas[RANDOM][0]
    rows = []
    for explainer in maps:
        deletion, insertion = areas[explainer]
        row: dict[str, Any] = {"explainer": explainer, "examples": len(cluster)}
        row["picture_moves"] = float(moved.abs().mean())
        values = {"deletion": deletion, "insertion": insertion}
        for what, own in {**values, "gain": insertion - deletion - random}.items():
            mean = clustered_mean(own, cluster, resampling)
            row |= {what: mean.value, f"{what}_low": mean.low, f"{what}_high": mean.high}
        better, worse = row["gain_low"] > 0, row["gain_high"] < 0
        said = "better than" if better else "worse than" if worse else "not measurably apart from"
        rows.append({**row, "verdict": f"{said} random"})
    return rows


def _sheet(
    features: Features,
    table: pd.DataFrame,
    posters: Posters,
    found: Mapping[str, tuple[Array, Array]],
    count: int,
) -> Figure:
    """The first pictures, and the map of each paradigm over them."""
    import torch

    from multimodal_study.interpretation.grad_cam import upsampled
    from multimodal_study.reporting.sheets import Panel, SheetRow, contact_sheet

    size = posters.pixels.shape[1]
    entity = next(m.entity for m in features.modalities.values() if m.kind in PICTURES)
    index = features.examples[entity].to_numpy()[posters.rows]
    given = features.examples["target"].to_numpy()[posters.rows]
    heat = {
        n: upsampled(torch.from_numpy(own[:count]), size).numpy() for n, (own, _) in found.items()
    }
    rows = []
    for at in range(min(count, len(index))):
        panels = [Panel("picture")]
        panels += [
            Panel(f"{name}: {predicted[at]:.2f}", heat[name][at])
            for name, (_, predicted) in found.items()
        ]
        words = f"{table['title'].iloc[index[at]]}\ngiven {given[at]:.1f}"
        rows.append(SheetRow(posters.pixels[at], words, panels))
    return contact_sheet(rows)
