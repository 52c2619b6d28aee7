"""What single latents of generative paradigms do, on a dataset whose factors may be known."""

from multimodal_study.pipelines.latents.pipeline import create_pipeline

__all__ = ["create_pipeline"]
