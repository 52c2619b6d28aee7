"""Shared interpretation: it reads what cells saved and trains nothing."""

from multimodal_study.pipelines.interpretation.pipeline import interpret

__all__ = ["interpret"]
