"""A random CLIP of one layer a tower, saved as a folder with its processor."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

SIDE = 16


def save(folder: Path) -> Path:
    """The folder, ready for ``clip.model``."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase)]
    tokens = {t: i for i, t in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    CLIPTokenizer(vocab=tokens, merges=[], model_max_length=24).save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=size).save_pretrained(folder)
    shape = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "initializer_range": 0.3,
    }
    special = {"bos_token_id": len(letters), "eos_token_id": len(letters) + 1}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={
            **shape,
            "vocab_size": len(tokens),
            "max_position_embeddings": 24,
            **special,
            "pad_token_id": special["eos_token_id"],
        },
        vision_config={**shape, "image_size": SIDE, "patch_size": 8},
        projection_dim=8,
    )
    model = CLIPModel(config).eval()
    with torch.no_grad():
        # Projections start so small that all embeddings of a random model look alike.
        for layer in (model.visual_projection, model.text_projection):
            layer.weight.normal_()
    model.save_pretrained(folder)
    return folder
