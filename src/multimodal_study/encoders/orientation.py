"""Cameras store a picture as the sensor saw it, and in EXIF how it is to be turned."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

logger = logging.getLogger(__name__)

UPRIGHT = 1
ON_ITS_SIDE = frozenset({5, 6, 7, 8})
"""Orientations in which width and height change places."""
_TAG = 0x0112


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; damaged EXIF counts as upright, as viewers have it."""
    try:
        value = int(image.getexif().get(_TAG, UPRIGHT))
    except Exception:  # Pillow's EXIF reader fails with whatever the damage leads to
        logger.debug("EXIF that cannot be read", exc_info=True)
        return UPRIGHT
    return value if value in _turns() else UPRIGHT


def upright(image: Image.Image, turned: int) -> Image.Image:
    """The picture as a viewer shows it, given its orientation ``turned``.

    Pillow's own ``exif_transpose`` also rewrites the EXIF block, and fails where that is damaged.
    """
    turn = _turns().get(turned)
    return image if turn is None else image.transpose(turn)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as a viewer shows them, in pixels; nothing is decoded."""
    side = orientation(image) in ON_ITS_SIDE
    return (image.height, image.width) if side else (image.width, image.height)


def _turns() -> dict[int, Image.Transpose]:
    """Orientation to the transposition that undoes it (EXIF 2.32, table 6)."""
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
