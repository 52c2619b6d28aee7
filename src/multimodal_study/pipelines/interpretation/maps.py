"""Maps of all questions that one network answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from multimodal_study.interpretation.picture_path import CutEncoder, PicturePath, Score
from multimodal_study.interpretation.scores import log_odds, similarity
from multimodal_study.pipelines.interpretation.questions import DESCRIBED, PICTURES, Questions

if TYPE_CHECKING:
    from multimodal_study.contract import Features
    from multimodal_study.interpretation.grad_cam import Explain
    from multimodal_study.models.base import FusionModule
    from multimodal_study.seeds import Cell

Array = np.ndarray[Any, Any]
_TOGETHER = 64


@dataclass(frozen=True)
class Gallery:
    """The pictures of some questions, as far as all networks see them alike."""

    questions: Questions
    features: Features
    encoder: CutEncoder
    activations: torch.Tensor
    """Of the encoder's layer: ``[n, k, h, w]``, by picture."""

    @classmethod
    def of(cls, questions: Questions, features: Features, size: int, layer: Any) -> Gallery:
        """Encode the pictures, and check that this gives the features that the networks read."""
        from multimodal_study.interpretation.picture_path import check_features

        encoder = CutEncoder(size, layer)
        activations = encoder.activations(questions.pixels)
        entity = next(m.entity for m in features.modalities.values() if m.kind in PICTURES)
        entities = features.examples[entity].to_numpy()[questions.rows]
        check_features(encoder, activations, features, entities)
        return cls(questions, features, encoder, activations)


def asked(gallery: Gallery, cell: Cell, network: FusionModule) -> Array:
    """Questions that the network can be asked: int64 ``[a]``.

    Of a class only where it predicts it; of the match where it has a shared space.
    """
    questions = gallery.questions
    with torch.no_grad():
        found = [network(batch).argmax(1) for batch in cell.batches(questions.rows, 256, None)]
    target = gallery.features.examples["target"].to_numpy()[questions.rows]
    right = (torch.cat(found).numpy() == target)[questions.picture]
    match = questions.factor == DESCRIBED
    shared = "retrieval" in type(network).abilities(network.config)
    return np.flatnonzero(np.where(match, shared, right & questions.against.any(1)))


def maps_of(
    gallery: Gallery, cell: Cell, network: FusionModule, explain: Explain, which: Array
) -> Array:
    """Maps of the questions ``which`` ``[a]``: float32 ``[a, h, w]``, as fine as the layer."""
    factor = gallery.questions.factor[which]
    maps = np.zeros((len(which), *gallery.activations.shape[2:]), dtype=np.float32)
    for match in (False, True):
        places = np.flatnonzero((factor == DESCRIBED) == match)
        for start in range(0, len(places), _TOGETHER):
            part = places[start : start + _TOGETHER]
            maps[part] = _maps(gallery, cell, network, explain, which[part], match)
    return maps


def _maps(  # noqa: PLR0917
    gallery: Gallery,
    cell: Cell,
    network: FusionModule,
    explain: Explain,
    which: Array,
    match: bool,
) -> Array:
    questions = gallery.questions
    picture = questions.picture[which]
    batch = next(iter(cell.batches(questions.rows[picture], len(which), None)))
    score: Score
    if match:
        first, second = gallery.features.pair or ("", "")
        score = similarity(network, (first, second))
    else:
        score = log_odds(network, batch.target, torch.from_numpy(questions.against[which]))
    path = path_of(gallery, cell, score)
    return explain(path, gallery.activations[picture], batch).numpy()


def path_of(gallery: Gallery, cell: Cell, score: Score) -> PicturePath:
    """From the pictures of ``gallery`` to a score of a network of ``cell``."""
    return PicturePath(gallery.encoder, score, gallery.features, cell.features.modalities)
