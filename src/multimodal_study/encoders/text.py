"""Texts to sentence vectors with a frozen transformer.

Speed comes from four things: one graph with fused attention in ONNX Runtime, texts sorted by
length, batches of about equally many tokens rather than texts, and one thread per batch with
as many batches at a time as there are cores.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import joblib
import numpy as np
from tqdm import tqdm

from multimodal_study.encoders.cache import FeatureCache, digest_texts
from multimodal_study.encoders.padding import pad, token_batches
from multimodal_study.encoders.text_model import PACKAGED, RECIPE, find_model
from multimodal_study.errors import InputError

logger = logging.getLogger(__name__)

Backend = Literal["onnxruntime", "torch"]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Halves = np.ndarray[Any, np.dtype[np.float16]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Run = Callable[[tuple[str, ...], Ints, Ints], list[Floats]]
Consume = Callable[[Ints, list[Floats], Ints], None]

DEFAULT_CACHE = Path("data/04_feature/cache")
TOKENS_PER_BATCH = 1024
"""Padded tokens of a batch: small enough for the caches of a core, see benchmarks/encoder.py."""
_SHORTEST = 3
_BLOCK = 16_384
"""Texts that are tokenised and sorted together: bounds the memory that token ids take."""


class TextEncoder:
    """A frozen sentence encoder; nothing is loaded before the first text is encoded.

    Args:
        model: ``all-MiniLM-L6-v2`` (comes with the project, no network), the folder of a
            transformer, or a Hugging Face id (asks the hub).
        max_tokens: Tokens of a text that are looked at, special tokens included.
        backend: ``onnxruntime``, or ``torch``, the reference. If the first cannot take a model,
            torch is used with a warning, and :attr:`identity` says so.
        layers: Layers whose pooled states stand side by side, 0 being the embedding; None: the
            model's own sentence vector.
        cache: Folder in which the exported graph is kept.
        threads: Batches at a time; None: the cores this process may use.

    Raises:
        ValueError: A parameter is out of range or the model cannot be had.
    """

    def __init__(
        self,
        model: str = PACKAGED,
        *,
        max_tokens: int = 256,
        backend: Backend = "onnxruntime",
        layers: Sequence[int] | None = None,
        cache: Path = DEFAULT_CACHE,
        threads: int | None = None,
    ) -> None:
        if backend not in get_args(Backend):
            raise InputError(f"text.backend is {backend!r}, expected one of {get_args(Backend)}")
        self.model = replace(find_model(model), layers=tuple(layers or ()))
        if not _SHORTEST <= max_tokens <= self.model.longest:
            raise InputError(
                f"text.max_tokens is {max_tokens}, {self.model.name} takes {_SHORTEST} to "
                f"{self.model.longest}"
            )
        if threads is not None and threads < 1:
            raise InputError(f"text.threads is {threads}, it must be at least 1 or null")
        self.max_tokens = max_tokens
        self.backend: Backend = backend
        self.fallback: str | None = None
        self.threads = threads or joblib.cpu_count()
        self._cache = Path(cache)
        self._run: Run | None = None
        self._tokenizer: Any = None

    @property
    def width(self) -> int:
        """Length ``d`` of a sentence vector."""
        return self.model.vector_width

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the numbers, as JSON: a part of the cache key, and provenance."""
        identity: dict[str, Any] = {
            "model": self.model.name,
            "digest": self.model.digest,
            "max_tokens": self.max_tokens,
            "pooling": self.model.pooling,
            "normalise": self.model.normalise and not self.model.layers,
            "layers": list(self.model.layers),
            "backend": self.backend,
            "version": _version(self.backend),
        }
        return identity | ({"fallback": self.fallback} if self.fallback else {})

    def load(self) -> None:
        """Load tokeniser and network now; may switch :attr:`backend` to torch, with a warning."""
        if self._run is not None:
            return
        from transformers import AutoTokenizer

        # With local files only, no hub is asked even where the folder lacks a file.
        self._tokenizer = AutoTokenizer.from_pretrained(
            str(self.model.folder), use_fast=True, local_files_only=True
        )
        if self.backend == "onnxruntime":
            try:
                from multimodal_study.encoders.text_graph import open_graph

                self._run = _onnx_run(open_graph(self.model, self._cache))
                return
            except InputError:
                raise
            except Exception as error:
                self.backend = "torch"
                self.fallback = f"onnxruntime: {type(error).__name__}: {str(error)[:200]}"
                logger.warning(
                    "ONNX Runtime cannot run %s, torch does (slower): %s",
                    self.model.name,
                    self.fallback,
                )
        self._run = _torch_run(self.model)

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> Floats:
        """Sentence vectors: float32 ``[n, d]``, in the order of ``texts``.

        Scaled to length 1 where the model's own recipe says so (MiniLM does). Equal texts are
        encoded once.
        """
        distinct = list(dict.fromkeys(texts))
        vectors = np.empty((len(distinct), self.width), dtype=np.float32)

        def keep(rows: Ints, found: list[Floats], _: Ints) -> None:
            vectors[rows] = found[0]

        self._each_batch(distinct, ("pooled",), keep, progress)
        if len(distinct) == len(texts):
            return vectors
        place = {text: row for row, text in enumerate(distinct)}
        return vectors[[place[text] for text in texts]]

    def token_states(self, texts: Sequence[str], *, progress: bool = False) -> tuple[Halves, Ints]:
        """States of the last layer, padding left out: float16 ``[sum t, d]``, int64 ``[n + 1]``.

        The states of text ``i`` are ``values[offsets[i]:offsets[i + 1]]``, special tokens included.
        """
        parts: list[Halves] = [np.empty((0, self.model.width), np.float16)] * len(texts)

        def keep(rows: Ints, found: list[Floats], lengths: Ints) -> None:
            _cut(parts, rows, found[0], lengths)

        self._each_batch(texts, ("states",), keep, progress)
        return _ragged(parts, self.model.width)

    def vectors_and_states(
        self, texts: Sequence[str], *, progress: bool = False
    ) -> tuple[Floats, Halves, Ints]:
        """What :meth:`encode` and :meth:`token_states` return, in one pass."""
        vectors = np.empty((len(texts), self.width), dtype=np.float32)
        parts: list[Halves] = [np.empty((0, self.model.width), np.float16)] * len(texts)

        def keep(rows: Ints, found: list[Floats], lengths: Ints) -> None:
            vectors[rows] = found[0]
            _cut(parts, rows, found[1], lengths)

        self._each_batch(texts, ("pooled", "states"), keep, progress)
        return vectors, *_ragged(parts, self.model.width)

    def _each_batch(
        self, texts: Sequence[str], outputs: tuple[str, ...], consume: Consume, progress: bool
    ) -> None:
        """Call ``consume(rows, outputs, lengths)`` for every batch, from several threads."""
        self.load()
        run = self._run
        if run is None:  # load() sets it or raises
            raise RuntimeError("the text encoder is not loaded")
        # Torch has its own threads inside a batch.
        workers = self.threads if self.backend == "onnxruntime" else 1
        with (
            ThreadPoolExecutor(workers) as pool,
            tqdm(
                total=len(texts), desc="text", unit="text", disable=None if progress else True
            ) as bar,
        ):
            for start in range(0, len(texts), _BLOCK):
                tokens = self._tokens(texts[start : start + _BLOCK])
                lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)

                def work(
                    rows: Ints, start: int = start, tokens: Any = tokens, lengths: Ints = lengths
                ) -> int:
                    consume(rows + start, run(outputs, *pad(tokens, lengths, rows)), lengths[rows])
                    return len(rows)

                for done in pool.map(work, token_batches(lengths, TOKENS_PER_BATCH)):
                    bar.update(done)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        # A lone surrogate cannot cross into the tokeniser's UTF-8.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        encoded = self._tokenizer(
            clean,
            truncation=True,
            max_length=self.max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids


