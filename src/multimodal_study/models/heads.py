"""What turns a representation into a prediction: one head per kind of task.

Every head returns ``logits`` such that ``softmax(logits)`` are the class probabilities, so that
losses, late fusion and evaluation need to know of the kind of task only whether it is a
regression.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import Task

_SMALLEST_GAP = 1e-6


class Softmax(nn.Linear):
    """Multinomial logits ``W h + b``: ``[b, d]`` to ``[b, c]``, two columns for a binary task."""

    def start(self, target: Tensor) -> None:
        """Begin at the class frequencies of ``target``, int64 ``[n]`` (add-one smoothed)."""
        counts = torch.bincount(target, minlength=self.out_features).float() + 1.0
        with torch.no_grad():
            self.bias.copy_(torch.log(counts / counts.sum()))


class Linear(nn.Linear):
    """Regression ``mu + sigma (w h + b)``: ``[b, d]`` to ``[b, 1]``, with the moments of train.

    Outside of training an answer stays between the lowest and the highest target of train: an input
    that train never had, such as a picture's channel that was dead there, may send it anywhere.
    """

    def __init__(self, d: int) -> None:
        super().__init__(d, 1)
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("deviation", torch.ones(1))
        self.register_buffer("range", torch.tensor([-torch.inf, torch.inf]))

    def start(self, target: Tensor) -> None:
        """Take mean, standard deviation and range from ``target``, float ``[n]``."""
        self.get_buffer("mean").fill_(target.float().mean())
        spread = target.float().std(unbiased=False).clamp_min(_SMALLEST_GAP)
        self.get_buffer("deviation").fill_(spread)
        self.get_buffer("range").copy_(torch.stack([target.min(), target.max()]))

    def forward(self, h: Tensor) -> Tensor:
        """Predictions ``[b, 1]`` in the units of the target."""
        answer = self.get_buffer("mean") + self.get_buffer("deviation") * super().forward(h)
        if self.training:
            return answer
        lowest, highest = self.get_buffer("range")
        return answer.clamp(lowest, highest)


class ProportionalOdds(nn.Module):
    """Cumulative logits of an ordinal target (McCullagh 1980, proportional odds).

    ``P(y <= k | h) = sigmoid(theta_k - w h)`` with ``theta_1 < ... < theta_{c-1}``. The order holds
    by construction: ``theta_k = theta_{k-1} + softplus(g_k) + 1e-6``. Returned are the logarithms
    of ``P(y = k)``, from ``sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))``,
    which stays finite where the difference itself would cancel.
    """

    def __init__(self, d: int, classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(d, 1, bias=False)
        self.first = nn.Parameter(torch.zeros(1))
        self.gaps = nn.Parameter(torch.full((classes - 2,), math.log(math.e - 1)))

    def steps(self) -> Tensor:
        """Positive distances of neighbouring thresholds ``[c - 2]``."""
        return F.softplus(self.gaps) + _SMALLEST_GAP

    def thresholds(self) -> Tensor:
        """Increasing ``theta`` ``[c - 1]``."""
        steps = self.steps()
        return self.first + torch.cat([steps.new_zeros(1), steps.cumsum(0)])

    def start(self, target: Tensor) -> None:
        """Put the thresholds at the cumulative frequencies of ``target``, int64 ``[n]``."""
        counts = torch.bincount(target, minlength=len(self.gaps) + 2).double() + 1.0
        theta = torch.logit(counts.cumsum(0)[:-1] / counts.sum())
        with torch.no_grad():
            self.first.copy_(theta[:1])
            self.gaps.copy_(torch.log(torch.expm1(theta.diff().clamp_min(1e-3))))

    def forward(self, h: Tensor) -> Tensor:
        """Log-probabilities ``[b, c]`` of ``h`` ``[b, d]``."""
        return self.log_probabilities(self.thresholds(), self.steps(), self.score(h))

    @staticmethod
    def log_probabilities(theta: Tensor, steps: Tensor, score: Tensor) -> Tensor:
        """Formula alone: thresholds ``[c - 1]`` and scores ``[b, 1]`` to ``[b, c]``.

        ``steps`` are the differences of ``theta``, taken before float32 could swallow them.
        """
        eta = theta - score
        below, above = F.logsigmoid(eta), F.logsigmoid(-eta)
        gap = torch.log(-torch.expm1(-steps))
        middle = below[:, 1:] + above[:, :-1] + gap
        return torch.cat([below[:, :1], middle, above[:, -1:]], dim=1)


Head = Softmax | Linear | ProportionalOdds


def make_head(task: Task, d: int) -> Head:
    """Head for ``task`` on representations ``[b, d]``; see the classes for the formulas."""
    if task.kind == "regression":
        return Linear(d)
    if task.kind == "ordinal":
        return ProportionalOdds(d, len(task.classes))
    return Softmax(d, len(task.classes))
