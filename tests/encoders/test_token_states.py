"""Cached states are the states of the whole model, token by token."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from multimodal_study.encoders.text_model import TextModel, find_model
from multimodal_study.encoders.token_states import encode_states, token_states, tokenise
from tiny_bert import TEXTS, save


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TextModel:
    return find_model(str(save(tmp_path_factory.mktemp("bert"))))


@pytest.mark.parametrize("trained", [0, 1, 2])
def test_states_equal_the_whole_model(model: TextModel, trained: int) -> None:
    made = token_states(TEXTS, model, trained_layers=trained, max_tokens=32, bf16=False)
    network = transformers.AutoModel.from_pretrained(model.folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model.folder)
    offsets = made["offsets"]
    assert made["values"].dtype == np.float16 and made["values"].shape == (offsets[-1], 16)
    for row, text in enumerate(TEXTS):
        with torch.inference_mode():
            encoded = tokenizer(text, return_tensors="pt")
            expected = network(**encoded, output_hidden_states=True).hidden_states[2 - trained][0]
        found = made["values"][offsets[row] : offsets[row + 1]]
        np.testing.assert_allclose(found, expected.numpy(), atol=4e-3)


def test_all_layers_trained_keeps_token_ids(model: TextModel) -> None:
    made = token_states(TEXTS, model, trained_layers=-1, max_tokens=32)
    assert made["values"].dtype == np.int32
    first = made["values"][: made["offsets"][1]]
    np.testing.assert_array_equal(first, [2, 5, 7, 3])  # [CLS] good tea [SEP]


def test_head_and_tail(model: TextModel) -> None:
    text = ["good bad tea is not very"]
    whole = tokenise(text, model, 8, "head")[0]
    np.testing.assert_array_equal(whole, [2, 5, 6, 7, 8, 9, 10, 3])
    np.testing.assert_array_equal(tokenise(text, model, 6, "head")[0], [2, 5, 6, 7, 8, 3])
    np.testing.assert_array_equal(tokenise(text, model, 6, "head_tail")[0], [2, 5, 6, 9, 10, 3])
    np.testing.assert_array_equal(tokenise(text, model, 7, "head_tail")[0], [2, 5, 6, 7, 9, 10, 3])
    np.testing.assert_array_equal(tokenise(text, model, 3, "head_tail")[0], [2, 5, 3])


def test_no_text_and_hostile_text(model: TextModel) -> None:
    made = token_states([], model, trained_layers=1, max_tokens=8)
    assert made["values"].shape == (0, 16)
    np.testing.assert_array_equal(made["offsets"], [0])
    odd = token_states(["", "\ud800 tea", "[SEP] tea"], model, trained_layers=1, max_tokens=8)
    assert np.isfinite(odd["values"]).all()
    assert (np.diff(odd["offsets"]) >= 2).all()


def test_metadata_is_read_before_the_review(model: TextModel) -> None:
    config = {
        "encoder": str(model.folder),
        "trained_layers": -1,
        "max_tokens": 32,
        "keep": "head",
        "fields": None,
    }
    table = pd.DataFrame({"text": ["tea", "tea"], "verified": [1.0, np.nan]})
    offsets = encode_states(table, config)["offsets"]
    assert offsets[2] - offsets[1] == 3 < offsets[1]
    np.testing.assert_array_equal(
        encode_states(table, {**config, "fields": []})["offsets"], [0, 3, 6]
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": 2}, "max_tokens is 2.*3 to 64"),
        ({"max_tokens": 65}, "max_tokens is 65"),
        ({"keep": "tail"}, "keep is 'tail'"),
        ({"trained_layers": 3}, "trained_layers is 3.*has 2"),
    ],
)
def test_out_of_range_is_refused(
    model: TextModel, changes: dict[str, object], message: str
) -> None:
    options = {"trained_layers": 1, "max_tokens": 16, **changes}
    with pytest.raises(ValueError, match=message):
        token_states(TEXTS, model, **options)  # type: ignore[arg-type]


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "odd")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"model_type": "bert"', '"model_type": "t5"'))
    with pytest.raises(ValueError, match="'t5', expected one of bert"):
        token_states(TEXTS, find_model(str(folder)), trained_layers=1, max_tokens=16)


def test_the_packaged_model_in_half_precision() -> None:
    model = find_model("all-MiniLM-L6-v2")
    texts = ["The tea was stale and the box was broken.", "Great!"]
    exact, half = (
        token_states(texts, model, trained_layers=3, max_tokens=32, bf16=bf16)["values"].astype(
            np.float32
        )
        for bf16 in (False, True)
    )
    cosine = (exact * half).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(half, axis=1)
    assert cosine.min() > 0.998
