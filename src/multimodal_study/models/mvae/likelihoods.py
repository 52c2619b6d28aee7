"""Observation models ``log p(x | decoded)`` summed over a row's numbers, in nats.

``decoded`` is what a decoder returns, ``[..., b, d]`` with any leading axes (samples, subsets);
``x`` is ``[b, d]``; the result is ``[..., b]``. Two are pseudo-likelihoods and are comparable only
with the same choice: Bernoulli of grey values in [0, 1] (as in Wu & Goodman 2018), and the
multinomial without its coefficient, which for counts differs by a constant of the row alone and
for tf-idf weights is a weighted cross-entropy (Liang et al. 2018).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import Likelihood as Name
from multimodal_study.models.mvae.von_mises_fisher import log_normaliser

_LOG_TWO_PI = math.log(2 * math.pi)
_MATRIX = 2
_BLOCK = 256
"""Rows of a block: with a thousand numbers each it stays in a core's cache."""
_SMALLEST_LOG_SCALE, _LARGEST_LOG_SCALE = -4.0, 4.0


class Likelihood(nn.Module):
    """One modality's observation model; ``d`` is the width of a row."""

    invents_scale: ClassVar[bool] = False
    """Whether inputs are standardised first: the model has no scale of its own to find."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.d = d

    def forward(self, decoded: Tensor, x: Tensor) -> Tensor:
        """``log p(x | decoded)``, nats ``[..., b]``."""
        raise NotImplementedError

    def mean(self, decoded: Tensor) -> Tensor:
        """Expected ``x`` ``[..., b, d]``; proportions where ``x`` are counts."""
        return decoded

    def size(self, x: Tensor) -> float:
        """Numbers that a row observes, for scaling by modality size: mean over ``x``."""
        return float(self.d)


class Normal(Likelihood):
    """``N(x; decoded, sigma^2)``, one learned ``sigma`` per modality (Rybkin et al. 2021)."""

    invents_scale = True

    def __init__(self, d: int, *, learn_scale: bool = True) -> None:
        super().__init__(d)
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=learn_scale)

    def forward(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Nats ``[..., b]``."""
        log_scale = self.log_scale.clamp(_SMALLEST_LOG_SCALE, _LARGEST_LOG_SCALE)
        squared = (decoded.float() - x).square().sum(-1)
        return -0.5 * squared * (-2 * log_scale).exp() - self.d * (log_scale + 0.5 * _LOG_TWO_PI)


