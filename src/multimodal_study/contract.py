"""What every dataset gives and every paradigm takes.

A dataset pipeline ends in one :class:`Features`; a paradigm starts from one. The shape serves two
thousand garments and twenty million ratings alike: features are stored once per *entity* (a review,
a product, a film), and an *example* is a row of indices into those entities.

Letters used for shapes everywhere: ``b`` batch, ``m`` modalities, ``d`` embedding, ``z`` latent,
``c`` classes, ``n`` rows, ``t`` tokens, ``v`` vocabulary, ``u`` users, ``i`` items.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

    Array: TypeAlias = np.ndarray[Any, Any] | csr_matrix

Split = Literal["train", "validation", "test"]
Kind = Literal[
    "text", "words", "image", "graph", "numeric", "categorical", "tokens", "regions", "pixels"
]
Likelihood = Literal["normal", "laplace", "bernoulli", "categorical", "multinomial", "cosine"]
TaskKind = Literal["binary", "multiclass", "ordinal", "regression"]

BINARY = 2
"""Classes of a binary task."""

SEQUENCES: frozenset[Kind] = frozenset({"tokens", "regions"})
"""Kinds whose arrays are ``[rows, t, d]``: states of words, cells of a picture's grid."""
VECTORS: frozenset[Kind] = frozenset(get_args(Kind)) - SEQUENCES
"""Kinds whose row is one vector, or one picture ``[height, width, 3]`` (``pixels``)."""

SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Modality:
    """One view of an entity, as one array with a row per entity."""

    name: str
    """Name of the modality, the key of its array, for example ``text``."""
    entity: str
    """Entity that the rows describe; also the index column of ``Features.examples``."""
    kind: Kind
    """What the numbers are; ``words`` is a sparse bag of words, ``pixels`` uint8 RGB."""
    width: int
    """Length ``d`` of a row, of a position of a sequence; 3 for ``pixels``."""
    origin: str
    """Raw signal that the view was derived from: two views of one text share it."""
    likelihood: Likelihood
    """Observation model that a generative paradigm should use."""
    encoder: str
    """What made the numbers, with its version: provenance for the report."""
    columns: tuple[str, ...] = ()
    """Names of the ``width`` columns where they mean something to a reader."""


@dataclass(frozen=True)
class Task:
    """What is predicted and which number decides, always on validation."""

    name: str
    kind: TaskKind
    classes: tuple[str, ...]
    """Class names in index order; for an ordinal task from lowest to highest; empty: regression."""
    decides: str
    """Metric that early stopping and every model choice look at, on the validation split."""
    values: tuple[float, ...] = ()
    """Numeric value of each class of an ordinal task (stars 1-5)."""
    groups: tuple[str, ...] = ()
    """Attribute that each class is a value of, where one task asks about several attributes: an
    example has a ``group``, and only the classes of its group compete for it. Empty: all do."""

    def __post_init__(self) -> None:
        if self.groups and (self.kind != "multiclass" or len(self.groups) != len(self.classes)):
            raise ValueError(f"groups need a multiclass task and one per class, got {self.groups}")
        if self.kind not in get_args(TaskKind):
            raise ValueError(f"task.kind is {self.kind!r}, expected one of {get_args(TaskKind)}")
        if self.kind == "binary" and len(self.classes) != BINARY:
            raise ValueError(f"a binary task has two classes, got {self.classes}")
        if self.kind == "ordinal" and len(self.values) != len(self.classes):
            raise ValueError(f"an ordinal task needs a value per class, got {self.values}")

    @property
    def outputs(self) -> int:
        """Width ``c`` of a prediction: one column per class, or one number for regression."""
        return len(self.classes) or 1


