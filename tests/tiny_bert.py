"""A random BERT of two layers with twelve words, saved as a folder."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

WORDS = ("good", "bad", "tea", "is", "not", "very")
TEXTS = ["good tea", "bad tea", "tea is not very good", "very very bad", "good", "tea is bad"]


def save(folder: Path, *, layers: int = 2) -> Path:
    """The folder, ready for ``find_model``."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *string.ascii_lowercase]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    tokens = {token: row for row, token in enumerate(vocabulary)}
    BertTokenizerFast(vocab=tokens, model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(folder)
    return folder
