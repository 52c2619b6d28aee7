"""Shared evaluation: it reads the saved predictions of any cell and trains nothing."""

from multimodal_study.pipelines.evaluation.pipeline import by_history, compare, front_page

__all__ = ["by_history", "compare", "front_page"]