@dataclass(frozen=True)
class Features:
    """All that a paradigm may look at.

    ``examples`` has one row per prediction, with the columns ``example_id`` (str), one integer
    index column per entity (named as the entity), ``split`` (train, validation, test), ``target``
    (class index, or a float for regression), ``cluster`` (rows that are not independent share it:
    the bootstrap resamples clusters) and any raw identifiers that lead back to the source. Where
    the task has groups, also ``group`` (the attribute that is asked about) and ``undecided`` (int64
    whose bit ``k`` says that class ``k`` is neither right nor wrong). Where there is a ``pair``,
    also ``<origin>_key`` for its two origins: equal keys are the same picture, the same text.
    """

    arrays: dict[str, Array]
    """Modality name to float array ``[rows of its entity, width]``, dense or CSR."""
    present: dict[str, np.ndarray[Any, Any]]
    """Modality name to bool ``[rows of its entity]``: False where the raw signal is missing."""
    examples: pd.DataFrame
    modalities: dict[str, Modality]
    task: Task
    provenance: dict[str, Any] = field(default_factory=dict)
    """Source, split hash and whatever else the report must quote."""
    lengths: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    """Sequence modality to int64 ``[rows of its entity]``: positions in use, the first ones."""
    pair: tuple[str, str] | None = None
    """Two origins, of one entity, that describe the same thing: one is retrieved by the other."""

    def __post_init__(self) -> None:
        needed = {"example_id", "split", "target", "cluster"} | {
            modality.entity for modality in self.modalities.values()
        }
        needed |= {"group", "undecided"} if self.task.groups else set()
        needed |= {f"{origin}_key" for origin in self.pair or ()}
        missing = sorted(needed - set(self.examples.columns))
        if missing:
            raise ValueError(f"features.examples lacks the columns {missing}")
        unknown = sorted(set(self.examples["split"].unique()) - set(SPLITS))
        if unknown:
            raise ValueError(f"features.examples.split has {unknown}, expected {SPLITS}")
        for name, modality in self.modalities.items():
            shape = self.arrays[name].shape
            if shape[-1] != modality.width:
                raise ValueError(f"{name}: array {shape}, but its width is {modality.width}")
            if self.present[name].shape != shape[:1]:
                raise ValueError(f"{name}: mask {self.present[name].shape} for an array {shape}")
            index = self.examples[modality.entity]
            if len(index) and not 0 <= index.min() <= index.max() < shape[0]:
                raise ValueError(f"{name}: index column {modality.entity!r} leaves 0..{shape[0]}")
            if modality.kind in SEQUENCES and (
                name not in self.lengths or self.lengths[name].shape != shape[:1]
            ):
                raise ValueError(f"{name}: a sequence needs lengths [{shape[0]}]")

    def rows(self, split: Split) -> np.ndarray[Any, Any]:
        """Positions in ``examples`` that belong to ``split``: int64 ``[n]``."""
        return np.flatnonzero((self.examples["split"] == split).to_numpy())

    def select(self, names: list[str]) -> Features:
        """The same examples with only the modalities ``names``, in that order."""
        unknown = sorted(set(names) - set(self.modalities))
        if unknown:
            raise ValueError(f"no modality {unknown}; there are {sorted(self.modalities)}")
        return Features(
            arrays={name: self.arrays[name] for name in names},
            present={name: self.present[name] for name in names},
            examples=self.examples,
            modalities={name: self.modalities[name] for name in names},
            task=self.task,
            provenance=self.provenance,
            lengths={name: self.lengths[name] for name in names if name in self.lengths},
            pair=self.pair,
        )

    def candidates(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
        """Classes that compete for each of ``rows``: bool ``[n, c]``; None where all do."""
        if not self.task.groups:
            return None
        asked = self.examples["group"].to_numpy(dtype=object)[rows]
        return np.asarray(asked[:, None] == np.asarray(self.task.groups, dtype=object))

    def undecided(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
        """Classes that are neither right nor wrong: bool ``[n, c]``; None where there are none."""
        if not self.task.groups:
            return None
        bits = self.examples["undecided"].to_numpy(dtype=np.int64)[rows]
        return np.asarray((bits[:, None] >> np.arange(len(self.task.classes))) & 1, dtype=bool)

    def card(self, name: str) -> dict[str, Any]:
        """The modality ``name`` in plain JSON values, with its ``rows`` (entities) and ``missing``.

        ``missing`` is the share of examples, 0 to 1, whose entity is without it.
        """
        modality, present = self.modalities[name], self.present[name]
        index = self.examples[modality.entity].to_numpy()
        keys = ("entity", "kind", "width", "origin", "likelihood", "encoder")
        return {
            **{key: getattr(modality, key) for key in keys},
            "rows": len(present),
            "missing": 1.0 - float(present[index].mean()) if len(index) else 0.0,
        }

    def description(self) -> dict[str, Any]:
        """All but the arrays and the examples, as plain JSON values."""
        return {
            "modalities": {name: asdict(modality) for name, modality in self.modalities.items()},
            "task": asdict(self.task),
            "provenance": self.provenance,
            "pair": list(self.pair) if self.pair else None,
        }
