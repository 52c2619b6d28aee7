"""MovieLens: ratings of films, with what is known about the films."""

from multimodal_study.pipelines.movielens.pipeline import create_pipeline, create_ranking

__all__ = ["create_pipeline", "create_ranking"]
