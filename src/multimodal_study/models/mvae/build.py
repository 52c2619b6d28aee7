"""From a configuration and a dataset's modalities to networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multimodal_study.contract import Likelihood as Name
from multimodal_study.contract import Modality
from multimodal_study.data.batches import Batch
from multimodal_study.models.mvae.config import Config
from multimodal_study.models.mvae.likelihoods import Likelihood, make_likelihood
from multimodal_study.models.mvae.model import MultimodalVAE
from multimodal_study.models.mvae.networks import (
    PictureDecoder,
    PictureEncoder,
    Standardise,
    VectorDecoder,
    VectorEncoder,
)

STANDARDISED: frozenset[Name] = frozenset({"normal", "laplace"})
"""Observation models whose inputs are standardised, so that their scales mean the same."""
_PIXEL = 255.0


def observation_models(config: Config, modalities: Mapping[str, Modality]) -> dict[str, Name]:
    """The observation model of each modality, the configuration's before the dataset's.

    Raises:
        ValueError: The configuration names a modality that is not there.
    """
    for key in ("likelihoods", "likelihood_weights", "pictures"):
        unknown = sorted(set(getattr(config, key)) - set(modalities))
        if unknown:
            raise ValueError(f"{key} names {unknown}, expected some of {sorted(modalities)}")
    return {
        name: config.likelihoods.get(name, item.likelihood) for name, item in modalities.items()
    }


def build(config: Config, modalities: Mapping[str, Modality]) -> MultimodalVAE:
    """The networks of all modalities, untrained."""
    models = observation_models(config, modalities)
    z, p = config.latent_dim, config.private_dim
    joint = config.posterior == "joint"
    outputs = config.hidden if joint else 2 * (z + p)
    encoders: dict[str, nn.Module] = {}
    decoders: dict[str, nn.Module] = {}
    likelihoods: dict[str, Likelihood] = {}
    for name, item in modalities.items():
        width = item.width
        if name in config.pictures:
            channels, height, columns = config.pictures[name]
            shape, first = (channels, height, columns), config.picture_channels
            width = math.prod(shape)
            encoders[name] = PictureEncoder(shape, first, config.hidden, outputs)
            decoders[name] = PictureDecoder(z + p, config.hidden, shape, first)
        else:
            dropout = config.words_dropout if item.kind == "words" else config.dropout
            encoders[name] = VectorEncoder(
                item, config.hidden, outputs, layers=config.layers, dropout=dropout
            )
            decoders[name] = VectorDecoder(z + p, config.hidden, width, layers=config.layers)
        likelihoods[name] = make_likelihood(models[name], width, learn_scale=config.learn_scale)
    return MultimodalVAE(
        encoders,
        decoders,
        likelihoods,
        latent_dim=z,
        aggregation=config.posterior,
        private_dim=p,
        prior_expert=config.prior_expert,
        joint=nn.Sequential(
            nn.GELU(),
            nn.Linear(config.hidden * len(modalities), config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, 2 * z),
        )
        if joint
        else None,
        joint_width=config.hidden if joint else 0,
    )


class Views(nn.Module):
    """A batch's modalities as the VAE takes them: standardised, flat, words left sparse."""

    def __init__(self, config: Config, modalities: Mapping[str, Modality]) -> None:
        super().__init__()
        models = observation_models(config, modalities)
        self.names = tuple(modalities)
        self.pixels = {name for name, item in modalities.items() if item.kind == "pixels"}
        self.pictures = dict(config.pictures)
        self.directions = {name for name in modalities if models[name] == "cosine"}
        lost = sorted(self.pixels - set(self.pictures))
        if lost:
            raise ValueError(f"pictures lacks {lost}: pixels need [channels, height, width]")
        self.scales = nn.ModuleDict(
            {
                name: Standardise(math.prod(self.pictures.get(name, [item.width])))
                for name, item in modalities.items()
                if models[name] in STANDARDISED
            }
        )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Modality to ``[b, width]``, float32 (words CSR where the batch has them so)."""
        return {name: self._view(name, batch) for name in self.names if name in batch.inputs}

    def _view(self, name: str, batch: Batch) -> Tensor:
        x = self._flat(name, batch.inputs[name])
        if name in self.directions:
            return F.normalize(x, dim=-1)
        return self.scales[name](x) if name in self.scales else x

    def _flat(self, name: str, x: Tensor) -> Tensor:
        if name not in self.pixels:
            return x
        return (x.float() / _PIXEL).movedim(-1, 1).flatten(1)

    def back(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Generated modalities ``[..., width]`` in the units of the inputs."""
        return {
            name: self.scales[name].back(x) if name in self.scales else x  # type: ignore[operator]
            for name, x in found.items()
        }

    def start(self, batches: list[Batch], vae: MultimodalVAE) -> list[float]:
        """Take moments from the training rows, begin decoders at the mean; sizes by modality."""
        sizes = []
        for name in self.names:
            parts = [self._flat(name, self._present(name, batch)) for batch in batches]
            likelihood = cast(Likelihood, vae.observer.likelihoods[name])
            if name in self.scales:
                self.scales[name].start(parts)  # type: ignore[operator]
            else:
                _begin(vae.observer.decoders[name], likelihood, parts)
            counts = [len(part) for part in parts]
            total = sum(
                likelihood.size(part) * n for part, n in zip(parts, counts, strict=True) if n
            )
            sizes.append(max(float(total) / max(sum(counts), 1), 1e-6))
        return sizes

    @staticmethod
    def _present(name: str, batch: Batch) -> Tensor:
        """Rows that have the modality; a missing bag of words has no entries to leave out."""
        x = batch.inputs[name]
        return x if x.layout == torch.sparse_csr else x[batch.present[name]]


def _begin(decoder: nn.Module, likelihood: nn.Module, parts: list[Tensor]) -> None:
    """Set the decoder's last bias so that training starts at the mean of train."""
    last = [layer for layer in decoder.modules() if isinstance(layer, nn.Linear)][-1]
    kind = type(likelihood).__name__
    bias = last.bias
    if isinstance(decoder, PictureDecoder) or bias is None or kind == "VonMisesFisher":
        return
    rows = max(sum(len(part) for part in parts), 1)
    total = torch.zeros_like(bias.detach())
    for part in parts:
        if part.layout == torch.sparse_csr:
            total.index_add_(0, part.col_indices(), part.values())
        else:
            total += part.sum(0)
    mean = total / rows
    with torch.no_grad():
        if kind == "Bernoulli":
            bias.copy_(torch.logit(mean.clamp(1e-3, 1 - 1e-3)))
        else:
            bias.copy_(torch.log(mean + 0.1 * mean.mean() + 1e-8))
