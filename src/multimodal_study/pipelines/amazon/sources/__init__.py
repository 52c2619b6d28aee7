"""Where reviews come from: one module per source."""

from __future__ import annotations

from multimodal_study.pipelines.amazon.sources import fine_foods
from multimodal_study.pipelines.amazon.sources.amazon_2023 import AMAZON_2023
from multimodal_study.pipelines.amazon.sources.schema import JsonSource
from multimodal_study.pipelines.amazon.sources.ucsd import AMAZON_2018

JSON_SOURCES: dict[str, JsonSource] = {source.name: source for source in (AMAZON_2018, AMAZON_2023)}
SOURCES = (fine_foods.NAME, *JSON_SOURCES)

__all__ = ["JSON_SOURCES", "SOURCES", "JsonSource", "fine_foods"]
