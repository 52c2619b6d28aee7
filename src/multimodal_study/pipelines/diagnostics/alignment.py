"""How alike a paradigm represents the two origins of a pair, beside retrieval and the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from multimodal_study.pipelines.evaluation.retrieval import CAPABILITY
from multimodal_study.pipelines.evaluation.settings import resampling_of, splits_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.contract import Features

    Array = np.ndarray[Any, Any]
    Views = tuple[Array, Array]

MEASURES = ("cka", "gap", "alignment", "uniformity_first", "uniformity_second")
ALIGNMENT = [
    "paradigm", "space", "seeds", "items",
    *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")),
    "cka_shuffled", "recall_at_10_first", "recall_at_10_second", "metric", "task", "split",
]  # fmt: skip
SHARED, SEPARATE = "shared", "separate"
SPLIT: Literal["test"] = "test"
LARGEST = 2000
"""Items that are compared; of more, a seeded sample."""


def alignment(  # noqa: PLR0917
    features: Features,
    embeddings_by_paradigm: Mapping[str, Mapping[str, Array]],
    configs: Mapping[str, Mapping[str, Any]],
    retrieval_by_paradigm: Mapping[str, Mapping[str, Any]],
    metrics_by_paradigm: Mapping[str, Mapping[str, Any]],
    evaluation: dict[str, Any],
) -> pd.DataFrame:
    """Alignment of the two origins of the pair on test, for every paradigm that embeds both.

    Returns:
        One row per paradigm; the columns are :data:`ALIGNMENT`, first and second in the order of
        the pair; values are means over seeds. Gap, alignment and uniformity are empty where the
        origins have no shared space: there they would compare coordinates that mean different
        things. ``recall_at_10_first``: the second origin found by the first. ``task``: the
        deciding metric on the first of ``evaluation.splits``.

    Raises:
        ValueError: The features have no pair.
    """
    import numpy as np
    import pandas as pd

    from multimodal_study.data.gallery import gallery_of, pair_of
    from multimodal_study.metrics.selection import deciding, mean

    pair = pair_of(features)
    rows = gallery_of(features, SPLIT).rows
    resampling = resampling_of(evaluation)
    if len(rows) > LARGEST:
        random = np.random.default_rng(resampling.seed)
        rows = np.sort(random.choice(rows, LARGEST, replace=False))
    decides, split = deciding(metrics_by_paradigm), splits_of(evaluation)[0]
    found = []
    for paradigm, embeddings in embeddings_by_paradigm.items():
        seeds = sorted({name.split("/")[0] for name in embeddings if "/" in name})
        if not seeds or any(f"{seeds[0]}/{origin}" not in embeddings for origin in pair):
            continue
        shared = CAPABILITY in configs[paradigm]["capabilities"]
        place = {row: at for at, row in enumerate(embeddings["rows"].tolist())}
        picked = [place[row] for row in rows.tolist()]
        views = [
            (embeddings[f"{seed}/{pair[0]}"][picked], embeddings[f"{seed}/{pair[1]}"][picked])
            for seed in seeds
        ]
        cluster = features.examples["cluster"].to_numpy()[rows]
        found.append(
            {"paradigm": paradigm, "space": SHARED if shared else SEPARATE}
            | {"seeds": len(seeds), "items": len(rows)}
            | _measured(views, cluster, shared, resampling)
            | _recalls(retrieval_by_paradigm.get(paradigm, {}), pair)
            | {"metric": decides, "split": split}
            | {"task": mean(metrics_by_paradigm[paradigm], decides, split)}
        )
    return pd.DataFrame(found, columns=ALIGNMENT)


def _measured(
    views: list[Views], cluster: Array, shared: bool, resampling: Any
) -> dict[str, float]:
    from multimodal_study.metrics import alignment as measures

    asked: dict[str, Callable[[Array, Array], float]] = {"cka": measures.linear_cka}
    if shared:
        asked |= {
            "gap": measures.modality_gap,
            "alignment": measures.alignment,
            "uniformity_first": lambda first, _: measures.uniformity(first),
            "uniformity_second": lambda _, second: measures.uniformity(second),
        }
    row: dict[str, float] = {}
    for name, measure in asked.items():
        own = measures.jackknife(
            lambda kept, measure=measure: _mean(  # type: ignore[misc]
                [measure(first[kept], second[kept]) for first, second in views]
            ),
            cluster,
            confidence=resampling.confidence,
            seed=resampling.seed,
        )
        row |= {name: own.value, f"{name}_low": own.low, f"{name}_high": own.high}
    drawn = [measures.shuffled_cka(*pair, seed=resampling.seed) for pair in views]
    return {**row, "cka_shuffled": _mean(drawn)}


def _recalls(retrieval: Mapping[str, Any], pair: tuple[str, str]) -> dict[str, Any]:
    """Recall at 10 of both directions on test; empty where the cell does not retrieve."""
    from multimodal_study.metrics.retrieval import directions

    values = {
        row["metric"]: row["value"] for row in retrieval.get("rows", []) if row["split"] == SPLIT
    }
    first, second = (values.get(f"recall_at_10_{way}") for way in directions(pair))
    return {"recall_at_10_first": first, "recall_at_10_second": second}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
