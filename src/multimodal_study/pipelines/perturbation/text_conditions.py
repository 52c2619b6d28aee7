"""The conditions of a network that reads nothing but text, metadata written in front of it.

It has no masks. An origin that is missing is not written: the text is encoded anew without it, from
the first layer on, so that no state has seen what is gone. All conditions are encoded in one pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.data.batches import Batch
from multimodal_study.data.degradation import restricted
from multimodal_study.data.ragged import ENTITY, RaggedBatches
from multimodal_study.encoders.serialise import fields_of, serialise
from multimodal_study.encoders.text_model import find_model
from multimodal_study.encoders.token_states import token_states
from multimodal_study.pipelines.perturbation.conditions import (
    NOISE,
    ROWS_TOGETHER,
    SUBSET,
    Condition,
    Exchange,
)

if TYPE_CHECKING:
    import pandas as pd

    from multimodal_study.contract import Features

Array = np.ndarray[Any, Any]
TEXT, METADATA = "text", "metadata"


class TextInputs:
    """Inputs of a network that reads token states.

    Args:
        features: For examples and task.
        table: A row per review, with ``text`` and the metadata columns.
        parameters: Of the encoder: ``encoder``, ``trained_layers``, ``max_tokens``, ``keep``,
            ``fields``.
        rows: Positions of the sampled examples.
        seed: Of all draws.
    """

    def __init__(
        self,
        features: Features,
        table: pd.DataFrame,
        parameters: Mapping[str, Any],
        rows: Array,
        seed: int,
    ) -> None:
        self._parameters, self._seed = parameters, seed
        index = features.examples[ENTITY].to_numpy()[rows]
        self._table = table.iloc[index].reset_index(drop=True)
        self._fields = fields_of(table, parameters.get("fields"))
        self.origins = [TEXT, METADATA] if self._fields else [TEXT]
        self.features = restricted(features, rows)
        self._known: dict[Any, tuple[dict[str, Array], int]] = {}

    def prepare(self, conditions: Sequence[Condition]) -> None:
        """Encode the texts of ``conditions``, equal ones once."""
        texts = [self._texts(condition) for condition in conditions]
        states = self._encode([text for own in texts for text in own])
        n = len(self._table)
        self._known |= {one: (states, place * n) for place, one in enumerate(conditions)}

    def batches(self, condition: Condition) -> Iterable[Batch]:
        """See :class:`.conditions.Inputs`; encoded here where :meth:`prepare` was not called."""
        if condition not in self._known:
            self.prepare([condition])
        states, start = self._known[condition]
        return self._batches(states, start + np.arange(len(self._table)), self.features)

    def crossed(self, exchange: Exchange) -> Iterable[Batch] | None:
        """See :class:`.conditions.Inputs`."""
        frame = self._table.iloc[exchange.sources[TEXT]].reset_index(drop=True)
        if METADATA in exchange.sources:
            given = self._table.iloc[exchange.sources[METADATA]].reset_index(drop=True)
            frame = frame.assign(**{name: given[name] for name in self._fields})
        states = self._encode(serialise(frame, self._fields))
        examples = self.features.examples.iloc[exchange.base].reset_index(drop=True)
        asked = replace(self.features, examples=examples)
        return self._batches(states, np.arange(len(frame)), asked)

    def _texts(self, condition: Condition) -> list[str]:
        frame, fields = self._table, self._fields
        place = self.origins.index(condition.origin) if condition.origin else 0
        random = np.random.default_rng([self._seed, place, condition.step])
        if condition.perturbation == SUBSET:
            if TEXT not in condition.kept:
                frame = frame.assign(text="")
            return serialise(frame, fields if METADATA in condition.kept else [])
        columns = [TEXT] if condition.origin == TEXT else fields
        if condition.perturbation == NOISE:
            made = {name: _fewer(frame[name], name, condition.dropped, random) for name in columns}
        else:
            order = random.permutation(len(frame))
            made = {name: frame[name].iloc[order].to_numpy() for name in columns}
        return serialise(frame.assign(**made), fields)

    def _encode(self, texts: list[str]) -> dict[str, Array]:
        """States of every text, ``offsets`` by text; equal texts are encoded once."""
        distinct = list(dict.fromkeys(texts))
        chosen = self._parameters
        states = token_states(
            distinct,
            find_model(str(chosen["encoder"])),
            trained_layers=int(chosen["trained_layers"]),
            max_tokens=int(chosen["max_tokens"]),
            keep=chosen["keep"],
        )
        row = {text: number for number, text in enumerate(distinct)}
        return {**states, "rows": np.array([row[text] for text in texts], dtype=np.int64)}

    @staticmethod
    def _batches(states: dict[str, Array], place: Array, asked: Features) -> Iterable[Batch]:
        examples = asked.examples.assign(**{ENTITY: states["rows"][place]})
        rows = np.arange(len(examples))
        return RaggedBatches(
            replace(asked, examples=examples, modalities={}), states, rows, ROWS_TOGETHER
        )


def _fewer(values: pd.Series, name: str, dropped: float, random: np.random.Generator) -> Any:
    """A text without some of its words; a column without some of its values."""
    if name != TEXT:
        return values.astype(object).mask(random.random(len(values)) < dropped)
    words = [str(text).split() if isinstance(text, str) else [] for text in values]
    return [" ".join(w for w in own if random.random() >= dropped) for own in words]
