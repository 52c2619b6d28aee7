"""Amazon reviews: text and metadata."""

from multimodal_study.pipelines.amazon.pipeline import create_pipeline

__all__ = ["create_pipeline"]
