"""The tree of rendered garments, drawn where it is not there yet."""

from __future__ import annotations

import json
import logging
from importlib import metadata
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

NAME = "rendered"
FOLDER = Path("data/01_raw/fashion/rendered")


def render(ingest: dict[str, Any], seed: int) -> dict[str, Any]:
    """What ``rendered.json`` of the tree says, with its ``root`` and ``carriers``.

    The tree is drawn again where its seed, its options or what draws it are others, or where a
    picture is gone.

    Args:
        ingest: ``source``; ``rendered``, the options of the generator.
        seed: Of the garments.

    Returns:
        JSON; empty where the source is another one.

    Raises:
        InputError: An option is wrong, or the folder holds something else.
    """
    from multimodal_study.pipelines.fashion.rendered import read_options, write_tree

    if ingest.get("source") != NAME:
        return {}
    options = read_options(ingest.get("rendered"))
    found = _found(FOLDER)
    if not _current(found, options.given, seed):
        found = write_tree(FOLDER, ingest.get("rendered"), seed)
    else:
        logger.info("rendered: %d garments are there, unchanged", found["items"])
    return {"root": str(FOLDER), "carriers": dict(options.carriers), **found}


def _found(root: Path) -> dict[str, Any]:
    """Summary of the tree at ``root``; empty if there is none, or it is not whole."""
    from multimodal_study.pipelines.fashion.rendered.tree import SUMMARY

    try:
        summary: dict[str, Any] = json.loads((root / SUMMARY).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    pictures = sum(1 for _ in (root / "Images").rglob("*.jpg"))
    masks = sum(1 for _ in (root / "Masks").glob("*.png"))
    return summary if pictures == masks == summary.get("items") else {}


def _current(found: dict[str, Any], options: dict[str, Any], seed: int) -> bool:
    from multimodal_study.pipelines.fashion.rendered.tree import VERSION

    made_with = {name: metadata.version(name) for name in ("numpy", "pillow")}
    asked = {"version": VERSION, "seed": seed, "made_with": made_with}
    # Options as JSON has them: a tuple is a list there.
    same = json.loads(json.dumps(options)) == found.get("options")
    return same and all(found.get(name) == value for name, value in asked.items())
