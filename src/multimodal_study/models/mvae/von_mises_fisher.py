"""Logarithm of the von Mises-Fisher normaliser, differentiable and stable in any dimension."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

_ORDERS_UP = 24
"""Orders above the wanted one at which the expansion starts; its error falls with the order."""


def log_bessel(order: float, kappa: Tensor) -> tuple[Tensor, Tensor]:
    """``log I_v(kappa)`` and the ratio ``I_{v+1}(kappa) / I_v(kappa)``.

    At a high order the uniform asymptotic expansion (Olver, DLMF 10.41.3) is exact to float64;
    from there the ratios are carried down by ``1 / r_v = 2 (v + 1) / kappa + r_{v+1}`` (DLMF
    10.29.1), which is stable in this direction.
    """
    k = kappa.double()
    top = order + _ORDERS_UP
    log_value = _expansion(top, k)
    ratio = (_expansion(top + 1, k) - log_value).exp()
    for up in range(_ORDERS_UP - 1, -1, -1):
        ratio = 1.0 / (2.0 * (order + up + 1) / k + ratio)
        log_value = log_value - ratio.log()
    return log_value, ratio


def _expansion(order: float, kappa: Tensor) -> Tensor:
    scaled = kappa / order
    root = (1.0 + scaled.square()).sqrt()
    t = 1.0 / root
    eta = root + (scaled / (1.0 + root)).log()
    t2 = t * t
    u1 = t * (3 - 5 * t2) / 24
    u2 = t2 * (81 - 462 * t2 + 385 * t2**2) / 1152
    u3 = t * t2 * (30375 - 369603 * t2 + 765765 * t2**2 - 425425 * t2**3) / 414720
    series = 1 + u1 / order + u2 / order**2 + u3 / order**3
    return order * eta - 0.5 * math.log(2 * math.pi * order) - 0.5 * root.log() + series.log()


class _LogNormaliser(torch.autograd.Function):
    """``log C_d(kappa)``; its derivative is minus the mean resultant length ``I_{v+1} / I_v``."""

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, d: int) -> Tensor:
        order = d / 2 - 1
        log_value, ratio = log_bessel(order, kappa)
        ctx.save_for_backward(ratio.to(kappa.dtype))
        log_kappa = kappa.double().log()
        value = order * log_kappa - (d / 2) * math.log(2 * math.pi) - log_value
        return value.to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (ratio,) = ctx.saved_tensors
        return -grads[0] * ratio, None


def log_normaliser(d: int, kappa: Tensor) -> Tensor:
    """``log C_d(kappa) = (d/2 - 1) log kappa - (d/2) log(2 pi) - log I_{d/2-1}(kappa)``.

    Args:
        d: Length of the unit vectors, at least 2.
        kappa: Concentration above 0, any shape.
    """
    found: Tensor = _LogNormaliser.apply(kappa, d)  # type: ignore[no-untyped-call]
    return found
