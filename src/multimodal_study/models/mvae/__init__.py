"""Multimodal variational autoencoders: posteriors, likelihoods, objectives, model and paradigm."""

from multimodal_study.models.mvae.config import Config
from multimodal_study.models.mvae.model import MultimodalVAE
from multimodal_study.models.mvae.paradigm import MVAE

__all__ = ["MVAE", "Config", "MultimodalVAE"]
