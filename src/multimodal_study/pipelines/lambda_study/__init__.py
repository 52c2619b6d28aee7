"""What the weight of the task does to a hybrid, from no task at all to nothing but the task."""

from multimodal_study.pipelines.lambda_study.pipeline import create_pipeline

__all__ = ["create_pipeline"]
