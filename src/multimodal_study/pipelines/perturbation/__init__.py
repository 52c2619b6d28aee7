"""Fitted networks asked with worse inputs: what an origin is worth, what its loss costs."""

from multimodal_study.pipelines.perturbation.pipeline import ask

__all__ = ["ask"]
