"""Picture files of unknown origin: what is wrong with them, and their pixels.

Files are read once, inside one folder, as one of five formats; nothing is decoded before the header
has shown that it is worth it. A picture whose colours Pillow turns into RGB without a choice to
make (grey, palette, one bit, transparent) is fine: transparency is laid on white. The others (CMYK,
16-bit grey) would need a colour profile or a scale, so that they are refused.
"""

from __future__ import annotations

import hashlib
import io
import logging
import stat
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import joblib
import numpy as np

from multimodal_study.encoders.orientation import ON_ITS_SIDE, orientation, upright, upright_size
from multimodal_study.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Reason = Literal[
    "missing",
    "outside_root",
    "empty",
    "unreadable",
    "not_an_image",
    "wrong_extension",
    "too_large",
    "animated",
    "cmyk",
    "unsupported_colours",
    "truncated",
]
SUFFIXES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".png": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP", "": None,
}  # fmt: skip
"""Suffix to the format that it promises; a name without one promises nothing."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""Only these are tried: other readers start programs (EPS) or have had too many holes."""
MAX_PIXELS = 50_000_000
MAX_BYTES = 64 * 2**20
_LOSSLESS = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})


@dataclass(frozen=True)
class Examined:
    """What is known about one picture file after it was read and decoded once."""

    sha256: str | None
    """Of the file's bytes, 64 hex digits; None where it was not read."""
    width: int | None
    """Pixels, as a viewer shows the picture (EXIF orientation applied); None: unknown."""
    height: int | None
    reason: Reason | None
    """Why the picture cannot be used; None: it can."""
    value: str
    """What was met instead of what was expected; empty for a good picture."""


class _Refused(Exception):
    """A picture that cannot be used, with its :class:`Examined` reason and value."""

    def __init__(self, reason: Reason, value: str) -> None:
        super().__init__(reason, value)
        self.reason: Reason = reason
        self.value = value


def examine(
    paths: Sequence[str | Path],
    *,
    root: Path,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    threads: int | None = None,
) -> list[Examined]:
    """Read and decode every file once, several at a time; bad pictures are results, not errors.

    Args:
        paths: ``n`` paths relative to ``root``. An absolute one, one with ``..`` and one that
            leads out of ``root`` through a link are refused unread.
        root: Folder that no read leaves.
        max_pixels: Width times height, looked up in the header before anything is decoded.
        max_bytes: Size of the file.
        threads: Files at a time; None: the cores this process may use.

    Returns:
        One :class:`Examined` per path, in their order.

    Raises:
        ValueError: ``root`` is no folder or a limit is out of range.
    """
    _check_limits(max_pixels, max_bytes)
    folder = Path(root)
    if not folder.is_dir():
        raise InputError(f"the folder of pictures {folder} does not exist; name one that does")
    folder = folder.resolve()

    def one(path: str | Path) -> Examined:
        return _examine(path, folder, max_pixels, max_bytes)

    # The filter belongs to the process, so it is set once around all threads.
    with warnings.catch_warnings(), ThreadPoolExecutor(threads or joblib.cpu_count()) as pool:
        warnings.simplefilter("ignore")
        found = list(pool.map(one, paths))
    bad = sum(item.reason is not None for item in found)
    logger.info("%d pictures read, %d of them cannot be used", len(found), bad)
    return found


def load_picture(
    path: Path,
    *,
    root: Path | None = None,
    at_least: tuple[int, int] | None = None,
) -> Pixels:
    """:func:`open_picture` as uint8 RGB ``[height, width, 3]``."""
    return np.asarray(open_picture(path, root=root, at_least=at_least))


