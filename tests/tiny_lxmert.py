"""A random LXMERT and a random ViLT, saved as folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def lxmert(folder: Path) -> Any:
    from transformers import LxmertConfig, LxmertModel

    torch.manual_seed(0)
    config = LxmertConfig(
        vocab_size=20,
        hidden_size=16,
        num_attention_heads=2,
        intermediate_size=24,
        l_layers=2,
        r_layers=1,
        x_layers=2,
        visual_feat_dim=6,
        max_position_embeddings=8,
        initializer_range=0.4,
    )
    model = LxmertModel(config).eval()
    model.save_pretrained(folder)
    return model


def vilt(folder: Path) -> Any:
    from transformers import ViltConfig, ViltModel

    torch.manual_seed(0)
    config = ViltConfig(
        vocab_size=20,
        hidden_size=16,
        num_attention_heads=2,
        intermediate_size=24,
        num_hidden_layers=3,
        image_size=8,
        patch_size=4,
        max_position_embeddings=8,
        initializer_range=0.4,
    )
    model = ViltModel(config).eval()
    model.save_pretrained(folder)
    return model
