"""Where pictures with text come from: one module per source."""

from __future__ import annotations

from multimodal_study.pipelines.fashion.sources.fashion_mnist import FASHION_MNIST
from multimodal_study.pipelines.fashion.sources.fashion_products import FASHION_PRODUCTS
from multimodal_study.pipelines.fashion.sources.fashionai import FASHIONAI
from multimodal_study.pipelines.fashion.sources.schema import Source

SOURCES: dict[str, Source] = {
    source.name: source for source in (FASHIONAI, FASHION_PRODUCTS, FASHION_MNIST)
}

__all__ = ["SOURCES", "Source"]
