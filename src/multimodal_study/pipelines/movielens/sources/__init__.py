"""Where ratings come from: the embedded sample and the releases of GroupLens."""

from __future__ import annotations

from multimodal_study.pipelines.movielens.sources import sample
from multimodal_study.pipelines.movielens.sources.schema import RELEASES, Release

SOURCES = (sample.NAME, *RELEASES)

__all__ = ["RELEASES", "SOURCES", "Release", "sample"]
