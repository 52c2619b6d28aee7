"""Published results, reproduced with the study's own models."""

from multimodal_study.pipelines.reproduction.pipeline import create_pipeline

__all__ = ["create_pipeline"]
