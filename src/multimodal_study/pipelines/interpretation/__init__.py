"""Shared interpretation: it reads what cells saved and trains nothing."""

from multimodal_study.pipelines.interpretation.pipeline import (
    analyse,
    attribute,
    coattend,
    explain,
    follow_edges,
    interpret,
    look_at_posters,
    relate_tokens,
)

__all__ = [
    "analyse",
    "attribute",
    "coattend",
    "explain",
    "follow_edges",
    "interpret",
    "look_at_posters",
    "relate_tokens",
]
