"""Joint representations in two dimensions, for the eye; ``latent_structure`` measures them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from multimodal_study.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from multimodal_study.contract import Features

    Array = np.ndarray[Any, Any]

POINTS = ["paradigm", "projection", "seed", "example_id", "label", "x", "y"]
FEWEST, MOST = 10, 500
PERPLEXITY, STEPS = 30.0, 500
"""Of t-SNE (van der Maaten and Hinton 2008)."""
JOINT = "/joint"


def latent_map(
    features: Features,
    embeddings_by_paradigm: Mapping[str, Mapping[str, Array]],
    interpretation: dict[str, Any],
    seed: int,
) -> pd.DataFrame:
    """PCA and t-SNE (cosine distance, started from PCA) of the first seed's joint representation.

    Args:
        features: The dataset's.
        embeddings_by_paradigm: ``rows`` ``[n]`` and ``<seed>/joint`` ``[n, d]`` of each.
        interpretation: ``map_examples``, 10 to 500: test examples, the same for every paradigm.
        seed: Of the sample and of t-SNE.

    Returns:
        One row per point; the columns are :data:`POINTS`. ``label`` is the class, or the number.

    Raises:
        InputError: ``map_examples`` is out of range.
    """
    import numpy as np
    import pandas as pd

    most = interpretation["map_examples"]
    if not isinstance(most, int) or not FEWEST <= most <= MOST:
        raise InputError(f"interpretation.map_examples is {most!r}, expected {FEWEST} to {MOST}")
    rows = features.rows("test")
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    if len(rows) < FEWEST:
        return pd.DataFrame(columns=POINTS)
    examples = features.examples.iloc[rows]
    target = examples["target"].to_numpy()
    classes = np.asarray(features.task.classes, dtype=object)
    label = classes[target.astype(int)] if len(classes) else target
    known = {"example_id": examples["example_id"].to_numpy(), "label": label}
    tables = []
    for paradigm, saved in embeddings_by_paradigm.items():
        names = sorted(name for name in saved if name.endswith(JOINT))
        if not names:
            continue
        place = {row: at for at, row in enumerate(saved["rows"].tolist())}
        space = saved[names[0]][[place[row] for row in rows.tolist()]].astype(np.float64)
        for projection, found in _projections(space, seed).items():
            tables.append(
                pd.DataFrame(
                    {"paradigm": paradigm, "projection": projection}
                    | {"seed": int(names[0].removesuffix(JOINT)), **known}
                    | {"x": found[:, 0], "y": found[:, 1]}
                )
            )
    return pd.concat(tables, ignore_index=True)[POINTS] if tables else pd.DataFrame(columns=POINTS)


def _projections(space: Array, seed: int) -> dict[str, Array]:
    """``[n, 2]`` by projection, scaled to a deviation of 1 along the first axis."""
    import numpy as np
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    # Where all points are one, there is no direction to find.
    spread = bool(np.ptp(space, axis=0).any()) and space.shape[1] > 1
    plain = PCA(2, random_state=seed).fit_transform(space) if spread else np.zeros((len(space), 2))
    perplexity = min(PERPLEXITY, (len(space) - 1) / 3)
    # A direction has no meaning for a vector of length zero; a constant keeps the cosine defined.
    directed = np.where(np.linalg.norm(space, axis=1, keepdims=True) > 0, space, 1e-12)
    start = plain / max(float(plain[:, 0].std()), 1e-12) * 1e-4
    near = TSNE(
        2,
        perplexity=perplexity,
        metric="cosine",
        init=start.astype(np.float32),
        max_iter=STEPS,
        random_state=seed,
    ).fit_transform(directed)
    return {
        name: found / max(float(found[:, 0].std()), 1e-12)
        for name, found in (("PCA", plain), ("t-SNE", near))
    }
