"""Does an explanation point at the evidence? Scores of maps against regions that are known.

Ties for the highest value count in expectation, so that a constant map scores what a blind finger
would. A map that is zero everywhere says nothing and counts as constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_CENTRE = 0.25
"""Standard deviation of the map that always points at the middle, in sides."""


def pointing(maps: Array, near: Array) -> Array:
    """Whether the highest point of a map lies in the region: float64 ``[n]``, 0 to 1.

    Args:
        maps: ``[n, h, w]``, not negative.
        near: Bool ``[n, h, w]``: the regions, :func:`widened` by the tolerance.
    """
    top = maps == maps.max((1, 2), keepdims=True)
    return np.asarray((top & near).sum((1, 2)) / top.sum((1, 2)))


def mass(maps: Array, masks: Array) -> Array:
    """Share of a map that lies in the region: float64 ``[n]`` (Arras et al. 2022, equation 2).

    Args:
        maps: ``[n, h, w]``, not negative.
        masks: Bool ``[n, h, w]``.
    """
    total = maps.sum((1, 2))
    inside = (maps * masks).sum((1, 2))
    return np.where(total > 0, inside / np.where(total > 0, total, 1.0), area(masks))


def area(masks: Array) -> Array:
    """Share of the picture that the region covers: float64 ``[n]``."""
    return np.asarray(masks.mean((1, 2)))


def widened(masks: Array, margin: float) -> Array:
    """The regions and what is near them: bool ``[n, h, w]``.

    Args:
        masks: Bool ``[n, h, w]``.
        margin: How far outside is near, as a share of the side ``w``; Zhang et al. (2018) allow 15
            pixels of 224.
    """
    from scipy.ndimage import distance_transform_edt

    reach = margin * masks.shape[2]
    # An empty region has no distance to it.
    near = [distance_transform_edt(~mask) <= reach if mask.any() else mask for mask in masks]
    return np.stack(near) if near else masks


def centre(side: int) -> Array:
    """A map that has its highest point in the middle, whatever the picture: ``[side, side]``."""
    steps = (np.arange(side) + 0.5) / side - 0.5
    return np.exp(-(steps[:, None] ** 2 + steps**2) / (2 * _CENTRE**2))
