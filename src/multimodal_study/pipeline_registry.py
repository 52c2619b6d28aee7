"""The map of the project: which pipelines exist, by name.

``<dataset>_data``           ingest to features
``<dataset>_<paradigm>``     that, and one cell: fit, predict, evaluate, and retrieve if paired
``<dataset>_all``            that, with all cells, the leaderboard and the dataset's report, which
                             the front page lists beside those that earlier runs made
``<dataset>_lambda``         the data, and hybrids along lambda
``movielens_ranking``        the data, and lists of films by recommenders
``<paradigm>``               one paradigm on every dataset that it fits
``study``                    tables over the datasets of ``__default__``, ``study_all`` over all:
                             their cells must have been evaluated
``reproduce_mvae``           a published table, with ``--env reproduce``
``__default__``              all but what is run on request

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
from multimodal_study.reporting.shown import Shown

DATASETS = {
    "amazon": amazon.create_pipeline,
    "fashion": fashion.create_pipeline,
    "movielens": movielens.create_pipeline,
}

RANKED = {"movielens": movielens.create_ranking}
"""Datasets of ratings, with what compares recommenders on them."""

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

CONSTRUCTED = ("fashion",)
"""Datasets with a ``construction``: what it says of a task stands beside what is measured."""

EXPLAINED: dict[str, tuple[str, ...]] = {
    "fashion": ("early", "late", "intermediate", "vilbert", "clip"),
}
"""Datasets that know where in a picture the evidence is, and the paradigms that are asked."""

ATTRIBUTED: dict[str, tuple[str, ...]] = {
    "amazon": ("early", "late", "intermediate"),
    "fashion": ("early", "late", "intermediate", "vilbert"),
}
"""Datasets and paradigms whose answers are divided among the modalities."""

DRAWN = ("fashion",)
"""Datasets with pictures of items: there a small VAE of thumbnails is traversed, and what is known
of the items is looked for in single latents."""

Z = ("mvae", "hybrid")
"""Paradigms with a z."""

TABLES: dict[str, dict[str, str]] = {
    "fashion": {
        "task_rows": "Items of each class by split, and whether the task asks about them.",
        "factor_probes": (
            "What a linear probe on frozen vectors reads of each factor, on test, against what the "
            "construction says. Chance: the share of the most frequent value. The p-value is that "
            "of an exact one-sided test against it; verdicts correct for the number of probes."
        ),
        "localisation": (
            "Whether maps point at the region that shows what decides the class, on test pictures "
            "that a paradigm classifies rightly; described: at what the text speaks of, for the "
            "match of picture and text. Pointing: the highest point lies in the region or within "
            "the margin; mass: share of the map in the region. Random and constant maps cannot "
            "know, centre always points at the middle, scrambled is Grad-CAM of the network "
            "without what it learnt. Blind: the better of random and constant on the same "
            "questions; the gain is over it. Means over seeds; intervals over examples."
        ),
        "explanation_tests": (
            "Tests of the same maps without ground truth. Areas under the curves of deletion "
            "(lower is better) and insertion (higher is better) of cells of the picture, for the "
            "probability of the class against those that it is told from; the gain is that of "
            "insertion less deletion over a random order, which is also that of a constant map. "
            "The correlation is that of Grad-CAM with Grad-CAM of the scrambled network: 1 for "
            "maps that ignore what was learnt."
        ),
        "coattention": (
            "Whether what one stream of vilbert reads of the other is what counts: Spearman's "
            "correlation of the weights of a stream's own token with gradient times input, over "
            "the positions of an example; mean over seeds, intervals over examples. Of another: "
            "the same with what it reads in another example; the gain is over it."
        ),
        "disentanglement": (
            "Whether single latents stand for single factors: mutual information gap (Chen 2018), "
            "separated attribute predictability (Kumar 2018), disentanglement, completeness and "
            "informativeness (Eastwood & Williams 2018), each from 0 to 1; fitted on train, scored "
            "on validation and test, mean over fits. Random codes say what chance is; principal "
            "components of the same features are the baseline. Intervals cover the choice of items."
        ),
    },
    "movielens": {
        "ranking": (
            "Lists of unseen films, all films competing, for users with a film of test that they "
            "liked. Settings chosen by NDCG on validation, then fitted on train and validation. "
            "Intervals by user; the difference is that of the same users to EASE. Popularity: the "
            "mean share of users who had rated a listed film."
        ),
        "ratings_by_history": (
            "RMSE by the number of ratings that train has of the film: without one, its contents "
            "are all there is. Intervals by user; the difference is that on the same ratings to "
            "the strongest baseline, which validation as a whole chose, below zero where the "
            "paradigm is better."
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

PERTURBED_FIGURES: dict[str, Shown] = {
    "robustness_figure": Shown(
        "Robustness",
        "The deciding metric on test against the severity of what was done to an origin, means "
        "over seeds with their interval. A panel per perturbation and origin.",
        "Curves of the deciding metric over the severity of noise and of missing modalities, one "
        "line per paradigm. The table of areas sums each of them up.",
    ),
}
"""Figures from fitted networks that are asked with worse inputs, with their words."""

FIGURES: dict[str, dict[str, Shown]] = {}
"""Figures of a dataset that its page shows, by their name in the catalogue, with their words; one
that names a paradigm also stands on the page of that paradigm."""

OVER_ALL: dict[str, str] = {}
"""Tables over all datasets that the overview shows: catalogue name, without a dot, to what they
say."""


DIAGNOSED: dict[str, str] = {
    "calibration": (
        "Are probabilities to be believed? Before, and after temperature scaling (Guo et al., "
        "2017): one temperature per seed, fitted on validation by the NLL; above 1 a paradigm was "
        "too sure. Change: after less before, on the same examples and resamples; negative is "
        "better. The predicted class never changes."
    ),
}
"""Tables beside the leaderboard of every dataset, with what they say."""

ALIGNED: dict[str, str] = {
    "alignment": (
        "How alike the two origins of a pair are represented, on the distinct test items; first "
        "and second in the order of the pair. CKA: linear, 0 to 1, beside what random pairings "
        "give (few items in many dimensions are alike by chance). Gap: distance of the centroids "
        "on the sphere; alignment: mean squared distance of the two sides of an item; uniformity: "
        "lower is more evenly spread; these three only where there is a shared space. Recall at "
        "10: of the other origin. Task: the deciding metric. Means over seeds; intervals by a "
        "block jackknife over items."
    ),
}
"""Tables of datasets whose features have a pair, with what they say."""

PERTURBED: dict[str, str] = {
    "modality_worth": (
        "What each origin is worth to a fitted paradigm. Shapley: its mean gain in the deciding "
        "metric on test over all orders in which origins may join (positive is better); the values "
        "of a paradigm add up to all less none. Alone, without: the metric with this origin only, "
        "with all others; shuffled: with this origin from another example. Expected: what the best "
        "possible classifier would have, where the data were constructed; the verdict compares the "
        "order of the origins with it. Missing: what stands for an origin that is away. Means over "
        "seeds; intervals cover the choice of examples, not of seeds. Rows that predict as they "
        "fit save no weights and cannot be asked."
    ),
    "interactions": (
        "Does a paradigm use its origins together? The deciding metric of the network, and of its "
        "best additive stand-in (EMAP, Hessel and Lee, 2020), on the same test examples, all of "
        "whose origins were exchanged pair by pair. A gap above zero is gained by reading them "
        "together; a paradigm without one could be a sum of two single-modality models. The "
        "interval covers the choice of examples, not of seeds."
    ),
    "robustness_area": (
        "Robustness, without regard to what other paradigms reach. Clean: the deciding metric on "
        "the sampled test examples as they are; worst: at the highest severity; area: mean height "
        "of the curve over its severities; lost: what the area is worse than clean. Noise is "
        "Gaussian, in standard deviations of train, on vectors; at the same steps a growing share "
        "of words is dropped from bags and sequences. Missing: shares of rows that lose the "
        "origin, in expectation over what is lost; at random: the first principal component of "
        "the other origins decides; not at random: that of the origin itself, or the label. "
        "Every point of every curve is in robustness.csv. Intervals cover the choice of examples, "
        "not of seeds."
    ),
}
"""Tables from fitted networks that are asked with worse inputs, with what they say."""


ATTRIBUTIONS: dict[str, str] = {
    "attributions": (
        "What each modality does for the answer, by integrated gradients of the log odds of the "
        "predicted class, from the mean of train (no words) to the example. Share: of the sizes of "
        "the modalities' sums; towards: the sum itself, nats; missed: what the sums lack of the "
        "whole change, as a share of it, 0 if exact. Means over seeds, intervals over examples."
    ),
    "top_terms": (
        "Words of the bag of words that speak most for a class, by the same attributions: nats per "
        "example that is predicted so, all seeds."
    ),
}
"""Tables of :data:`ATTRIBUTED` datasets, with what they say."""


def register_pipelines() -> dict[str, Pipeline]:
    """All pipelines by name."""
    registry: dict[str, Pipeline] = {}
    rows = {paradigm: Pipeline([]) for paradigm in PARADIGMS}
    everything = Pipeline([])
    for dataset, create in DATASETS.items():
        data, paired = create(), dataset in PAIRED
        tables = {**TABLES.get(dataset, {}), **DIAGNOSED, **INTERPRETED, **PERTURBED}
        tables |= ALIGNED if paired else {}
        tables |= ATTRIBUTIONS if dataset in ATTRIBUTED else {}
        compared = evaluation.Compared(dataset, FITS[dataset], BASELINES, tables, paired)
        complete = data + evaluation.compare(
            dataset, FITS[dataset], BASELINES, tables, paired=paired
        )
        complete += report.write(
            compared, figures={**PERTURBED_FIGURES, **FIGURES.get(dataset, {})}
        )
        embedded = tuple(name for name in FITS[dataset] if name not in BASELINES)
        complete += interpretation.interpret(dataset, embedded)
        complete += diagnostics.diagnose(dataset, FITS[dataset], BASELINES, paired=paired)
        complete += perturbation.ask(dataset, embedded, constructed=dataset in CONSTRUCTED)
        if dataset in EXPLAINED:
            complete += interpretation.explain(dataset, EXPLAINED[dataset])
        if dataset in ATTRIBUTED:
            complete += interpretation.attribute(dataset, ATTRIBUTED[dataset])
        if "vilbert" in FITS[dataset]:
            complete += interpretation.coattend(dataset)
        if paired:
            complete += linear_maps(dataset)
        if dataset in RANKED:
            registry[f"{dataset}_ranking"] = data + RANKED[dataset]()
            complete += RANKED[dataset]()
            complete += evaluation.by_history(dataset, FITS[dataset])
        if dataset in DRAWN:
            complete += latents.create_pipeline(dataset, Z)
        for paradigm in FITS[dataset]:
            placed = data + cell(dataset, paradigm, paired=paired)
            placed += report.describe(dataset, paradigm, fitted=paradigm not in BASELINES)
            registry[f"{dataset}_{paradigm}"] = placed
            rows[paradigm] += placed
            complete += placed
        registry[f"{dataset}_data"] = data
        if "hybrid" in FITS[dataset]:
            weighed = lambda_study.create_pipeline(dataset) + report.lambda_page(dataset)
            registry[f"{dataset}_lambda"] = data + weighed
        complete += report.front_page(dataset, OVER_ALL)
        registry[f"{dataset}_all"] = complete
        if dataset not in ON_REQUEST:
            everything += complete
    usual = tuple(name for name in DATASETS if name not in ON_REQUEST)
    registry["study"] = study.compare_datasets(usual)
    registry["study_all"] = study.compare_datasets(tuple(DATASETS))
    everything += registry["study"]
    registry["reproduce_mvae"] = reproduction.create_pipeline()
    registry |= {paradigm: row for paradigm, row in rows.items() if row.nodes}
    registry["__default__"] = everything
    return registry