def open_picture(
    path: Path,
    *,
    root: Path | None = None,
    at_least: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> Image.Image:
    """A picture as a viewer shows it, decoded, in RGB.

    Args:
        path: The file; relative to ``root`` where that is given, and then never outside it.
        root: See :func:`examine`; None: ``path`` is the caller's own and is taken as it is.
        at_least: Width and height that suffice: a JPEG may come out at 1/2, 1/4 or 1/8 of its
            size, but never below these, which saves most of its decoding. None: full size.
        max_pixels: See :func:`examine`.
        max_bytes: See :func:`examine`.

    Raises:
        ValueError: The picture cannot be used, with the file and the reason.
    """
    _check_limits(max_pixels, max_bytes)
    try:
        place = Path(path) if root is None else _inside(path, Path(root).resolve())
        image = _open(_read(place, max_bytes), place.suffix, max_pixels)
        return _decode(image, at_least)
    except _Refused as refused:
        raise InputError(
            f"{path}: {refused.reason} ({refused.value}); leave out what `examine` refuses"
        ) from refused


def _check_limits(max_pixels: int, max_bytes: int) -> None:
    from PIL import Image

    own = Image.MAX_IMAGE_PIXELS or max_pixels
    if not 1 <= max_pixels <= own:
        raise InputError(f"max_pixels is {max_pixels}, expected 1 to {own}, Pillow's own limit")
    if max_bytes < 1:
        raise InputError(f"max_bytes is {max_bytes}, it must be at least 1")


def _examine(path: str | Path, root: Path, max_pixels: int, max_bytes: int) -> Examined:
    digest: str | None = None
    width: int | None = None
    height: int | None = None
    try:
        place = _inside(path, root)
        raw = _read(place, max_bytes)
        digest = hashlib.sha256(raw).hexdigest()
        image = _open(raw, place.suffix, max_pixels)
        width, height = upright_size(image)
        _check_sums(raw, image)
        # The smallest scale reads the whole file too, so that a cut shows.
        _decode(image, (1, 1))
    except _Refused as refused:
        return Examined(digest, width, height, refused.reason, refused.value)
    return Examined(digest, width, height, None, "")


def _inside(path: str | Path, root: Path) -> Path:
    """Where ``path`` lies below ``root``, links followed; ``root`` must be resolved."""
    given = Path(path)
    if given.is_absolute() or ".." in given.parts:
        raise _Refused("outside_root", str(path))
    try:
        # The file's own name decides about its suffix, so only its folder counts as resolved.
        target = (root / given).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL byte, a loop of links
        raise _Refused("missing", f"{path!r}: {error}") from error
    if not target.is_relative_to(root):
        raise _Refused("outside_root", str(path))
    return root / given


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise _Refused("not_an_image", "a folder")
        if not stat.S_ISREG(found.st_mode):
            raise _Refused("not_an_image", "no regular file")
        if found.st_size > max_bytes:
            raise _Refused("too_large", f"{found.st_size:,} bytes, at most {max_bytes:,}")
        with path.open("rb") as file:
            # A file that still grows must not fill the memory.
            raw = file.read(max_bytes + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise _Refused("missing", path.name) from error
    except OSError as error:
        raise _Refused("unreadable", str(error)) from error
    if not raw:
        raise _Refused("empty", "0 bytes")
    if len(raw) > max_bytes:
        raise _Refused("too_large", f"more than {max_bytes:,} bytes")
    return raw


def _open(raw: bytes, suffix: str, max_pixels: int) -> Image.Image:
    """The picture with its header read and nothing decoded, if all is as it should be."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
    except UnidentifiedImageError as error:
        start = raw[:8].hex(" ")
        expected = ", ".join(FORMATS)
        raise _Refused("not_an_image", f"starts with {start}, not as {expected}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _Refused("too_large", str(error)) from error
    except Exception as error:  # a header can be wrong in more ways than Pillow has classes for
        raise _Refused("truncated", f"header: {type(error).__name__}: {error}") from error
    # Cameras put further views or a preview behind a JPEG; the first is the picture.
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    if SUFFIXES.get(suffix.lower(), "another") not in {kind, None}:
        raise _Refused("wrong_extension", f"{kind} in a file called *{suffix}")
    if image.width * image.height > max_pixels:
        raise _Refused(
            "too_large", f"{image.width:,} x {image.height:,} pixels, at most {max_pixels:,}"
        )
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise _Refused("animated", f"{kind} with more than one frame")
    if image.mode == "CMYK":
        raise _Refused("cmyk", f"{kind} in CMYK")
    if image.mode not in _LOSSLESS:
        raise _Refused("unsupported_colours", f"{kind} in mode {image.mode}")
    return image


def _check_sums(raw: bytes, image: Image.Image) -> None:
    """Compare a PNG's checksums, which decoding leaves aside; the other formats have none."""
    from PIL import Image

    if image.format != "PNG":
        return
    try:
        Image.open(io.BytesIO(raw), formats=("PNG",)).verify()
    except Exception as error:
        raise _Refused("truncated", f"{type(error).__name__}: {error}") from error


def _decode(image: Image.Image, at_least: tuple[int, int] | None) -> Image.Image:
    """RGB, upright, on white."""
    from PIL import Image

    turned = orientation(image)
    try:
        if at_least is not None:
            wanted = at_least[::-1] if turned in ON_ITS_SIDE else at_least
            image.draft(None, wanted)  # only JPEG has scales
        image.load()
        if image.has_transparency_data:
            layer = image.convert("RGBA")
            white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
            rgb = Image.alpha_composite(white, layer).convert("RGB")
        else:
            # Pillow copies even where nothing is to be converted.
            rgb = image if image.mode == "RGB" else image.convert("RGB")
    except Exception as error:  # damaged data fails with OSError, SyntaxError, struct.error ...
        raise _Refused("truncated", f"{type(error).__name__}: {error}") from error
    return upright(rgb, turned)
