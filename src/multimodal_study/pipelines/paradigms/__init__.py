"""The table of paradigms: one row each, placed on every dataset that it fits.

A row's loader imports torch only when the node runs, so that listing pipelines stays quick, and
names the class in plain Python, so that go-to-definition works.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kedro.pipeline import Node, Pipeline

from multimodal_study.pipelines.instantiate import instantiate
from multimodal_study.pipelines.paradigms.baseline import baseline
from multimodal_study.pipelines.paradigms.content_tower import content_tower
from multimodal_study.pipelines.paradigms.contrastive import contrastive
from multimodal_study.pipelines.paradigms.end_to_end import end_to_end
from multimodal_study.pipelines.paradigms.generative import generative
from multimodal_study.pipelines.paradigms.retrieval import linear_maps, retrieval_node
from multimodal_study.pipelines.paradigms.supervised import supervised


def _early() -> Any:
    from multimodal_study.models import early

    return early.EarlyFusion, early.Config


def _late() -> Any:
    from multimodal_study.models import late

    return late.LateFusion, late.Config


def _intermediate() -> Any:
    from multimodal_study.models import intermediate

    return intermediate.IntermediateFusion, intermediate.Config


def _transformer() -> Any:
    from multimodal_study.models import transformer

    return transformer.Transformer, transformer.Config


def _vilbert() -> Any:
    from multimodal_study.models import vilbert

    return vilbert.Vilbert, vilbert.Config


def _gnn() -> Any:
    from multimodal_study.models import gnn

    return gnn.GraphNetwork, gnn.Config


def _mvae() -> Any:
    from multimodal_study.models import mvae

    return mvae.MVAE, mvae.Config


def _hybrid() -> Any:
    from multimodal_study.models import hybrid

    return hybrid.Hybrid, hybrid.Config


def _clip() -> Any:
    from multimodal_study.models import clip

    return clip.Clip, clip.Config


def _majority() -> Any:
    from multimodal_study.baselines import majority

    return majority.fit_predict


def _tfidf() -> Any:
    from multimodal_study.baselines import tfidf

    return tfidf.fit_predict


def _logistic() -> Any:
    from multimodal_study.baselines import logistic

    return logistic.fit_predict


def _metadata_only() -> Any:
    from multimodal_study.baselines import metadata_only

    return metadata_only.fit_predict


def _biases() -> Any:
    from multimodal_study.baselines import biases

    return biases.fit_predict


def _biased_mf() -> Any:
    from multimodal_study.baselines import biased_mf

    return biased_mf.fit_predict


def _implicit_mf() -> Any:
    from multimodal_study.baselines import implicit_mf

    return implicit_mf.fit_predict


def _boosting() -> Any:
    from multimodal_study.baselines import boosting

    return boosting.fit_predict


PARADIGMS: dict[str, Callable[[], list[Node]]] = {
    "majority": lambda: baseline("majority", _majority),
    "metadata_only": lambda: baseline("metadata_only", _metadata_only),
    "tfidf": lambda: baseline("tfidf", _tfidf),
    "logistic": lambda: baseline("logistic", _logistic),
    "biases": lambda: baseline("biases", _biases),
    "biased_mf": lambda: baseline("biased_mf", _biased_mf),
    "implicit_mf": lambda: baseline("implicit_mf", _implicit_mf),
    "boosting": lambda: baseline("boosting", _boosting),
    # The network and the budget of `early`, with the rest taken away and nothing else changed.
    "text_only": lambda: supervised("early", _early, origins=("text",)),
    "image_only": lambda: supervised("early", _early, origins=("image",)),
    "early": lambda: supervised("early", _early),
    "late": lambda: supervised("late", _late),
    "intermediate": lambda: supervised("intermediate", _intermediate),
    "vilbert": lambda: supervised("vilbert", _vilbert),
    "gnn": lambda: supervised("gnn", _gnn),
    "transformer": lambda: end_to_end("transformer", _transformer),
    "mvae": lambda: generative("mvae", _mvae),
    "hybrid": lambda: generative("hybrid", _hybrid, weighs_task=True),
    "clip": lambda: contrastive("clip", _clip),
}

TOWERS: dict[str, Callable[[], list[Node]]] = {
    "clip": lambda: content_tower("clip", _clip, _early),
    "vilbert": lambda: content_tower("vilbert", _vilbert, _early),
}
"""The same paradigms where an item has many examples: they learn on the items, see the regime."""

NETWORKS: dict[str, Callable[[], Any]] = {
    "early": _early,
    "late": _late,
    "intermediate": _intermediate,
    "vilbert": _vilbert,
    "clip": _clip,
    "transformer": _transformer,
    "gnn": _gnn,
}
"""Paradigms that interpretation rebuilds: what imports the network and its ``Config``."""

BASELINES = (
    "majority", "metadata_only", "tfidf", "logistic", "biases", "biased_mf", "implicit_mf",
    "boosting",
)  # fmt: skip
"""Rows that learn no representation of contents: the strongest stands beside every paradigm."""


def cell(dataset: str, paradigm: str, *, paired: bool = False, rated: bool = False) -> Pipeline:
    """One paradigm on one dataset: fit, predict, evaluate, as the namespace of both names.

    On a ``paired`` dataset, one whose features have a pair, what it embeds is also retrieved. On a
    ``rated`` one, whose items have many examples each, :data:`TOWERS` are built on the items.
    """
    nodes = (TOWERS if rated and paradigm in TOWERS else PARADIGMS)[paradigm]()
    if paired and any("embeddings" in node.outputs for node in nodes):
        nodes = [*nodes, retrieval_node()]
    return instantiate(nodes, dataset=dataset, paradigm=paradigm)


__all__ = ["BASELINES", "NETWORKS", "PARADIGMS", "cell", "linear_maps"]
