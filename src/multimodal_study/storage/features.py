"""The catalogue's form of :class:`multimodal_study.contract.Features`.

One folder: ``arrays.safetensors`` (memory-mapped on load), ``examples.parquet`` and
``description.json``. A sparse array is three entries: ``<name>/data``, ``/indices``, ``/indptr``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from kedro.io import AbstractDataset
from kedro_datasets._typing import JSONPreview

from multimodal_study.contract import Features, Modality, Task
from multimodal_study.storage.write_aside import write_aside

if TYPE_CHECKING:
    from multimodal_study.contract import Array

ARRAYS = "arrays.safetensors"
EXAMPLES = "examples.parquet"
DESCRIPTION = "description.json"
PRESENT = "present/"
LENGTHS = "lengths/"
SPARSE_PARTS = ("data", "indices", "indptr")


class FeaturesDataset(AbstractDataset[Features, Features]):
    """Saves and loads one ``Features`` as a folder; dense arrays stay on disk until read."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Keep the folder's path; nothing is opened until the features are loaded or saved."""
        self._filepath = Path(filepath)
        self.metadata = metadata

    def save(self, data: Features) -> None:
        """Write the folder aside and rename it, so that it is whole or not there."""
        from safetensors.numpy import save_file

        with write_aside(self._filepath) as partial:
            partial.mkdir()
            save_file(_flatten(data), partial / ARRAYS)
            data.examples.to_parquet(partial / EXAMPLES, index=False)
            text = json.dumps(data.description(), indent=2, ensure_ascii=False)
            (partial / DESCRIPTION).write_text(text, encoding="utf-8")

    def load(self) -> Features:
        """The features with memory-mapped dense arrays.

        Raises:
            FileNotFoundError: if the features were never saved.
        """
        import pandas as pd

        if not self._exists():
            raise FileNotFoundError(f"{self._filepath} holds no features; run the data pipeline")
        description = json.loads((self._filepath / DESCRIPTION).read_text(encoding="utf-8"))
        entries = _open_arrays(self._filepath / ARRAYS)
        modalities = {
            name: Modality(**{**values, "columns": tuple(values["columns"])})
            for name, values in description["modalities"].items()
        }
        task: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in description["task"].items()
        }
        return Features(
            arrays={name: _restore(entries, modality) for name, modality in modalities.items()},
            present={name: entries[PRESENT + name] for name in modalities},
            examples=pd.read_parquet(self._filepath / EXAMPLES),
            modalities=modalities,
            task=Task(**task),
            provenance=description["provenance"],
            lengths={
                name: entries[LENGTHS + name] for name in modalities if LENGTHS + name in entries
            },
            pair=tuple(description["pair"]) if description["pair"] else None,
        )

    def preview(self) -> JSONPreview:
        """The description (modalities, task, provenance) for Kedro-Viz."""
        return JSONPreview((self._filepath / DESCRIPTION).read_text(encoding="utf-8"))

    def _exists(self) -> bool:
        return (self._filepath / DESCRIPTION).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _flatten(features: Features) -> dict[str, np.ndarray[Any, Any]]:
    from scipy.sparse import issparse

    entries = {PRESENT + name: np.asarray(mask) for name, mask in features.present.items()}
    entries |= {LENGTHS + name: np.asarray(n) for name, n in features.lengths.items()}
    for name, array in features.arrays.items():
        if issparse(array):
            entries |= {f"{name}/{part}": getattr(array, part) for part in SPARSE_PARTS}
        else:
            entries[name] = np.ascontiguousarray(array)
    return entries


def _open_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    # The torch reader maps the file and copies nothing; the numpy reader would copy every array.
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118


def _restore(entries: dict[str, np.ndarray[Any, Any]], modality: Modality) -> Array:
    if modality.name in entries:
        return entries[modality.name]
    from scipy.sparse import csr_matrix

    data, indices, indptr = (entries[f"{modality.name}/{part}"] for part in SPARSE_PARTS)
    shape = (len(indptr) - 1, modality.width)
    return csr_matrix((data, indices, indptr), shape=shape, copy=False)
