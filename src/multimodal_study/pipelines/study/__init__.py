"""Questions over all datasets, answered from what the evaluation of each has saved."""

from multimodal_study.pipelines.study.pipeline import compare_datasets

__all__ = ["compare_datasets"]
