"""Does a map say what the answer depends on? Tests that need no ground truth.

- Deletion and insertion (Petsiuk et al. 2018): cells are taken out, or put in, the highest first; a
  map that knows what counts makes the answer fall, or rise, early. A cell that is out has what the
  encoder makes of the blurred picture there, so that no network sees a hole that no picture has.
- Scrambling (Adebayo et al. 2018): a map that stays the same when the network forgets what it
  learnt was no map of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from multimodal_study.data.batches import Batch
from multimodal_study.interpretation.picture_path import PicturePath

Array = np.ndarray[Any, Any]
_BLUR = 11 / 224
"""Deviation of the blur as a share of the side (Petsiuk et al. 2018, section 3.2)."""


def ranks(maps: Array, seed: int) -> Array:
    """Place of each cell when the highest comes first, ties in random order: int64 ``[n, h, w]``.

    Args:
        maps: ``[n, h, w]``.
        seed: Of the order of ties.
    """
    flat = maps.reshape(len(maps), -1)
    noise = np.random.default_rng([seed, *flat.shape]).random(flat.shape)
    order = np.lexsort((noise, -flat), axis=1)
    return np.asarray(np.argsort(order, axis=1).reshape(maps.shape))


def blurred(pixels: Array) -> Array:
    """Pictures without what makes them out, uint8 ``[n, size, size, 3]``."""
    from PIL import Image, ImageFilter

    blur = ImageFilter.GaussianBlur(_BLUR * pixels.shape[1])
    return np.stack([np.asarray(Image.fromarray(one).filter(blur)) for one in pixels])


def areas_under(  # noqa: PLR0917
    path: PicturePath,
    activations: Tensor,
    blank: Tensor,
    batch: Batch,
    place: Array,
    steps: int,
    *,
    link: Callable[[Tensor], Tensor] = torch.sigmoid,
) -> tuple[Array, Array]:
    """Areas under the curves of deletion and insertion: float64 ``[n]`` each, 0 to 1.

    The curve is ``sigmoid(score)``, the probability of the class against those that it is told
    from, over the share of cells that are out (in), by the trapezium rule.

    Args:
        path: Its score is explained.
        activations: ``[n, k, h, w]``.
        blank: Those of the blurred pictures.
        batch: The rest of the examples.
        place: :func:`ranks` of the cells.
        steps: Equal steps from none to all of the cells, at least 1.
        link: From the score to what is drawn; for a regression the identity.
    """
    share = torch.from_numpy((place + 1) / place[0].size).to(activations.dtype)[:, None]
    curves = np.empty((2, steps + 1, len(activations)))
    with torch.no_grad():
        for step in range(steps + 1):
            # Rounding must not leave the last cell of a step out.
            first = share <= step / steps + 1e-6
            for row, out in enumerate((first, ~first)):
                mixed = torch.where(out, blank, activations)
                curves[row, step] = link(path(mixed, batch).double()).numpy()
    areas = np.asarray(np.trapezoid(curves, dx=1 / steps, axis=1))
    return areas[0], areas[1]


def rank_correlation(first: Array, second: Array) -> Array:
    """Spearman's correlation of the cells of two maps: float64 ``[n]``, NaN where one is constant.

    Args:
        first: ``[n, h, w]``.
        second: ``[n, h, w]``.
    """
    from scipy.stats import rankdata

    found = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second)]
    centred = [ranked - ranked.mean(1, keepdims=True) for ranked in found]
    spread = [np.sqrt((one**2).sum(1)) for one in centred]
    product = spread[0] * spread[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(product > 0, (centred[0] * centred[1]).sum(1) / product, np.nan))
