"""The rendered set on disk: FashionAI's layout, and beside it all that is known by construction.

``Annotations/label.csv``, ``Images/<attribute>_labels/<hash>.jpg`` as FashionAI distributes them;
``factors.csv`` (one row an item: text, factors, components and labels of every rule),
``Masks/<hash>.png`` with ``Masks/legend.json`` (:mod:`.masks`) and ``rendered.json`` (what was
asked, what every rule's label shares with picture and text).
"""

from __future__ import annotations

import csv
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from multimodal_study.errors import InputError
from multimodal_study.pipelines.fashion.rendered.factors import ATTRIBUTES, FACTORS, folder_of
from multimodal_study.pipelines.fashion.rendered.information import information
from multimodal_study.pipelines.fashion.rendered.options import Options, read_options
from multimodal_study.pipelines.fashion.rendered.sample import (
    PICTURE,
    TEXT,
    Item,
    check_seed,
    draw_item,
)
from multimodal_study.pipelines.fashion.rendered.wording import Description, describe
from multimodal_study.storage.write_aside import write_aside

logger = logging.getLogger(__name__)

VERSION = "1"
"""Changes whenever the same seed and options give other bytes."""
SUMMARY = "rendered.json"
QUALITY = 92
"""JPEG quality of the pictures."""
_CHUNK = 60
"""Items that a process draws at a time."""


def write_tree(root: Path, options: Mapping[str, Any] | None, seed: int) -> dict[str, Any]:
    """Render a set of garments below ``root``; it appears whole or not at all.

    With one version of NumPy, Pillow and this package the files depend on options and seed alone,
    not on the number of processes.

    Args:
        root: Folder to make; an earlier rendered set there is replaced.
        options: As :data:`~.options.DEFAULTS`; what is missing has its default.
        seed: From 0.

    Returns:
        What ``rendered.json`` holds: version, seed, options, counts, and the information of every
        rule (:func:`~.information.information`).

    Raises:
        InputError: An option or the seed is wrong, or ``root`` holds something else.
    """
    chosen = read_options(options)
    items = [draw_item(check_seed(seed), number) for number in range(chosen.n)]
    texts = [describe(item.values, chosen, [seed, item.number, TEXT]) for item in items]
    summary = {
        "source": "rendered",
        "version": VERSION,
        "seed": seed,
        "options": chosen.given,
        "items": len(items),
        "categories": _count(item.values["category"] for item in items),
        "attributes": _count(item.attribute for item in items),
        "labels": {
            name: _count(rule.label(item.values) for item in items)
            for name, rule in chosen.rules.items()
        },
        "information": {name: information(chosen, name) for name in chosen.rules},
        "made_with": {name: metadata.version(name) for name in ("numpy", "pillow")},
    }
    check_root(root)
    with write_aside(root) as partial:
        for attribute in ATTRIBUTES:
            (partial / "Images" / folder_of(attribute)).mkdir(parents=True)
        (partial / "Masks").mkdir()
        (partial / "Annotations").mkdir()
        _write_pictures(partial, items, chosen, seed)
        _write_tables(partial, items, texts, chosen)
        write_summary(partial, summary)
    logger.info("rendered %d garments of %d px to %s", chosen.n, chosen.size, root)
    return summary


def check_root(root: Path) -> None:
    """Refuse a folder that holds anything but a rendered set.

    Raises:
        InputError: It does.
    """
    if root.exists() and not (root / SUMMARY).is_file() and (root.is_file() or any(root.iterdir())):
        raise InputError(
            f"{root} exists and holds no {SUMMARY}: it is not a rendered set and is not replaced; "
            "name another folder or remove it"
        )


def write_summary(root: Path, summary: Mapping[str, Any]) -> None:
    """Write ``rendered.json``."""
    text = json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False)
    (root / SUMMARY).write_text(text + "\n", encoding="utf-8", newline="\n")


def label_code(attribute: str, value: str) -> str:
    """FashionAI's label string: ``y`` at the value's place, ``n`` elsewhere."""
    return "".join("y" if other == value else "n" for other in ATTRIBUTES[attribute])


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _write_pictures(root: Path, items: list[Item], options: Options, seed: int) -> None:
    from joblib import Parallel, cpu_count, delayed

    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    workers = min(options.workers or cpu_count(), len(chunks))
    # A worker that outlived an earlier call keeps the working directory of that time.
    whole = root.absolute()
    Parallel(n_jobs=workers)(delayed(_write_chunk)(whole, chunk, options, seed) for chunk in chunks)


def _write_chunk(root: Path, items: list[Item], options: Options, seed: int) -> None:
    from multimodal_study.pipelines.fashion.rendered.draw.picture import draw, shown
    from multimodal_study.pipelines.fashion.rendered.masks import regions, save_mask

    for item in items:
        values = shown(item.values, options.seen)
        picture = draw(values, options.size, [seed, item.number, PICTURE])
        picture.image.save(root / item.image, format="JPEG", quality=QUALITY)
        save_mask(regions(picture, values), root / item.mask)


def _write_tables(
    root: Path, items: list[Item], texts: list[Description], options: Options
) -> None:
    from multimodal_study.pipelines.fashion.rendered.masks import LEGEND

    with (root / "Annotations" / "label.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        for item in items:
            code = label_code(item.attribute, item.values[item.attribute])
            rows.writerow([item.image, folder_of(item.attribute), code])
    table = [_row(item, text, options) for item, text in zip(items, texts, strict=True)]
    with (root / "factors.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    legend = json.dumps(LEGEND, indent=2)
    (root / "Masks" / "legend.json").write_text(legend + "\n", encoding="utf-8", newline="\n")


def _row(item: Item, text: Description, options: Options) -> dict[str, str | int]:
    """A row of ``factors.csv``; a factor that the category has not is empty."""
    row: dict[str, str | int] = {
        "item_id": item.item_id,
        "image": item.image,
        "mask": item.mask,
        "attribute": item.attribute,
        "description": text.text,
        "said": " ".join(text.said),
    }
    row |= {name: item.values.get(name, "") for name in FACTORS}
    for name, rule in options.rules.items():
        for part, component in rule.components.items():
            row[f"component_{name}_{part}"] = component.of(item.values)
        row[f"label_{name}"] = rule.label(item.values)
    return row


def label_column(task: str, options: Options) -> tuple[str, tuple[str, ...]]:
    """Column of ``factors.csv`` that holds the label of a task, and its classes in order.

    An item whose column is empty has no label: its category lacks the attribute.

    Raises:
        InputError: There is no such task.
    """
    rule = options.rule(task)
    return (f"label_{task}" if task in options.rules else task), rule.classes
