"""What one latent of a VAE does: how much it is used, what it goes with, what moving it changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from multimodal_study.metrics.bootstrap import Estimate, Resampling, resamples

if TYPE_CHECKING:
    from torch import Tensor

    from multimodal_study.data.batches import Batch
    from multimodal_study.models.mvae import MVAE

Array = np.ndarray[Any, Any]

FEWEST = 20
"""Rows below which nothing is said of a latent and a factor."""


def encode(network: MVAE, batches: Sequence[Batch]) -> tuple[Array, Array]:
    """Means of ``q(z|x)`` ``[n, z]`` and its KL to the prior per latent, nats ``[n, z]``.

    Of a mixture both are means over its components.
    """
    import torch

    means, nats = [], []
    with torch.no_grad():
        for batch in batches:
            posterior = network.vae.coder.mixture(network.code(batch))
            kl = posterior.weight[..., None] * posterior.components.kl_to_prior()
            means.append(posterior.expectation().float().numpy())
            nats.append(kl.sum(0).float().numpy())
    return np.concatenate(means), np.concatenate(nats)


def traverse(start: Array, latents: Sequence[int], positions: Array) -> Array:
    """Codes that differ from ``start`` in one latent: float32 ``[latents, positions, z]``.

    Args:
        start: ``[z]``.
        latents: Which are moved.
        positions: Values that a moved latent takes, in standard deviations of the prior.
    """
    codes = np.tile(start.astype(np.float32), (len(latents), len(positions), 1))
    for row, latent in enumerate(latents):
        codes[row, :, latent] = positions
    return codes


def decode(network: MVAE, codes: Array, names: Sequence[str]) -> dict[str, Array]:
    """Expected ``x`` of each of ``names``, in the units of the inputs: ``[..., width]``."""
    import torch

    with torch.no_grad():
        found: dict[str, Tensor] = network.vae.decode(torch.from_numpy(codes), names)
        return {name: x.numpy() for name, x in network.views.back(found).items()}


def risen(low: Array, high: Array, columns: Sequence[str], count: int) -> list[str]:
    """Columns whose expected share rises most from ``low`` to ``high`` (``[width]`` each).

    By the contribution ``high log(high / low)`` to the Kullback-Leibler divergence, so that
    neither the rarest nor the most frequent words win by that alone.
    """
    gain = high * np.log((high + 1e-9) / (low + 1e-9))
    best = np.argsort(-gain, kind="stable")[:count]
    return [columns[place] for place in best if gain[place] > 0]


def explained_share(
    code: Array, factor: Array, cluster: Array, resampling: Resampling | None = None
) -> Estimate:
    """Share of a latent's variance that a categorical factor explains, with its interval.

    The adjusted correlation ratio ``1 - (1 - eta^2) (n - 1) / (n - k)`` (Kelley 1935): 0 in
    expectation where they are independent, however many values the factor has; 1 where the factor
    fixes the latent. It may come out below 0.

    Args:
        code: Float ``[n]``.
        factor: Values ``[n]``.
        cluster: Rows that are not independent share it, ``[n]``.
        resampling: How the interval is made; None: no interval.

    Returns:
        NaN where there are fewer than 20 rows or one value. The interval covers the choice of rows;
        resamples repeat rows, which makes any ratio larger, so that they are moved to the value.
    """
    nothing = Estimate(*[float("nan")] * 3)
    values, level = np.unique(factor, return_inverse=True)
    if len(code) < FEWEST or len(values) < 2 or not np.ptp(code) > 0:  # noqa: PLR2004
        return nothing
    centred = (code - code.mean()) / code.std()
    member = np.eye(len(values))[level]
    sums = np.concatenate([member, member * centred[:, None], centred[:, None] ** 2], axis=1)
    found = float(_adjusted(sums.sum(0)[None], len(values))[0])
    if resampling is None:
        return Estimate(found, float("nan"), float("nan"))
    names, place = np.unique(cluster, return_inverse=True)
    grouped = np.zeros((len(names), sums.shape[1]))
    np.add.at(grouped, place, sums)
    drawn = np.concatenate(
        [
            _adjusted(weights.T @ grouped, len(values))
            for weights in resamples(len(names), len(code), resampling)
        ]
    )
    drawn = drawn - np.nanmean(drawn) + found
    tail = (1.0 - resampling.confidence) / 2.0
    low, high = np.nanquantile(drawn, [tail, 1.0 - tail])
    return Estimate(found, float(low), min(float(high), 1.0))


def _adjusted(sums: Array, k: int) -> Array:
    """The ratio ``[r]`` from counts and sums by value, and the sum of squares: ``[r, 2 k + 1]``."""
    count, total, squares = sums[:, :k], sums[:, k : 2 * k], sums[:, -1]
    n = count.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.where(count > 0, total**2 / np.maximum(count, 1e-12), 0.0).sum(1)
        mean = total.sum(1) ** 2 / n
        eta = (between - mean) / (squares - mean)
    seen = (count > 0).sum(1)
    return np.asarray(1.0 - (1.0 - eta) * (n - 1) / np.maximum(n - seen, 1))
