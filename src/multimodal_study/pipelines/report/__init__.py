"""What people read: the site and the chapters, from the tables of the study."""

from multimodal_study.pipelines.report.pipeline import (
    describe,
    front_page,
    lambda_page,
    study_front_page,
    write,
)

__all__ = ["describe", "front_page", "lambda_page", "study_front_page", "write"]
