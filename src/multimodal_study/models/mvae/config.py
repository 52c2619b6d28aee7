"""Parameters of the multimodal VAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from multimodal_study.contract import Likelihood
from multimodal_study.models.config import ClassWeights, check, check_choice
from multimodal_study.models.mvae.model import Estimator
from multimodal_study.models.mvae.posteriors import AGGREGATIONS, MIXTURES, Aggregation

Scaling = Literal["none", "size"]
Unit = Literal["number", "example"]
Latent = Literal["mean", "sample"]
_AXES = 3


@dataclass(frozen=True)
class Config:
    """Parameters of the multimodal VAE."""

    posterior: Aggregation
    """How the modalities come together: ``joint``, ``poe``, ``moe``, ``mopoe`` or ``mvtcae``."""
    latent_dim: int
    """Shared latents ``z``."""
    private_dim: int
    """Private latents of each modality (``poe``, ``moe``, ``mopoe``); 0: none."""
    hidden: int
    """Width of the layers of encoders and decoders."""
    layers: int
    """Hidden layers of each."""
    dropout: float
    """Dropout of the encoders' inputs; what is explained is the whole input."""
    words_dropout: float
    """The same for single words."""
    prior_expert: bool | None
    """Whether products include the prior; null: as published (``poe`` alone)."""
    subsets: int | None
    """``joint``, ``poe``: random subsets with an ELBO of their own, beside everything and each
    modality alone; null: everything alone."""
    estimator: Estimator
    """``moe``, ``mopoe``: ``elbo``, ``iwae`` or ``dreg``."""
    samples: int
    """Draws per component of ``iwae`` and ``dreg``."""
    pooled: bool
    """``iwae``, ``dreg``: one bound over the draws of all components, in place of the mean of
    their bounds."""
    one_component: bool
    """``moe``, ``mopoe`` with ``elbo``: decode one component per row in place of all."""
    alpha: float
    """``mvtcae``: share of the conditional term."""
    beta: float
    """Weight of the divergence."""
    annealing_epochs: float
    """Epochs in which the weight of the divergence rises linearly from 0."""
    free_bits: float
    """Nats per latent dimension that the divergence does not press below."""
    likelihood_scaling: Scaling
    """``size``: a modality's log-likelihood counts (largest size / its size) times."""
    likelihood_weights: dict[str, float]
    """Further weights of log-likelihoods by modality."""
    likelihoods: dict[str, Likelihood]
    """Observation models by modality, where they are not the dataset's own."""
    learn_scale: bool
    """Whether normal, Laplace and von Mises-Fisher learn their scale; else it is 1."""
    elbo_unit: Unit
    """What the ELBO is divided by in the loss: the numbers that an example has, so that the
    weight of a task means the same on every dataset, or nothing."""
    pictures: dict[str, list[int]]
    """Modalities that are pictures: channels, height, width. They get convolutions."""
    picture_channels: int
    """Channels of the first convolution; each next one doubles them."""
    latent: Latent
    """What the classifier reads in training: the posterior's mean, or a draw."""
    head_learning_rate: float
    """Peak learning rate of the classifier on z."""
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    class_weights: ClassWeights

    def __post_init__(self) -> None:
        check_choice("posterior", self.posterior, AGGREGATIONS)
        check("latent_dim", self.latent_dim, 1, 65536)
        check("private_dim", self.private_dim, 0, 65536)
        for name, low, high in (("hidden", 1, 65536), ("layers", 1, 16), ("samples", 1, 1000)):
            check(name, getattr(self, name), low, high)
        for name in ("dropout", "words_dropout", "label_smoothing"):
            check(name, getattr(self, name), 0.0, 0.95)
        check("subsets", self.subsets or 0, 0, 1024)
        check_choice("estimator", self.estimator, get_args(Estimator))
        check("alpha", self.alpha, 0.0, 1.0)
        for name in ("beta", "annealing_epochs", "free_bits", "weight_decay"):
            check(name, getattr(self, name), 0.0, 1e6)
        check_choice("likelihood_scaling", self.likelihood_scaling, get_args(Scaling))
        for name, weight in self.likelihood_weights.items():
            check(f"likelihood_weights.{name}", weight, 0.0, 1e6)
        for name, likelihood in self.likelihoods.items():
            check_choice(f"likelihoods.{name}", likelihood, get_args(Likelihood))
        check_choice("elbo_unit", self.elbo_unit, get_args(Unit))
        for name, shape in self.pictures.items():
            if len(shape) != _AXES or min(shape) < 1:
                raise ValueError(f"pictures.{name} is {shape}, expected [channels, height, width]")
        check("picture_channels", self.picture_channels, 1, 4096)
        check_choice("latent", self.latent, get_args(Latent))
        for name in ("learning_rate", "head_learning_rate"):
            check(name, getattr(self, name), 1e-8, 10.0)
        check_choice("class_weights", self.class_weights, ("none", "balanced"))
        self._check_together()

    def _check_together(self) -> None:
        if self.estimator != "elbo" and self.posterior not in MIXTURES:
            raise ValueError(
                f"estimator is {self.estimator!r}, expected elbo with posterior {self.posterior!r}:"
                " iwae and dreg belong to moe and mopoe"
            )
        if self.private_dim and self.posterior in {"joint", "mvtcae"}:
            raise ValueError(
                f"private_dim is {self.private_dim}, expected 0 with posterior {self.posterior!r}"
            )
        if self.private_dim and self.estimator == "dreg":
            raise ValueError(f"private_dim is {self.private_dim}, expected 0 with estimator dreg")
