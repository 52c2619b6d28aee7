"""A sheet of traversals: a row per latent, from low to high."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from multimodal_study.reporting.figures import GREY, INK

Array = np.ndarray[Any, Any]


def traversal_figure(
    pictures: Array, positions: Array, names: Sequence[str], notes: Sequence[str]
) -> Figure:
    r"""Decoded pictures, each row one latent with its name to the left and notes to the right.

    Args:
        pictures: Float in [0, 1], ``[latents, positions, height, width, channels]``.
        positions: Values of the latent, in standard deviations of the prior.
        names: One a row.
        notes: One a row; lines are broken at ``\n``.

    Raises:
        ValueError: There is no row, or texts and rows differ in number.
    """
    rows, columns = pictures.shape[:2]
    if not rows or len(names) != rows or len(notes) != rows:
        raise ValueError(f"{rows} rows of pictures, {len(names)} names and {len(notes)} notes")
    grey = pictures.shape[-1] == 1
    side = 0.72
    figure = Figure(figsize=(1.2 + side * columns + 3.0, 0.5 + side * rows), layout="constrained")
    axes = figure.subplots(rows, columns + 1, squeeze=False, width_ratios=[*[1] * columns, 3.6])
    for row in range(rows):
        for column in range(columns):
            axis = axes[row, column]
            picture = pictures[row, column, ..., 0] if grey else pictures[row, column]
            axis.imshow(np.clip(picture, 0, 1), cmap="gray" if grey else None, vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if row == 0:
                axis.set_title(f"{positions[column]:+.1f}", fontsize=7, color=GREY)
        axes[row, 0].set_ylabel(
            names[row], fontsize=7, color=INK, rotation=0, ha="right", va="center"
        )
        note = axes[row, columns]
        note.axis("off")
        # Words come from data: a dollar sign starts no formula.
        text = notes[row].replace("$", r"\$")
        note.text(0.02, 0.5, text, fontsize=6.5, color=INK, va="center", transform=note.transAxes)
    return figure
