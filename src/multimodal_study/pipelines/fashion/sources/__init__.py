"""Where pictures with text come from: one module per source."""

from __future__ import annotations

from multimodal_study.pipelines.fashion.sources import (
    fashion_mnist,
    fashion_products,
    fashionai,
    rendered,
)
from multimodal_study.pipelines.fashion.sources.schema import Source

SOURCES: dict[str, Source] = {
    module.SOURCE.name: module.SOURCE
    for module in (rendered, fashionai, fashion_products, fashion_mnist)
}

__all__ = ["SOURCES", "Source"]
