"""Pictures to vectors and region grids with a frozen vision model.

Speed comes from ONNX Runtime, from small batches that stay in the caches of a core, and from one
thread per batch: it decodes its pictures and then runs the network on them, with as many batches at
a time as there are cores. Nothing waits for anything, and both kinds of work share all cores.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import joblib
import numpy as np
from tqdm import tqdm

from multimodal_study.encoders.array_file import Arrays
from multimodal_study.encoders.cache import FeatureCache
from multimodal_study.encoders.image_model import (
    MEAN,
    PACKAGED,
    RECIPE,
    SCALE,
    SPARE,
    STRIDE,
    Crop,
    Pixels,
    Prepare,
    find_model,
    preparation,
)
from multimodal_study.encoders.pictures import open_picture
from multimodal_study.errors import InputError

if TYPE_CHECKING:
    from multimodal_study.encoders.image_graph import Run

logger = logging.getLogger(__name__)

Backend = Literal["onnxruntime", "torch"]
Picture = Path | str | Pixels
Floats = np.ndarray[Any, np.dtype[np.float32]]

DEFAULT_CACHE = Path("data/04_feature/cache")
BATCH = 4
"""Pictures of a batch: small enough for the caches of a core, see benchmarks/image_encoder.py."""
BLOCK = 1024
"""Pictures between two points from which an interrupted encoding goes on."""
POOLED, REGIONS = "image", "regions"
_LARGEST = 2048


class Encoded(NamedTuple):
    """What the encoder makes of ``n`` pictures."""

    pooled: Floats
    """Float32 ``[n, d]``."""
    regions: np.ndarray[Any, np.dtype[np.float16]] | None
    """Cells of the grid, row by row: float16 ``[n, t, e]``; None if they were not asked for."""


class ImageEncoder:
    """A frozen vision model; nothing is loaded before the first picture is encoded.

    Args:
        model: ``efficientnet-lite0`` (comes with the project, no network), the folder of a
            transformers vision model or CLIP, or a Hugging Face id (asks the hub).
        size: Pixels of a side that the packaged model sees; other models bring their own size.
        crop: ``squash`` or ``centre``, see ``image_model.to_square``; the packaged model only.
        backend: ``onnxruntime``, or ``torch``, the reference. If the first cannot take a model,
            torch is used with a warning, and :attr:`identity` says so.
        cache: Folder in which the exported graph is kept.
        threads: Batches at a time; None: the cores this process may use.

    Raises:
        ValueError: A parameter is out of range or the model cannot be had.
    """

    def __init__(
        self,
        model: str = PACKAGED,
        *,
        size: int = 160,
        crop: Crop = "squash",
        backend: Backend = "onnxruntime",
        cache: Path = DEFAULT_CACHE,
        threads: int | None = None,
    ) -> None:
        for name, value, choices in (
            ("backend", backend, get_args(Backend)),
            ("crop", crop, get_args(Crop)),
        ):
            if value not in choices:
                raise InputError(f"encoders.image.{name} is {value!r}, expected one of {choices}")
        if not STRIDE <= size <= _LARGEST:
            raise InputError(f"encoders.image.size is {size}, expected {STRIDE} to {_LARGEST}")
        if threads is not None and threads < 1:
            raise InputError(f"encoders.image.threads is {threads}, expected null or at least 1")
        self.model = find_model(model)
        self.size, self.crop = size, crop
        self.backend: Backend = backend
        self.fallback: str | None = None
        self.threads = threads or joblib.cpu_count()
        self._cache = Path(cache)
        self._run: Run | None = None
        self._prepare: Prepare | None = None
        self._enough: tuple[int, int] | None = None
        self._shapes: tuple[int, tuple[int, int]] = (0, (0, 0))

    @property
    def width(self) -> int:
        """Length ``d`` of a pooled vector; loads the network."""
        self.load()
        return self._shapes[0]

    @property
    def grid(self) -> tuple[int, int]:
        """Cells ``t`` of the grid and the width ``e`` of each; loads the network."""
        self.load()
        return self._shapes[1]

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the numbers, as JSON: a part of the cache key, and provenance."""
        own: dict[str, Any] = {"by": "the model's own image processor"}
        if self.model.folder is None:
            own = {"size": self.size, "crop": self.crop, "resample": "bicubic"}
            own |= {"mean": MEAN, "scale": SCALE, "jpeg_spare": SPARE}
        identity: dict[str, Any] = {
            "model": self.model.name,
            "digest": self.model.digest,
            "preprocessing": own,
            "backend": self.backend,
            "version": _version(self.backend, packaged=self.model.folder is None),
        }
        return identity | ({"fallback": self.fallback} if self.fallback else {})

    def load(self) -> None:
        """Load the network now; may switch :attr:`backend` to torch, with a warning."""
        if self._run is not None:
            return
        self._prepare, self._enough = preparation(self.model, self.size, self.crop)
        if self.model.folder is not None:
            logger.info("%s brings its own preprocessing; size and crop rest", self.model.name)
        noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
        probe = np.stack([self._prepare(picture) for picture in noise])
        run = self._open(probe)
        pooled, regions = run(probe)
        self._shapes = (pooled.shape[1], (regions.shape[1], regions.shape[2]))
        self._run = run

    def encode(
        self, pictures: Sequence[Picture], *, regions: bool = True, progress: bool = False
    ) -> Encoded:
        """Vectors and region grids of pictures, in their order.

        Args:
            pictures: Files that ``pictures.examine`` found usable, or uint8 ``[h, w, 3]`` arrays.
            regions: Whether the grids are wanted too.
            progress: Show a bar.

        Raises:
            ValueError: A picture cannot be read.
        """
        self.load()
        n = len(pictures)
        pooled = np.empty((n, self.width), np.float32)
        cells = np.empty((n, *self.grid), np.float16) if regions else None
        self.encode_into(pictures, pooled, cells, progress=progress)
        return Encoded(pooled, cells)

    def encode_into(
        self,
        pictures: Sequence[Picture],
        pooled: Floats,
        regions: np.ndarray[Any, np.dtype[np.float16]] | None,
        *,
        progress: bool = False,
    ) -> None:
        """As :meth:`encode`, batch by batch into arrays that may be memory-mapped."""
        self.load()
        run = self._run
        if run is None:  # load() sets it or raises
            raise RuntimeError("the image encoder is not loaded")
        hidden = None if progress else True

        def work(start: int) -> int:
            rows = slice(start, start + BATCH)
            inputs = np.stack([self._input(picture) for picture in pictures[rows]])
            vectors, cells = run(inputs)
            pooled[rows] = vectors
            if regions is not None:
                regions[rows] = cells
            return len(inputs)

        pool = ThreadPoolExecutor(self.threads)
        with tqdm(total=len(pictures), desc="image", unit="image", disable=hidden) as bar:
            try:
                for done in pool.map(work, range(0, len(pictures), BATCH)):
                    bar.update(done)
            finally:
                # After a bad picture or Ctrl-C, what has not begun never does.
                pool.shutdown(cancel_futures=True)

    def _input(self, picture: Picture) -> np.ndarray[Any, Any]:
        if self._prepare is None:  # load() sets it or raises
            raise RuntimeError("the image encoder is not loaded")
        if isinstance(picture, np.ndarray):
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:  # noqa: PLR2004
                raise InputError(
                    f"a picture is {picture.dtype} {picture.shape}, expected uint8 [h, w, 3]"
                )
            return self._prepare(picture)
        return self._prepare(open_picture(Path(picture), at_least=self._enough))

    def _open(self, probe: np.ndarray[Any, Any]) -> Run:
        from multimodal_study.encoders import image_graph

        if self.backend == "onnxruntime":
            try:
                return image_graph.onnx_run(self.model, self.size, probe, self._cache)
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
        return image_graph.torch_run(self.model, self.size)


