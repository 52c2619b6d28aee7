"""Shared evaluation: it reads the saved predictions of any cell and trains nothing."""

from multimodal_study.pipelines.evaluation.pipeline import compare, front_page

__all__ = ["compare", "front_page"]
