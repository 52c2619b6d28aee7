"""The map of the project: which pipelines exist, by name.

``<dataset>_data``           ingest to features
``<dataset>_<paradigm>``     that, and one cell: fit, predict, evaluate, and retrieve if paired
``<dataset>_all``            that, with all cells, the leaderboard and the dataset's report, which
                             the front page lists beside those that earlier runs made
``<dataset>_interpretation`` that, and explanations, attributions and single latents, which its page
                             then shows too; the longest of these, a part of ``__default__``
``<dataset>_lambda``         the data, and hybrids along lambda
``movielens_ranking``        the data, and lists of films by recommenders
``<paradigm>``               one paradigm on every dataset that it fits
``study``                    tables over the datasets: their cells must have been evaluated
``reproduce_mvae``           a published table, with ``--env reproduce``
``__default__``              all datasets with their explanations, and ``study``

Nothing here depends on parameters: Kedro may ask before they are loaded. Nothing here imports
torch: every ``kedro`` command pays for what this module imports.
"""

from kedro.pipeline import Pipeline

from multimodal_study.pipelines import (
    amazon,
    diagnostics,
    evaluation,
    fashion,
    interpretation,
    lambda_study,
    latents,
    movielens,
    perturbation,
    report,
    reproduction,
    study,
)
from multimodal_study.pipelines.paradigms import BASELINES, PARADIGMS, cell, linear_maps
from multimodal_study.reporting.captions import explanations_of, figures_of, tables_of

DATASETS = {
    "amazon": amazon.create_pipeline,
    "fashion": fashion.create_pipeline,
    "movielens": movielens.create_pipeline,
}

RANKED = {"movielens": movielens.create_ranking}
"""Datasets of ratings, with what compares recommenders on them."""

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
        "clip",
        "vilbert",
        "gnn",
        "mvae",
        "hybrid",
    ),
}
"""Paradigms placed on each dataset, simple baselines first."""

PAIRED = ("fashion", "movielens")
"""Datasets whose features have a pair: there one origin is also retrieved by the other."""

COATTENDED = ("fashion",)
"""Datasets on which what the streams of ``vilbert`` read of each other is shown."""

CONSTRUCTED = ("fashion",)
"""Datasets with a ``construction``: what it says of a task stands beside what is measured."""

EXPLAINED: dict[str, tuple[str, ...]] = {
    "fashion": ("early", "late", "intermediate", "vilbert", "clip"),
}
"""Datasets that know where in a picture the evidence is, and the paradigms that are asked."""

PICTURED: dict[str, tuple[str, ...]] = {"movielens": ("early", "late", "intermediate")}
"""Datasets with pictures that are no evidence of anything known, and the paradigms that are asked
where on them a predicted number comes from."""

ATTRIBUTED: dict[str, tuple[str, ...]] = {
    "amazon": ("early", "late", "intermediate"),
    "fashion": ("early", "late", "intermediate", "vilbert"),
    "movielens": ("early", "late", "intermediate"),
}
"""Datasets and paradigms whose answers are divided among the modalities."""

DRAWN = ("fashion",)
"""Datasets with pictures of items: there a small VAE of thumbnails is traversed, and what is known
of the items is looked for in single latents."""

Z = ("mvae", "hybrid")
"""Paradigms with a z."""


def register_pipelines() -> dict[str, Pipeline]:
    """All pipelines by name."""
    registry: dict[str, Pipeline] = {}
    rows = {paradigm: Pipeline([]) for paradigm in PARADIGMS}
    everything = Pipeline([])
    for dataset, create in DATASETS.items():
        data = create()
        cells = Pipeline([])
        for paradigm in FITS[dataset]:
            paired, rated = dataset in PAIRED, dataset in RANKED
            placed = data + cell(dataset, paradigm, paired=paired, rated=rated)
            placed += report.describe(dataset, paradigm, fitted=paradigm not in BASELINES)
            registry[f"{dataset}_{paradigm}"] = placed
            rows[paradigm] += placed
            cells += placed
        registry[f"{dataset}_data"] = data
        if dataset in RANKED:
            registry[f"{dataset}_ranking"] = data + RANKED[dataset]()
        if "hybrid" in FITS[dataset]:
            weighed = lambda_study.create_pipeline(dataset) + report.lambda_page(dataset)
            registry[f"{dataset}_lambda"] = data + weighed
        compared = cells + _compared(dataset)
        registry[f"{dataset}_all"] = compared + _pages(dataset)
        explanations = _explanations(dataset)
        complete = compared + explanations + _pages(dataset, explained=bool(explanations.nodes))
        if explanations.nodes:
            registry[f"{dataset}_interpretation"] = complete
        everything += complete
    pages = report.study_front_page()
    registry["study"] = study.compare_datasets(tuple(DATASETS)) + pages
    everything += registry["study"]
    registry["reproduce_mvae"] = reproduction.create_pipeline()
    registry |= {paradigm: row for paradigm, row in rows.items() if row.nodes}
    registry["__default__"] = everything
    return registry


def _compared(dataset: str) -> Pipeline:
    """What is asked of the cells of ``dataset`` side by side."""
    fits, paired = FITS[dataset], dataset in PAIRED
    embedded = tuple(name for name in fits if name not in BASELINES)
    tables = tables_of(dataset, paired=paired)
    made = evaluation.compare(dataset, fits, BASELINES, tables, paired=paired)
    made += interpretation.interpret(dataset, embedded)
    made += interpretation.analyse(dataset, fits)
    made += diagnostics.diagnose(dataset, fits, BASELINES, paired=paired)
    made += perturbation.ask(dataset, embedded, constructed=dataset in CONSTRUCTED)
    if paired:
        made += linear_maps(dataset)
    if dataset in RANKED:
        made += RANKED[dataset]() + evaluation.by_history(dataset, fits)
    return made


def _explanations(dataset: str) -> Pipeline:
    """Why the cells of ``dataset`` answer as they do, and what single latents stand for."""
    made = Pipeline([])
    if dataset in EXPLAINED:
        made += interpretation.explain(dataset, EXPLAINED[dataset])
    if dataset in PICTURED:
        made += interpretation.look_at_posters(dataset, PICTURED[dataset])
    if dataset in ATTRIBUTED:
        made += interpretation.attribute(dataset, ATTRIBUTED[dataset])
    if dataset in COATTENDED:
        made += interpretation.coattend(dataset)
    if "transformer" in FITS[dataset]:
        made += interpretation.relate_tokens(dataset)
    if "gnn" in FITS[dataset]:
        made += interpretation.follow_edges(dataset)
    if dataset in DRAWN:
        made += latents.create_pipeline(dataset, Z)
    return made


def _pages(dataset: str, *, explained: bool = False) -> Pipeline:
    """The page of ``dataset``, with or without its explanations, and those over all datasets."""
    paired = dataset in PAIRED
    tables = tables_of(dataset, paired=paired)
    if explained:
        tables |= explanations_of(dataset, attributed=dataset in ATTRIBUTED)
    shown = evaluation.Compared(dataset, FITS[dataset], BASELINES, tables, paired)
    pages = report.write(shown, figures=figures_of(dataset, explained=explained))
    return pages + report.front_page(dataset)
