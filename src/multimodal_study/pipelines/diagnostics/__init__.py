"""What a leaderboard does not say: calibration, alignment of modalities, quality against cost."""

from multimodal_study.pipelines.diagnostics.pipeline import diagnose

__all__ = ["diagnose"]
