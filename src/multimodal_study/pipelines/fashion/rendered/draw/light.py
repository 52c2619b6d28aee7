"""Light and camera noise: the last step, over the whole picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

_NOISE = 2.5
"""Standard deviation of the camera's noise, in grey levels."""
_WHITE: dict[str, tuple[float, float, float]] = {
    "even": (1.0, 1.0, 1.0),
    "from the side": (1.0, 1.0, 1.0),
    "warm": (1.08, 0.98, 0.78),
    "dim": (0.56, 0.58, 0.66),
}
"""Light to the gain of red, green and blue."""


def lit(image: Image.Image, light: str, rng: np.random.Generator) -> Image.Image:
    """The picture under a light, with noise; the draws do not depend on the light."""
    pixels = np.asarray(image, dtype=np.float32)
    noise = rng.normal(0, _NOISE, size=pixels.shape[:2]).astype(np.float32)[..., None]
    right = bool(rng.integers(2))
    out = pixels * np.asarray(_WHITE[light], dtype=np.float32)
    if light == "from the side":
        fall = np.linspace(1.2, 0.42, pixels.shape[1], dtype=np.float32)
        out = out * (fall[::-1] if right else fall)[None, :, None]
    return Image.fromarray(np.clip(out + noise, 0, 255).astype(np.uint8))