def encode_pictures_cached(
    encoder: ImageEncoder,
    pictures: Sequence[Picture],
    digests: Sequence[str],
    cache: FeatureCache,
    *,
    regions: bool = True,
    progress: bool = False,
) -> Arrays:
    """``encoder.encode(pictures)`` from ``cache``; what is missing there is encoded and kept.

    A block of pictures is kept as soon as it is done, so that an interrupted encoding goes on where
    it was. Memory holds one block, however many pictures there are. What torch made as a fallback
    is kept under torch's own key, never as ONNX Runtime's.

    Args:
        encoder: Loaded only if something is missing.
        pictures: ``n`` files or arrays.
        digests: Content hash of each (``pictures.Examined.sha256``); the key with the identity.
        cache: Where the arrays are kept.
        regions: Whether the grids are wanted too.
        progress: Show a bar per block.

    Returns:
        ``image`` float32 ``[n, d]`` and ``regions`` float16 ``[n, t, e]``, memory-mapped.

    Raises:
        ValueError: The numbers of pictures and digests differ, or a picture cannot be read.
    """
    if len(pictures) != len(digests):
        raise InputError(f"{len(pictures)} pictures with {len(digests)} digests, expected as many")

    def key(rows: slice) -> str:
        identity = {name: part for name, part in encoder.identity.items() if name != "fallback"}
        of = list(digests[rows])
        return cache.key({"what": "image", "of": of, "regions": regions, **identity})

    def block(rows: slice) -> Arrays:
        made = encoder.encode(pictures[rows], regions=regions, progress=progress)
        return {POOLED: made.pooled} | ({} if made.regions is None else {REGIONS: made.regions})

    whole = slice(0, len(pictures))
    wanted = key(whole)
    found = cache.get(wanted)
    if found is not None:
        return found
    encoder.load()
    if key(whole) != wanted and (found := cache.get(key(whole))) is not None:
        return found
    if len(pictures) <= BLOCK:
        found = block(whole)
        cache.put(key(whole), found)
        return cache.get(key(whole)) or found
    layout: dict[str, Any] = {POOLED: ((len(pictures), encoder.width), np.float32)}
    layout |= {REGIONS: ((len(pictures), *encoder.grid), np.float16)} if regions else {}
    return cache.gather(key(whole), layout, BLOCK, key, block)


def _version(backend: Backend, *, packaged: bool) -> str:
    packages = (backend, "pillow", *(() if packaged else ("transformers",)))
    return " ".join([f"recipe {RECIPE}", *(f"{name} {version(name)}" for name in packages)])
