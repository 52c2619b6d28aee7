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
from multimodal_study.pipelines.paradigms.contrastive import contrastive
from multimodal_study.pipelines.paradigms.end_to_end import end_to_end
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


def _clip() -> Any:
    from multimodal_study.models import clip

    return clip.Clip, clip.Config


def _majority() -> Any:
    from multimodal_study.baselines import majority

    return majority.fit_predict


def _tfidf() -> Any:
    from multimodal_study.baselines import tfidf

    return tfidf.fit_predict


def _metadata_only() -> Any:
    from multimodal_study.baselines import metadata_only

    return metadata_only.fit_predict


PARADIGMS: dict[str, Callable[[], list[Node]]] = {
    "majority": lambda: baseline("majority", _majority),
    "metadata_only": lambda: baseline("metadata_only", _metadata_only),
    "tfidf": lambda: baseline("tfidf", _tfidf),
    # The network and the budget of `early`, with the metadata taken away and nothing else changed.
    "text_only": lambda: supervised("early", _early, origins=("text",)),
    "early": lambda: supervised("early", _early),
    "late": lambda: supervised("late", _late),
    "intermediate": lambda: supervised("intermediate", _intermediate),
    "transformer": lambda: end_to_end("transformer", _transformer),
    "clip": lambda: contrastive("clip", _clip),
}

BASELINES = ("majority", "metadata_only", "tfidf")
"""Rows that learn no representation: the strongest of them stands beside every paradigm."""


def cell(dataset: str, paradigm: str) -> Pipeline:
    """One paradigm on one dataset: fit, predict, evaluate, as the namespace of both names."""
    return instantiate(PARADIGMS[paradigm](), dataset=dataset, paradigm=paradigm)
