"""Shared interpretation: it reads what cells saved and trains nothing."""

from multimodal_study.pipelines.interpretation.pipeline import (
    attribute,
    coattend,
    explain,
    interpret,
)

__all__ = ["attribute", "coattend", "explain", "interpret"]