def encode_cached(
    encoder: TextEncoder, texts: Sequence[str], cache: FeatureCache, *, progress: bool = False
) -> Floats:
    """``encoder.encode(texts)``, taken from ``cache`` where the same was encoded before.

    What torch made as a fallback is kept under torch's own key, never as ONNX Runtime's.
    """
    digest = digest_texts(texts)

    def key() -> str:
        identity = {name: part for name, part in encoder.identity.items() if name != "fallback"}
        return cache.key({"what": "text", "texts": digest, **identity})

    wanted = key()
    found = cache.get(wanted)
    if found is None:
        encoder.load()
        if key() != wanted:
            found = cache.get(key())
    if found is None:
        found = {"text": encoder.encode(texts, progress=progress)}
        cache.put(key(), found)
    return found["text"]


def _cut(parts: list[Halves], rows: Ints, states: Floats, lengths: Ints) -> None:
    """Keep the states ``[b, t, d]`` of the rows without their padding."""
    for row, own, length in zip(rows, states, lengths, strict=True):
        parts[row] = own[:length].astype(np.float16)


def _ragged(parts: list[Halves], width: int) -> tuple[Halves, Ints]:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return (np.concatenate(parts) if parts else np.empty((0, width), np.float16)), offsets


def _onnx_run(session: Any) -> Run:
    def run(outputs: tuple[str, ...], ids: Ints, mask: Ints) -> list[Floats]:
        found: list[Floats] = session.run(outputs, {"input_ids": ids, "attention_mask": mask})
        return found

    return run


def _torch_run(model: Any) -> Run:
    import torch

    from multimodal_study.encoders.text_graph import Pooled

    network = Pooled(model)

    def run(outputs: tuple[str, ...], ids: Ints, mask: Ints) -> list[Floats]:
        with torch.inference_mode():
            made = network(torch.from_numpy(ids), torch.from_numpy(mask))
        found = dict(zip(("states", "pooled"), made, strict=True))
        return [found[name].numpy() for name in outputs]

    return run


def _version(backend: Backend) -> str:
    packages = (backend, "transformers", "tokenizers")
    return " ".join([f"recipe {RECIPE}", *(f"{name} {version(name)}" for name in packages)])
