"""Shared evaluation: it reads the saved predictions of any cell and trains nothing."""

from multimodal_study.pipelines.evaluation.pipeline import Compared, by_history, compare

__all__ = ["Compared", "by_history", "compare"]
