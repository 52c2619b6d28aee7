"""Garments and fashion products: pictures and text."""

from multimodal_study.pipelines.fashion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