class Laplace(Normal):
    """``Laplace(x; decoded, s)``, one learned ``s`` per modality."""

    def forward(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Nats ``[..., b]``."""
        log_scale = self.log_scale.clamp(_SMALLEST_LOG_SCALE, _LARGEST_LOG_SCALE)
        absolute = (decoded.float() - x).abs().sum(-1)
        return -absolute * (-log_scale).exp() - self.d * (log_scale + math.log(2))


class Bernoulli(Likelihood):
    """Cross-entropy of logits against values in [0, 1]; ``x`` dense or CSR."""

    def forward(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Nats ``[..., b]``."""
        # What is not there counts as much as what is: every column has its share.
        x = x.to_dense() if x.layout == torch.sparse_csr else x
        found: Tensor = _BernoulliSum.apply(decoded.float(), x)  # type: ignore[no-untyped-call]
        return found

    def mean(self, decoded: Tensor) -> Tensor:
        """Probabilities ``[..., b, d]``."""
        return decoded.sigmoid()


class Categorical(Likelihood):
    """One class of ``d``: ``x`` one-hot, or probabilities."""

    def forward(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Nats ``[..., b]``."""
        return (x * decoded.float().log_softmax(-1)).sum(-1)

    def mean(self, decoded: Tensor) -> Tensor:
        """Probabilities ``[..., b, d]``."""
        return decoded.float().softmax(-1)

    def size(self, x: Tensor) -> float:
        """One choice."""
        return 1.0


class Multinomial(Categorical):
    """A bag of words, ``sum_w x_w log p_w``; ``x`` dense, or a CSR tensor that stays sparse."""

    def forward(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Nats ``[..., b]``."""
        logits = decoded.float()
        if x.layout != torch.sparse_csr:
            return (logits * x).sum(-1) - x.sum(-1) * logits.logsumexp(-1)
        counts = x.crow_indices().diff()
        row = torch.repeat_interleave(torch.arange(len(counts), device=x.device), counts)
        place = row * x.shape[1] + x.col_indices()
        found: Tensor = _BagSum.apply(  # type: ignore[no-untyped-call]
            logits, row, place, x.values()
        )
        return found

    def size(self, x: Tensor) -> float:
        """Mean mass of a bag."""
        total = x.values().sum() if x.layout == torch.sparse_csr else x.sum()
        return max(float(total) / max(len(x), 1), 1e-6)


class VonMisesFisher(Likelihood):
    """Unit vectors: ``log C_d(kappa) + kappa x . decoded / |decoded|``, a learned ``kappa``.

    A cosine loss with its normaliser (Davidson et al. 2018), so that it has nats like the others.
    """

    def __init__(self, d: int, *, learn_scale: bool = True) -> None:
        super().__init__(d)
        # At kappa = d the mean cosine of a draw to its direction is about 0.6.
        self.log_kappa = nn.Parameter(torch.tensor(math.log(d)), requires_grad=learn_scale)

    def forward(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Nats ``[..., b]``."""
        kappa = self.log_kappa.clamp(-3.0, math.log(100.0 * self.d)).exp()
        return log_normaliser(self.d, kappa) + kappa * (self.mean(decoded) * x).sum(-1)

    def mean(self, decoded: Tensor) -> Tensor:
        """Directions ``[..., b, d]``."""
        return F.normalize(decoded.float(), dim=-1)


class _BernoulliSum(torch.autograd.Function):
    """``sum_d x l - softplus(l)`` and its gradient in one pass, block by block in the cache.

    ``softplus(l) = max(l, 0) - log p`` with ``p = sigmoid(|l|) >= 1/2``, and a product of up to 64
    such factors fits a float32, so that one logarithm serves them all. ``p`` gives the gradient
    too: ``sigmoid(l) = 1/2 +- (p - 1/2)`` with the sign of ``l``.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor) -> Tensor:
        slope = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        value = logits.new_empty(logits.shape[:-1])
        samples = logits.flatten(0, -3) if logits.ndim > _MATRIX else logits[None]
        into = None if slope is None else slope.view(samples.shape)
        found = value.view(samples.shape[:-1])
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            some, centred = x[rows], x[rows] - 0.5
            for k in range(len(samples)):
                own = None if into is None else into[k, rows]
                found[k, rows] = _block(samples[k, rows], some, centred, own)
        if slope is not None:
            ctx.save_for_backward(slope)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return slope * grads[0][..., None], None


def _block(logits: Tensor, x: Tensor, centred: Tensor, slope: Tensor | None) -> Tensor:
    """Nats ``[b]`` of one block ``[b, d]``; writes the gradient to ``slope``."""
    gap = torch.addcmul(logits.clamp_min(0.0), x, logits, value=-1).sum(-1)
    p = logits.abs().sigmoid_()
    factor, halvings = p, 0
    while factor.shape[-1] % 2 == 0 and halvings < 6:  # noqa: PLR2004  # 2^6 factors of 1/2
        half = factor.shape[-1] // 2
        factor, halvings = factor[..., :half] * factor[..., half:], halvings + 1
    logarithm = factor.log().sum(-1)
    if slope is not None:
        torch.sub(centred, p.sub_(0.5).copysign_(logits), out=slope)
    return logarithm - gap


class _BagSum(torch.autograd.Function):
    """``sum_w x_w log softmax(l)_w`` of sparse ``x``; one array is kept for the gradient."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, row: Tensor, place: Tensor, values: Tensor) -> Tensor:
        log_p = logits.log_softmax(-1)
        entries = log_p.flatten(-2).index_select(-1, place) * values
        hit = entries.new_zeros(logits.shape[:-1]).index_add(-1, row, entries)
        if logits.requires_grad:
            mass = values.new_zeros(logits.shape[-2]).index_add(0, row, values)
            ctx.save_for_backward(log_p, row, place, values, mass)
        return hit

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        log_p, row, place, values, mass = ctx.saved_tensors
        slope = log_p.exp().mul_((-mass * grads[0])[..., None])
        pull = grads[0].index_select(-1, row) * values
        slope.view(*slope.shape[:-2], -1).index_add_(-1, place, pull)
        return slope, None, None, None


def make_likelihood(name: Name, d: int, *, learn_scale: bool = True) -> Likelihood:
    """The observation model of a modality by the name that the contract gives it."""
    if name == "normal":
        return Normal(d, learn_scale=learn_scale)
    if name == "laplace":
        return Laplace(d, learn_scale=learn_scale)
    if name == "cosine":
        return VonMisesFisher(d, learn_scale=learn_scale)
    plain: dict[str, type[Likelihood]] = {
        "bernoulli": Bernoulli,
        "categorical": Categorical,
        "multinomial": Multinomial,
    }
    return plain[name](d)
