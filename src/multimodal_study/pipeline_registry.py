"""The map of the project: which pipelines exist, by name.

``<dataset>_data``           ingest to features
``<dataset>_<paradigm>``     that, and one cell: fit, predict, evaluate, and retrieve if paired
``<dataset>_all``            that, with all cells, the leaderboard and the dataset's report, which
                             the front page lists beside those that earlier runs made
``<dataset>_lambda``         the data, and hybrids along lambda
``<paradigm>``               one paradigm on every dataset that it fits
``reproduce_mvae``           a published table, with ``--env reproduce``
``__default__``              all but what is run on request

Nothing here depends on parameters: Kedro may ask before they are loaded. Nothing here imports
torch: every ``kedro`` command pays for what this module imports.
"""

from kedro.pipeline import Pipeline

from multimodal_study.pipelines import (
    amazon,
    evaluation,
    fashion,
    interpretation,
    lambda_study,
    movielens,
    reproduction,
)
from multimodal_study.pipelines.paradigms import BASELINES, PARADIGMS, cell, linear_maps

DATASETS = {
    "amazon": amazon.create_pipeline,
    "fashion": fashion.create_pipeline,
    "movielens": movielens.create_pipeline,
}

ON_REQUEST = ("movielens",)
"""Datasets that a run without a name leaves out: they take longer than a first look should."""

FITS: dict[str, tuple[str, ...]] = {
    "amazon": (
        "majority",
        "metadata_only",
        "tfidf",
        "logistic",
        "text_only",
        "early",
        "late",
        "intermediate",
        "transformer",
        "mvae",
        "hybrid",
    ),
    "fashion": (
        "majority",
        "tfidf",
        "logistic",
        "image_only",
        "text_only",
        "early",
        "late",
        "intermediate",
        "clip",
        "vilbert",
        "mvae",
        "hybrid",
    ),
    "movielens": (
        "majority",
        "biases",
        "biased_mf",
        "implicit_mf",
        "metadata_only",
        "boosting",
        "tfidf",
        "early",
        "late",
        "intermediate",
        "gnn",
        "mvae",
        "hybrid",
    ),
}
"""Paradigms placed on each dataset, simple baselines first."""

PAIRED = ("fashion",)
"""Datasets whose features have a pair: there one origin is also retrieved by the other."""

TABLES: dict[str, dict[str, str]] = {
    "fashion": {
        "task_rows": "Items of each class by split, and whether the task asks about them.",
        "factor_probes": (
            "What a linear probe on frozen vectors reads of each factor, on test, against what the "
            "construction says. Chance: the share of the most frequent value. The p-value is that "
            "of an exact one-sided test against it; verdicts correct for the number of probes."
        ),
    },
    "movielens": {
        "ranking": (
            "Lists of unseen films, all films competing, for users with a film of test that they "
            "liked. Settings chosen by NDCG on validation, then fitted on train and validation. "
            "Intervals by user; the difference is that of the same users to EASE. Popularity: the "
            "mean share of users who had rated a listed film."
        ),
    },
}
"""Tables of a dataset that its page shows, with what they say."""

INTERPRETED: dict[str, str] = {
    "latent_structure": (
        "Whether test examples of one class lie together in the joint representation, by cosine; "
        "mean over seeds. Purity: share of an example's nearest others that have its class, "
        "against the share under a random choice. The first row, features, is the bare vectors "
        "that the paradigms start from. Intervals cover the choice of examples, not of seeds; "
        "the verdict is that of the interval of purity less chance, not corrected for the number "
        "of paradigms."
    ),
}
"""Tables that interpretation makes of every dataset, with what they say."""


def register_pipelines() -> dict[str, Pipeline]:
    """All pipelines by name."""
    registry: dict[str, Pipeline] = {}
    rows = {paradigm: Pipeline([]) for paradigm in PARADIGMS}
    everything = Pipeline([])
    for dataset, create in DATASETS.items():
        data, paired = create(), dataset in PAIRED
        tables = {**TABLES.get(dataset, {}), **INTERPRETED}
        complete = data + evaluation.compare(
            dataset, FITS[dataset], BASELINES, tables, paired=paired
        )
        embedded = tuple(name for name in FITS[dataset] if name not in BASELINES)
        complete += interpretation.interpret(dataset, embedded)
        if paired:
            complete += linear_maps(dataset)
        for paradigm in FITS[dataset]:
            placed = data + cell(dataset, paradigm, paired=paired)
            registry[f"{dataset}_{paradigm}"] = placed
            rows[paradigm] += placed
            complete += placed
        registry[f"{dataset}_data"] = data
        if "hybrid" in FITS[dataset]:
            registry[f"{dataset}_lambda"] = data + lambda_study.create_pipeline(dataset)
        complete += evaluation.front_page(dataset)
        registry[f"{dataset}_all"] = complete
        if dataset not in ON_REQUEST:
            everything += complete
    registry["reproduce_mvae"] = reproduction.create_pipeline()
    registry |= {paradigm: row for paradigm, row in rows.items() if row.nodes}
    registry["__default__"] = everything
    return registry
