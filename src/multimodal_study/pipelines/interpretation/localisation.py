"""Whether Grad-CAM points at the evidence, against explainers that cannot know where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.pipelines.evaluation.settings import resampling_of
from multimodal_study.pipelines.interpretation.questions import DESCRIBED

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.metrics.bootstrap import Resampling
    from multimodal_study.pipelines.interpretation.maps import Gallery
    from multimodal_study.pipelines.interpretation.networks import Fitted

Array = np.ndarray[Any, Any]
LOCALISATION = [
    "paradigm", "explainer", "factor", "questions", "examples", "seeds", "pointing",
    "pointing_low", "pointing_high", "mass", "mass_low", "mass_high", "against", "blind", "gain",
    "gain_low", "gain_high", "verdict",
]  # fmt: skip
ALL = "all of the class"
GRADIENT, BLIND = ("grad_cam", "grad_cam_pp"), ("random", "constant")
SCRAMBLED, CENTRE = "scrambled", "centre"
ABOVE, BELOW, NOISE = "above", "below", "within noise of"


@dataclass(frozen=True)
class Ground:
    """What is the same for all paradigms."""

    near: Array
    """Regions with their margin: bool ``[q, h, w]``."""
    blind: dict[str, tuple[Array, Array]]
    """Pointing and mass ``[q]`` of explainers that do not look: random, constant, centre."""


@dataclass(frozen=True)
class Scores:
    """Pointing and mass of every explainer: float64 ``[seeds, q]``, NaN where not asked."""

    pointing: dict[str, Array]
    mass: dict[str, Array]
    maps: dict[str, Array]
    """Those made from gradients, as fine as the layer: float32 ``[seeds, q, h, w]``, 0 where not
    asked."""

    def answered(self) -> Array:
        """Questions that each seed was asked: bool ``[seeds, q]``."""
        return ~np.isnan(self.pointing["grad_cam"])


def localisation(
    gallery: Gallery, scores: Mapping[str, Scores], evaluation: dict[str, Any]
) -> pd.DataFrame:
    """Pointing game and mass accuracy of maps on pictures whose evidence is known.

    Args:
        gallery: Questions, and the pictures that they are about.
        scores: What :func:`scored` found, by paradigm.
        evaluation: How intervals are made.

    Returns:
        A row per paradigm, explainer and factor; the columns are :data:`LOCALISATION`. Values are
        means over the seeds that answer a question rightly; intervals are over examples. ``blind``
        is the pointing of ``against``, the better of random and constant maps on the same
        questions, and ``gain`` what the explainer has more.
    """
    import pandas as pd

    resampling = resampling_of(evaluation)
    rows = [row for name, own in scores.items() for row in _rows(name, gallery, own, resampling)]
    return pd.DataFrame(rows, columns=LOCALISATION)


def scored(gallery: Gallery, ground: Ground, fitted: Fitted, seed: int) -> Scores:
    """All explainers on all seeds of a paradigm."""
    import torch

    from multimodal_study.interpretation import grad_cam as cam
    from multimodal_study.interpretation.localisation import mass, pointing
    from multimodal_study.interpretation.scores import scrambled
    from multimodal_study.pipelines.interpretation.maps import asked, maps_of

    questions, cell = gallery.questions, fitted.cell()
    q, side = len(questions.factor), questions.masks.shape[-1]
    names = (*GRADIENT, SCRAMBLED, *ground.blind)
    seeds = fitted.seeds()
    grid = tuple(gallery.activations.shape[2:])
    points, masses = ({n: np.full((len(seeds), q), np.nan) for n in names} for _ in range(2))
    kept = {n: np.zeros((len(seeds), q, *grid), np.float32) for n in (*GRADIENT, SCRAMBLED)}
    for at, network in enumerate(fitted.networks()):
        which = asked(gallery, cell, network)
        torch.manual_seed(seed + at)
        tried = {
            "grad_cam": (network, cam.grad_cam),
            "grad_cam_pp": (network, cam.grad_cam_plus_plus),
            SCRAMBLED: (scrambled(network, cell.module(), seed + at), cam.grad_cam),
        }
        for name, (of, method) in tried.items():
            maps = maps_of(gallery, cell, of, method, which)
            kept[name][at, which] = maps
            fine = cam.upsampled(torch.from_numpy(maps), side).numpy()
            points[name][at, which] = pointing(fine, ground.near[which])
            masses[name][at, which] = mass(fine, questions.masks[which])
        for name, (pointed, massed) in ground.blind.items():
            points[name][at, which], masses[name][at, which] = pointed[which], massed[which]
    return Scores(points, masses, kept)


def ground_of(gallery: Gallery, explain: dict[str, Any], seed: int) -> Ground:
    """Regions with their margin, and what explainers score that do not look."""
    import torch

    from multimodal_study.interpretation import localisation as where
    from multimodal_study.interpretation.grad_cam import upsampled

    masks, draws = gallery.questions.masks, explain["random_maps"]
    q, side = len(masks), masks.shape[-1]
    near = where.widened(masks, float(explain["margin"]))
    generator = np.random.default_rng([seed, q])
    pointed, massed = np.zeros(q), np.zeros(q)
    for _ in range(draws):
        noise = generator.random((q, *gallery.activations.shape[2:]), dtype=np.float32)
        fine = upsampled(torch.from_numpy(noise), side).numpy()
        pointed += where.pointing(fine, near) / draws
        massed += where.mass(fine, masks) / draws
    middle = np.broadcast_to(where.centre(side), masks.shape)
    blind = {
        "random": (pointed, massed),
        # The expectation of a finger put anywhere.
        "constant": (where.area(near), where.area(masks)),
        CENTRE: (where.pointing(middle, near), where.mass(middle, masks)),
    }
    return Ground(near, blind)


def _rows(
    paradigm: str, gallery: Gallery, found: Scores, resampling: Resampling
) -> list[dict[str, Any]]:
    factors = gallery.questions.factor
    of_class = [name for name in dict.fromkeys(factors.tolist()) if name != DESCRIBED]
    groups = {ALL: factors != DESCRIBED} if len(of_class) > 1 else {}
    groups |= {name: factors == name for name in (*of_class, DESCRIBED)}
    rows = []
    for factor, member in groups.items():
        answered = member & found.answered().any(0)
        if not answered.any():
            continue
        for explainer in found.pointing:
            if factor in (ALL, DESCRIBED) or explainer == "grad_cam":
                row = _row(gallery, found, explainer, np.flatnonzero(answered), resampling)
                rows.append({"paradigm": paradigm, "explainer": explainer, "factor": factor, **row})
    return rows


def _row(
    gallery: Gallery, found: Scores, explainer: str, which: Array, resampling: Resampling
) -> dict[str, Any]:
    """One row of the table, of the questions ``which``."""
    from multimodal_study.interpretation.neighbourhoods import clustered_mean

    examples = gallery.questions.rows[gallery.questions.picture[which]]
    cluster = gallery.features.examples["cluster"].to_numpy()[examples]
    pointed = {name: np.nanmean(one[:, which], axis=0) for name, one in found.pointing.items()}
    against = max(BLIND, key=lambda name: float(pointed[name].mean()))
    own = clustered_mean(pointed[explainer], cluster, resampling)
    massed = clustered_mean(np.nanmean(found.mass[explainer][:, which], 0), cluster, resampling)
    gain = clustered_mean(pointed[explainer] - pointed[against], cluster, resampling)
    return {
        "questions": len(which),
        "examples": len(np.unique(examples)),
        "seeds": len(found.pointing[explainer]),
        **{"pointing": own.value, "pointing_low": own.low, "pointing_high": own.high},
        **{"mass": massed.value, "mass_low": massed.low, "mass_high": massed.high},
        **{"against": against, "blind": float(pointed[against].mean())},
        **{"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high},
        "verdict": "" if explainer in BLIND else f"{_place(gain.low, gain.high)} {against}",
    }


def _place(low: float, high: float) -> str:
    return ABOVE if low > 0.0 else BELOW if high < 0.0 else NOISE
