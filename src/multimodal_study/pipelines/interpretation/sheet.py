"""A sheet that a person can read: where every paradigm looks, and where the answer is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.pipelines.interpretation.questions import DESCRIBED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from multimodal_study.pipelines.interpretation.localisation import Scores
    from multimodal_study.pipelines.interpretation.maps import Gallery

Array = np.ndarray[Any, Any]


def grad_cam_sheet(gallery: Gallery, scores: Mapping[str, Scores], count: int) -> Figure:
    """Picture, and Grad-CAM of each paradigm's first seed, for ``count`` questions.

    The questions are the first of every factor in turn that most paradigms answer rightly. The
    outline is the region of the evidence; a paradigm that predicts another class has no map.

    Args:
        gallery: Questions and pictures.
        scores: Maps by paradigm.
        count: Rows of the sheet.
    """
    from multimodal_study.reporting.sheets import contact_sheet

    right = np.stack([own.answered()[0] for own in scores.values()])
    return contact_sheet([_row(gallery, scores, one) for one in _chosen(gallery, right, count)])


def _chosen(gallery: Gallery, right: Array, count: int) -> list[int]:
    """Questions of all factors in turn, by how many paradigms answer; no picture twice."""
    factor = gallery.questions.factor
    order = np.argsort(-right.sum(0), kind="stable")
    queues = [
        [one for one in order if factor[one] == name and right[:, one].any()]
        for name in dict.fromkeys(factor.tolist())
        if name != DESCRIBED
    ]
    found: list[int] = []
    shown: set[int] = set()
    while len(found) < count and any(queues):
        for queue in queues:
            while queue:
                one = queue.pop(0)
                picture = int(gallery.questions.picture[one])
                if picture not in shown:
                    shown.add(picture)
                    found.append(int(one))
                    break
    return found[:count]


def _row(gallery: Gallery, scores: Mapping[str, Scores], one: int) -> Any:
    import torch

    from multimodal_study.interpretation.grad_cam import upsampled
    from multimodal_study.reporting.sheets import Panel, SheetRow

    questions, task = gallery.questions, gallery.features.task
    picture = questions.picture[one]
    example = gallery.features.examples.iloc[questions.rows[picture]]
    against = [task.classes[k] for k in np.flatnonzero(questions.against[one])]
    mask = questions.masks[one]
    panels = [Panel(f"by {questions.factor[one]}", outline=mask)]
    for name, own in scores.items():
        if not own.answered()[0, one]:
            panels.append(Panel(name, note="predicts another class"))
            continue
        small = torch.from_numpy(own.maps["grad_cam"][0, one])[None]
        panels.append(Panel(name, upsampled(small, len(mask))[0].numpy(), mask))
    own_class = task.classes[int(example["target"])]
    said = str(example["text"]) if "text" in example else ""
    told = f"{own_class}, not {' or '.join(against)}"
    return SheetRow(questions.pixels[picture], f"{told}\n{said}", panels)
