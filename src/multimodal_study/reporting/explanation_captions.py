"""What the tables of `<dataset>_interpretation` say of themselves."""

from __future__ import annotations

EXPLANATIONS: dict[str, dict[str, str]] = {
    "amazon": {
        "token_relevance": (
            "Whether words that are said to count do count, for transformer: tokens of a test text "
            "are taken out (deletion, lower is better) or put in (insertion, higher is better), "
            "the highest first; areas under the probability of the predicted class. The gain is "
            "insertion less deletion over a random order. In order: from the first token on. "
            "Agreement: Spearman's correlation of sizes with integrated gradients over a text's "
            "tokens. All look through the layers that learnt. Intervals over examples, one seed."
        ),
    },
    "fashion": {
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
        "graph_attributions": (
            "Whose ratings decide what gnn predicts, by integrated gradients of the edges of train "
            "from none to their weights. Share: of the sizes of all attributions; towards: their "
            "sum, in the unit of the rating; missed: what all of them lack of the change that "
            "edges make, as a share of it. Intervals over examples, one seed."
        ),
        "poster_tests": (
            "Whether cells of a poster that are said to raise a predicted rating do raise it: "
            "areas under the prediction, in stars, as cells are taken out (deletion, lower is "
            "better) or put in (insertion, higher is better), the highest first; what is out is "
            "the mean poster. The gain is insertion less deletion over a random order. Picture "
            "moves: mean size of the change from the mean poster to the poster, all that there is "
            "to explain. Intervals over examples, one seed."
        ),
        "edge_tests": (
            "Whether these ratings count: how far a prediction moves without the strongest of "
            "them, and without as many at random of the same person's and film's; the gain is over "
            "the latter."
        ),
    },
}
"""Tables of a dataset that `<dataset>_interpretation` adds, with what they say."""

ATTRIBUTIONS: dict[str, str] = {
    "attributions": (
        "What each modality does for the answer, by integrated gradients of the log odds of the "
        "predicted class (of the prediction itself where there are no classes), from the mean of "
        "train (no words) to the example. Share: of the sizes of the modalities' sums; towards: "
        "the sum itself, in nats or the unit of the prediction; missed: what the sums lack of the "
        "whole change, as a share of it, 0 if exact. Means over seeds, intervals over examples."
    ),
    "top_terms": (
        "Words of the bag of words that speak most for a class, by the same attributions: nats per "
        "example that is predicted so, all seeds. Without classes: that raise or lower what is "
        "predicted."
    ),
}
"""Tables of :data:`ATTRIBUTED` datasets, with what they say."""
