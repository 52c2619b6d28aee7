"""Multimodal Study: a like-for-like comparison of multimodal representation learning."""

__version__ = "0.1.0"
