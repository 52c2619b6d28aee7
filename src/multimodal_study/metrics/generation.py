"""How well a generative model's modalities fit together, explain the data and serve a task.

Coherence (Shi et al. 2019) asks whether a generated modality shows what it was generated from, as
judged by a classifier trained on real data, the *oracle*. The literature reports it in two ways
that differ when classes do: the share of samples that are right, and the mean over classes of that
share. Both are here, beside the oracle's own figures on real data: no generator can be expected to
do better, and a coherence far above them means an oracle that guesses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Inverse regularisations of the linear probe; validation chooses."""


@dataclass(frozen=True)
class Coherence:
    """Shares in [0, 1] of samples that show the right class."""

    per_sample: float
    per_class: float
    """Mean over the classes that occur."""
    ceiling_per_sample: float | None
    """The oracle's own accuracy on real data; None where nothing judges but the model itself."""
    ceiling_per_class: float | None
    samples: int


def conditional_coherence(
    shown: Array, wanted: Array, oracle: tuple[Array, Array] | None = None
) -> Coherence:
    """Whether generated samples show the class of what they were generated from.

    Args:
        shown: Class that the oracle sees in each sample, int ``[n]``.
        wanted: Class of the row it was generated from, int ``[n]``.
        oracle: Predicted and true classes of real data, int ``[r]`` each; None where the generated
            modality is the class itself.

    Raises:
        ValueError: The arrays are empty or differ in length.
    """
    per_sample, per_class = _shares(shown, wanted)
    ceiling = (None, None) if oracle is None else _shares(*oracle)
    return Coherence(per_sample, per_class, ceiling[0], ceiling[1], len(wanted))


def joint_coherence(shown: Mapping[str, Array]) -> float:
    """Share of draws from the prior in whose modalities the oracles all see one class.

    It says nothing of whether the samples are good: a model that always draws one garment has 1.

    Args:
        shown: Modality to the class seen in each sample, int ``[n]``; at least two.

    Raises:
        ValueError: There are fewer than two modalities, or lengths differ.
    """
    seen = list(shown.values())
    if len(seen) < 2 or len({len(classes) for classes in seen}) != 1 or not len(seen[0]):  # noqa: PLR2004
        raise ValueError(
            f"joint coherence needs two modalities with as many samples, got"
            f" { {name: len(classes) for name, classes in shown.items()} }"
        )
    stacked = np.stack(seen)
    return float((stacked == stacked[0]).all(0).mean())


def reconstruction_error(x: Array, found: Array, present: Array | None = None) -> dict[str, float]:
    """Root mean squared error, and the share of the variance that is explained.

    Args:
        x: Float ``[n, d]``.
        found: Float ``[n, d]``: the expected ``x``.
        present: Rows that count, bool ``[n]``; None: all.

    Returns:
        ``rmse``, in the units of ``x``; ``explained``, ``1 - MSE / variance`` over all columns
        together (0 is as good as the columns' means); NaN where no row counts.
    """
    kept = np.ones(len(x), dtype=bool) if present is None else present
    if not kept.any():
        return {"rmse": float("nan"), "explained": float("nan")}
    x, found = x[kept].astype(np.float64), found[kept].astype(np.float64)
    error = float(np.square(x - found).mean())
    variance = float(x.var(axis=0).mean())
    explained = 1.0 - error / variance if variance > 0 else float("nan")
    return {"rmse": error**0.5, "explained": explained}


def linear_probe(
    train: tuple[Array, Array],
    validation: tuple[Array, Array],
    others: Sequence[Array],
    *,
    regression: bool = False,
) -> tuple[list[Array], float]:
    """What a linear model reads in a representation.

    Columns are standardised on train, unless they are sparse. A multinomial logistic regression, or
    ridge regression, whose strength is chosen by the loss on validation.

    Args:
        train: Representations float ``[n, d]``, dense or sparse, and targets ``[n]``.
        validation: The same, of the rows that choose.
        others: Representations to predict, float ``[r, d]`` each.
        regression: Whether targets are numbers.

    Returns:
        Probabilities ``[r, c]`` (predictions ``[r, 1]``) for each of ``others``, and the inverse
        regularisation that was chosen.
    """
    from scipy.sparse import issparse
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.metrics import log_loss
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # A rare word as wide as a common one would be noise.
    scale = [] if issparse(train[0]) else [StandardScaler()]

    def fit(strength: float) -> Any:
        model = (
            Ridge(alpha=1.0 / strength)
            if regression
            else LogisticRegression(C=strength, max_iter=2000, tol=1e-3)
        )
        return make_pipeline(*scale, model).fit(*train)

    def loss(model: Any) -> float:
        x, y = validation
        if regression:
            return float(np.square(model.predict(x) - y).mean())
        return float(log_loss(y, model.predict_proba(x), labels=model.classes_))

    chosen = min(STRENGTHS, key=lambda strength: loss(fit(strength)))
    model = fit(chosen)
    if regression:
        return [model.predict(x)[:, None] for x in others], chosen
    return [model.predict_proba(x) for x in others], chosen


def _shares(shown: Array, wanted: Array) -> tuple[float, float]:
    if len(shown) != len(wanted) or not len(wanted):
        raise ValueError(f"coherence needs as many classes, got {len(shown)} and {len(wanted)}")
    hit = np.asarray(shown) == np.asarray(wanted)
    classes = [hit[wanted == each].mean() for each in np.unique(wanted)]
    return float(hit.mean()), float(np.mean(classes))
