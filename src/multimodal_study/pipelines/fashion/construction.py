"""What the construction of rendered garments says about a task, for comparison with results."""

from __future__ import annotations

from typing import Any

BOTH = "image+text"
DECIDED_BY = "accuracy"
"""The metric whose best value is known."""


def construction(rendered: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """Best accuracies by subset of origins, and the partial information decomposition.

    Args:
        rendered: What ``render`` made; empty where the source is another one.
        task: Fields of the task.

    Returns:
        ``best``: subset (``""``, ``image``, ``text``, ``image+text``) to the accuracy of the best
        possible classifier; ``redundancy``, ``image_unique``, ``text_unique`` and ``synergy`` in
        bits, by the definition of Bertschinger et al. Empty where nothing is known, or where
        something else than accuracy decides.
    """
    from multimodal_study.pipelines.fashion.rendered import information, read_options

    if not rendered or task["decides"] != DECIDED_BY:
        return {}
    found = information(read_options(_given(rendered["options"])), str(task["name"]))
    best = found["accuracy"]
    named = {"": best["chance"], "image": best["image"], "text": best["text"], BOTH: best["both"]}
    return {"task": task["name"], "best": named, **found["broja"]}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Options as they were given: the summary does not record how many processes drew."""
    return {**options, "workers": None}
