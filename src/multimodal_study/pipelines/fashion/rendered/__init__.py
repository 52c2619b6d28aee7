"""Rendered garments with known factors of variation: pictures, texts, masks and label rules."""

from multimodal_study.pipelines.fashion.rendered.information import information
from multimodal_study.pipelines.fashion.rendered.labelled import write_labelled_tree
from multimodal_study.pipelines.fashion.rendered.options import DEFAULTS, Options, read_options
from multimodal_study.pipelines.fashion.rendered.tree import label_column, write_tree

__all__ = [
    "DEFAULTS",
    "Options",
    "information",
    "label_column",
    "read_options",
    "write_labelled_tree",
    "write_tree",
]
