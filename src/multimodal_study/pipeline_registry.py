"""The map of the project: which pipelines exist, by name.

``<dataset>_data``           ingest to features
``<dataset>_<paradigm>``     that, and one cell: fit, predict, evaluate
``<dataset>_all``            that, with all cells, the leaderboard and the dataset's report
``<paradigm>``               one paradigm on every dataset that it fits
``__default__``              everything, and the report's front page

Nothing here depends on parameters: Kedro may ask before they are loaded. Nothing here imports
torch: every ``kedro`` command pays for what this module imports.
"""

from kedro.pipeline import Pipeline

from multimodal_study.pipelines import amazon, evaluation, movielens
from multimodal_study.pipelines.paradigms import BASELINES, PARADIGMS, cell

DATASETS = {"amazon": amazon.create_pipeline, "movielens": movielens.create_pipeline}

FITS: dict[str, tuple[str, ...]] = {
    "amazon": (
        "majority",
        "metadata_only",
        "tfidf",
        "text_only",
        "early",
        "late",
        "intermediate",
        "transformer",
    ),
    "movielens": (
        "majority",
        "metadata_only",
        "tfidf",
        "early",
        "late",
        "intermediate",
    ),
}
"""Paradigms placed on each dataset, simple baselines first."""


def register_pipelines() -> dict[str, Pipeline]:
    """All pipelines by name."""
    registry: dict[str, Pipeline] = {}
    rows = {paradigm: Pipeline([]) for paradigm in PARADIGMS}
    everything = evaluation.front_page(list(DATASETS))
    for dataset, create in DATASETS.items():
        data = create()
        complete = data + evaluation.compare(dataset, FITS[dataset], BASELINES)
        for paradigm in FITS[dataset]:
            placed = data + cell(dataset, paradigm)
            registry[f"{dataset}_{paradigm}"] = placed
            rows[paradigm] += placed
            complete += placed
        registry[f"{dataset}_data"] = data
        registry[f"{dataset}_all"] = complete
        everything += complete
    registry |= {paradigm: row for paradigm, row in rows.items() if row.nodes}
    registry["__default__"] = everything
    return registry
