"""Shared interpretation: it reads what cells saved and trains nothing."""

from multimodal_study.pipelines.interpretation.pipeline import explain, interpret

__all__ = ["explain", "interpret"]
