"""What the tables and figures of a dataset's page say of themselves."""

from __future__ import annotations

from multimodal_study.reporting.explanation_captions import ATTRIBUTIONS, EXPLANATIONS
from multimodal_study.reporting.shown import Shown

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
    "slices": (
        "Where the best paradigm on validation, and the strongest baseline, are wrong more often "
        "than on all other examples. Error: share of wrong answers (regression: mean distance), "
        "mean over seeds; the gap is to the rest, with its interval over clusters of examples, not "
        "corrected for the number of slices. Long: the longest quarter. Slices with few examples "
        "are left out."
    ),
    "disagreements": (
        "What other paradigms know that the best on validation does not: shares of examples and "
        "seeds that both, either or neither answer rightly."
    ),
    "confusions": (
        "Classes that the best paradigm on validation takes for others, the most frequent first; "
        "examples are a mean over seeds."
    ),
}
"""Tables that interpretation makes of every dataset, with what they say."""

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


FIGURES: dict[str, Shown] = {
    "robustness_figure": Shown(
        "Robustness",
        "The deciding metric on test against the severity of what was done to an origin, means "
        "over seeds with their interval. A panel per origin, for noise and for what is missing "
        "completely at random; other mechanisms stand in the table.",
        "Curves of the deciding metric over the severity of noise and of missing modalities, one "
        "line per paradigm. The table of areas sums each of them up.",
    ),
    "quality_cost": Shown(
        "Quality against cost",
        "The deciding metric on test against what a paradigm costs; the numbers are those of the "
        "leaderboard and of the table of costs.",
        "A point per paradigm: cost to the right, the deciding metric with its interval upwards.",
    ),
}
"""Figures of every dataset, by their name in the catalogue."""

OWN_FIGURES: dict[str, dict[str, Shown]] = {
    "movielens": {
        "poster_sheet": Shown(
            "What on a poster raises a predicted rating",
            "Test films, and Grad-CAM of the rating that each paradigm predicts of one test "
            "example, through the picture encoder and the network; each map by its own maximum, "
            "however little the picture moves the prediction. The number is the prediction.",
            "Pictures with heat over them, a row per film. The table poster_tests measures "
            "whether these cells count, and how far the picture moves a prediction at all.",
        ),
        "edge_sheet": Shown(
            "Ratings that gnn answers by",
            "Test ratings and the ratings of train that decide what gnn predicts of them, by "
            "integrated gradients of edges; bars to the right raise it.",
            "Panels of bars, a rating each. The table edge_tests measures whether they count.",
            "gnn",
        ),
    },
    "amazon": {
        "token_sheet": Shown(
            "Words that transformer answers by",
            "Test reviews as the encoder reads them. Ground: integrated gradients of the predicted "
            "class, blue for and red against it; bar below: attention rollout. Each by the largest "
            "of its own text.",
            "Texts with coloured words. The table token_relevance measures whether such words "
            "count.",
            "transformer",
        ),
    },
    "fashion": {
        "grad_cam_sheet": Shown(
            "Where paradigms look (Grad-CAM)",
            "Test garments and the cells of the picture that speak for the class, a column per "
            "paradigm (its first seed); outlined: the region that shows what decides the class. A "
            "paradigm that predicts another class has no map.",
            "Rows of rendered garments under coloured maps. The table localisation measures how "
            "often the highest point of a map lies in the outlined region.",
        ),
        "coattention_sheet": Shown(
            "What the streams of vilbert read of each other",
            "Test garments under what the whole text, and the words that the picture reads most, "
            "read of its cells; first seed.",
            "Rows of rendered garments under coloured maps, a word above each. The table "
            "coattention measures whether such weights agree with gradients.",
            "vilbert",
        ),
        "traversal_sheet": Shown(
            "What single latents do",
            "A small VAE of thumbnails and words, fitted for this figure; a row moves one latent "
            "from one end of its prior to the other, the rest stay at their mean; words that grow "
            "most stand at either end.",
            "A row of small pictures per latent, changing from left to right.",
            "mvae",
        ),
    },
}
"""Figures of one dataset; one that names a paradigm also stands on the page of that paradigm."""


STUDY: dict[str, str] = {
    "ranks": (
        "Mean ranks of the paradigms that every dataset has, a block being a dataset and a seed; 1 "
        "is best. Friedman's test asks whether any two differ; the critical difference is "
        "Nemenyi's: mean ranks that are closer cannot be told apart."
    ),
    "pairs": "Every two paradigms by their mean ranks over datasets and seeds (Nemenyi).",
    "alignment": (
        "Is alignment of the modalities tied to the task? Spearman's correlation over cells of "
        "each measure with the deciding metric, both with more meaning better; p-values from "
        "permutations, corrected by Holm."
    ),
}
"""Tables over all datasets that the overview shows where the study was run, with what they say."""

STUDY_FIGURES: dict[str, Shown] = {
    "critical_difference": Shown(
        "Critical differences",
        "Mean ranks over datasets and seeds; a bar joins paradigms that Nemenyi's test cannot tell "
        "apart.",
        "A scale of mean ranks with a mark per paradigm. The table of mean ranks has the numbers.",
    ),
}
"""Figures over all datasets, by the same rule."""


def tables_of(dataset: str, *, paired: bool) -> dict[str, str]:
    """Tables that `<dataset>_all` makes and its page shows, with what they say.

    Args:
        dataset: Its namespace.
        paired: Whether its features have a pair.
    """
    tables = {**TABLES.get(dataset, {}), **DIAGNOSED, **INTERPRETED, **PERTURBED}
    return tables | (ALIGNED if paired else {})


def explanations_of(dataset: str, *, attributed: bool) -> dict[str, str]:
    """Tables that `<dataset>_interpretation` adds, with what they say.

    Args:
        dataset: Its namespace.
        attributed: Whether answers of its cells are divided among the modalities.
    """
    return EXPLANATIONS.get(dataset, {}) | (ATTRIBUTIONS if attributed else {})


def figures_of(dataset: str, *, explained: bool) -> dict[str, Shown]:
    """Figures that the page of ``dataset`` shows, by their name in the catalogue.

    Args:
        dataset: Its namespace.
        explained: Whether those of `<dataset>_interpretation` are among them.
    """
    return FIGURES | (OWN_FIGURES.get(dataset, {}) if explained else {})


def pipeline_of(dataset: str, output: str) -> str:
    """The pipeline that makes ``output`` of ``dataset``."""
    explained = output in {*EXPLANATIONS.get(dataset, {}), *ATTRIBUTIONS}
    return f"{dataset}_interpretation" if explained else f"{dataset}_all"
