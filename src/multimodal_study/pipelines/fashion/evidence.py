"""Which region of which picture tells which classes apart; known for rendered garments alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

DESCRIBED = "described"
COLUMNS = ("example_id", "factor", "also_told", "mask", "bit", "inside", "against")


def evidence(
    table: pd.DataFrame,
    items: pd.DataFrame,
    rendered: dict[str, Any],
    task: dict[str, Any],
    ingest_summary: dict[str, Any],
) -> pd.DataFrame:
    """A row per item that the task asks about and factor that decides its class in a known region.

    Columns: example_id; factor; also_told (the text carries it too); mask (path below the root);
    bit of the mask, and inside: whether the region is where the bit is set; against: the target
    indices of the classes that differ from the item's own in what the factor decides, joined by
    spaces. Beside these a row ``described`` per item, against no class: what its text speaks of,
    the visible cloth. No row for other sources.

    Args:
        table: Table of ``enrich``.
        items: Table of ``ingest``, with a column per factor.
        rendered: What ``render`` made; empty for other sources.
        task: ``name`` of the label.
        ingest_summary: The source's labels.
    """
    import pandas as pd

    from multimodal_study.pipelines.fashion.rendered.evidence import evidence_of
    from multimodal_study.pipelines.fashion.rendered.factors import FACTORS
    from multimodal_study.pipelines.fashion.rendered.masks import LEGEND
    from multimodal_study.pipelines.fashion.rendered.options import read_options
    from multimodal_study.pipelines.fashion.task import target_of

    if not rendered:
        return pd.DataFrame(columns=list(COLUMNS))
    options = read_options(rendered["options"])
    rule = options.rule(target_of(task, ingest_summary))
    asked = table[table["target"] >= 0]
    index = dict(zip(asked["label"], asked["target"], strict=True))
    factors = items.set_index("item_id").loc[asked["item_id"], list(FACTORS)].to_dict("records")
    rows = []
    for item_id, values in zip(asked["item_id"], factors, strict=True):
        for one in evidence_of(rule, options, {str(k): str(v) for k, v in values.items()}):
            others = sorted(int(index[label]) for label in one.against if label in index)
            against = " ".join(map(str, others))
            place = (f"Masks/{item_id}.png", one.bit, one.inside)
            rows.append((item_id, one.factor, one.also_told, *place, against))
        rows.append((item_id, DESCRIBED, True, f"Masks/{item_id}.png", LEGEND["garment"], True, ""))
    return pd.DataFrame(rows, columns=list(COLUMNS))
