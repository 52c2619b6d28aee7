"""Vectors and grids equal the reference, whatever the backend, the threads or the cache."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from multimodal_study.encoders import image, image_graph
from multimodal_study.encoders.cache import FeatureCache
from multimodal_study.encoders.image import ImageEncoder, encode_pictures_cached
from multimodal_study.encoders.image_model import find_model, load_efficientnet, to_square
from multimodal_study.encoders.pictures import examine
from multimodal_study.errors import InputError

SIZE = 64
"""Small enough to be quick: a grid of 2 x 2."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Smooth pictures of several shapes, formats and colours."""
    root = tmp_path_factory.mktemp("photos")
    kinds = [("RGB", "jpg"), ("L", "png"), ("P", "gif"), ("RGBA", "png"), ("RGB", "webp")]
    paths = []
    for number in range(19):
        mode, suffix = kinds[number % len(kinds)]
        seeds = np.random.default_rng(number).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        size = (90 + 7 * number, 120)
        picture = Image.fromarray(seeds).resize(size, Image.Resampling.BICUBIC).convert(mode)
        paths.append(root / f"{number}.{suffix}")
        picture.save(paths[-1])
    return paths


@pytest.fixture(scope="module")
def encoder(cache: Path) -> ImageEncoder:
    return ImageEncoder(size=SIZE, cache=cache, threads=2)


def _digests(paths: list[Path]) -> list[str]:
    found = examine([path.name for path in paths], root=paths[0].parent)
    return [item.sha256 or "" for item in found]


def _vit(folder: Path, *, whole: bool = True) -> Path:
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        image_size=32, patch_size=8,
    )  # fmt: skip
    torch.manual_seed(0)
    kind = transformers.ViTModel if whole else transformers.ViTForImageClassification
    kind(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    transformers.ViTImageProcessor(size=size).save_pretrained(folder)
    return folder


def _clip(folder: Path) -> Path:
    tower = {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32,
    }  # fmt: skip
    config = transformers.CLIPConfig(
        text_config={**tower, "vocab_size": 60, "bos_token_id": 1, "eos_token_id": 2},
        vision_config={**tower, "image_size": 32, "patch_size": 8},
        projection_dim=12,
    )
    torch.manual_seed(0)
    transformers.CLIPModel(config).save_pretrained(folder)
    processor = transformers.CLIPImageProcessor(
        size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}
    )
    processor.save_pretrained(folder)
    return folder


def _convnext(folder: Path) -> Path:
    config = transformers.ConvNextConfig(
        hidden_sizes=[8, 8, 12, 16], depths=[1, 1, 1, 1], image_size=64
    )
    torch.manual_seed(0)
    transformers.ConvNextModel(config).save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def _reference(folder: Path, paths: list[Path]) -> tuple[Any, torch.Tensor]:
    """The model by transformers alone, and what its processor makes of the pictures."""
    network = transformers.AutoModel.from_pretrained(folder).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    pictures = [Image.open(path).convert("RGB") for path in paths]
    return network, processor(images=pictures, return_tensors="pt")["pixel_values"]


def test_backends_agree_with_the_packaged_model(
    photos: list[Path], encoder: ImageEncoder, cache: Path
) -> None:
    made = encoder.encode(photos)
    assert made.pooled.dtype == np.float32 and made.pooled.shape == (len(photos), 1280)
    assert made.regions is not None and made.regions.dtype == np.float16
    assert made.regions.shape == (len(photos), 4, 1280)
    slow = ImageEncoder(size=SIZE, backend="torch", cache=cache).encode(photos)
    np.testing.assert_allclose(made.pooled, slow.pooled, atol=1e-4)
    np.testing.assert_allclose(made.regions, slow.regions, atol=5e-3)
    assert encoder.backend == "onnxruntime" and encoder.fallback is None

    pixels = to_square(np.asarray(Image.open(photos[0])), SIZE, "squash")
    x = (torch.tensor(pixels).float().permute(2, 0, 1)[None] - 127) / 128
    with torch.inference_mode():
        cells = load_efficientnet(SIZE).extract_features(x)[0]
    np.testing.assert_allclose(made.pooled[0], cells.mean((1, 2)), atol=1e-4)
    # Row by row: the second cell lies right of the first.
    np.testing.assert_allclose(made.regions[0, 1], cells[:, 0, 1], atol=5e-3)


def test_photographs_keep_their_classes() -> None:
    """The weights are ImageNet's: a plain green square is no dial telephone, and so on."""
    network = load_efficientnet(SIZE)
    assert network._fc.weight.shape == (1000, 1280) and not network.training
    assert float(network._bn0.running_var.std()) > 0.1  # trained, not initialised


def test_neither_threads_nor_neighbours_matter(
    photos: list[Path], encoder: ImageEncoder, cache: Path
) -> None:
    together = encoder.encode(photos)
    alone = ImageEncoder(size=SIZE, cache=cache, threads=1)
    order = np.random.default_rng(0).permutation(len(photos))
    other = alone.encode([photos[row] for row in order])
    assert other.regions is not None and together.regions is not None
    np.testing.assert_allclose(other.pooled, together.pooled[order], atol=1e-5)
    np.testing.assert_allclose(other.regions, together.regions[order], atol=5e-3)


def test_arrays_and_files_are_the_same_picture(photos: list[Path], encoder: ImageEncoder) -> None:
    path = photos[1]
    pixels = np.asarray(Image.open(path).convert("RGB"))
    made = encoder.encode([pixels, path], regions=False)
    np.testing.assert_allclose(made.pooled[0], made.pooled[1], atol=1e-5)
    assert made.regions is None
    with pytest.raises(InputError, match=r"float64 \(4, 4, 3\), expected uint8"):
        encoder.encode([np.zeros((4, 4, 3))])


def test_nothing_to_encode(encoder: ImageEncoder, tmp_path: Path) -> None:
    assert encoder.encode([]).pooled.shape == (0, 1280)
    found = encode_pictures_cached(encoder, [], [], FeatureCache(tmp_path))
    assert found["image"].shape == (0, 1280) and found["regions"].shape == (0, 4, 1280)


def test_a_picture_that_went_bad_is_named(photos: list[Path], encoder: ImageEncoder) -> None:
    with pytest.raises(InputError, match=r"gone\.png: missing"):
        encoder.encode([*photos, photos[0].with_name("gone.png")])


def test_crops() -> None:
    stripes = np.zeros((80, 160, 3), np.uint8)
    stripes[:, :40] = 255
    assert to_square(stripes, 32, "squash")[:, 0].min() == 255
    assert to_square(stripes, 32, "centre").max() == 0
    # 7/8 of the short side, from the middle.
    middle = np.zeros((80, 160, 3), np.uint8)
    middle[5:75, 45:115] = 255
    assert to_square(middle, 70, "centre").min() == 255


def test_identity_tells_encoders_apart(photos: list[Path], encoder: ImageEncoder) -> None:
    json.dumps(encoder.identity)
    others = [ImageEncoder(size=96), ImageEncoder(size=SIZE, crop="centre")]
    others.append(ImageEncoder(size=SIZE, backend="torch"))
    identities = [json.dumps(item.identity, sort_keys=True) for item in [encoder, *others]]
    assert len(set(identities)) == len(identities)


def test_a_hit_reads_no_picture_and_loads_no_network(
    photos: list[Path], encoder: ImageEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, digests = FeatureCache(tmp_path), _digests(photos)
    first = encode_pictures_cached(encoder, photos, digests, store)

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("must not happen")

    monkeypatch.setattr(image, "open_picture", never)
    monkeypatch.setattr(ImageEncoder, "load", never)
    fresh = ImageEncoder(size=SIZE, cache=tmp_path)
    again = encode_pictures_cached(fresh, photos, digests, store)
    for name in ("image", "regions"):
        np.testing.assert_array_equal(again[name], first[name])
        assert not again[name].flags.owndata  # mapped
    with pytest.raises(AssertionError, match="must not happen"):
        encode_pictures_cached(fresh, photos, ["0" * 64, *digests[1:]], store)


def test_an_interrupted_encoding_goes_on(
    photos: list[Path], encoder: ImageEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, digests = FeatureCache(tmp_path), _digests(photos)
    expected = encoder.encode(photos)
    monkeypatch.setattr(image, "BLOCK", 8)
    real, seen = image.open_picture, []

    def until_the_tenth(path: Path, **options: Any) -> Any:
        if path == photos[10]:
            raise KeyboardInterrupt
        return real(path, **options)

    monkeypatch.setattr(image, "open_picture", until_the_tenth)
    with pytest.raises(KeyboardInterrupt):
        encode_pictures_cached(encoder, photos, digests, store)
    assert len(list(tmp_path.iterdir())) == 1  # the first block, and nothing half-written

    def counted(path: Path, **options: Any) -> Any:
        seen.append(path)
        return real(path, **options)

    monkeypatch.setattr(image, "open_picture", counted)
    found = encode_pictures_cached(encoder, photos, digests, store)
    assert sorted(seen) == sorted(photos[8:])
    np.testing.assert_allclose(found["image"], expected.pooled, atol=1e-5)
    assert expected.regions is not None
    np.testing.assert_allclose(found["regions"], expected.regions, atol=5e-3)
    assert len(list(tmp_path.iterdir())) == 1  # the whole; its blocks are gone
    assert found["regions"].dtype == np.float16 and not found["regions"].flags.owndata


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_vision_transformer(
    photos: list[Path], tmp_path: Path, cache: Path, backend: Any
) -> None:
    folder, files = _vit(tmp_path), [path for path in photos if path.suffix != ".png"]
    own = ImageEncoder(str(folder), backend=backend, cache=cache)
    made = own.encode(files)
    network, pixels = _reference(folder, files)
    with torch.inference_mode():
        expected = network(pixel_values=pixels)
    assert own.backend == backend, own.fallback
    np.testing.assert_allclose(made.pooled, expected.pooler_output, atol=1e-4)
    assert made.regions is not None and made.regions.shape == (len(files), 16, 16)
    np.testing.assert_allclose(made.regions, expected.last_hidden_state[:, 1:], atol=5e-3)


def test_a_pooler_that_was_never_trained_is_not_used(
    photos: list[Path], tmp_path: Path, cache: Path
) -> None:
    """Classifiers are published without it: transformers would make one up, at random."""
    folder, files = _vit(tmp_path, whole=False), photos[:1]
    network, pixels = _reference(folder, files)
    with torch.inference_mode():
        expected = network(pixel_values=pixels).last_hidden_state[:, 0]
    for backend in ("onnxruntime", "torch"):
        made = ImageEncoder(str(folder), backend=backend, cache=cache).encode(files)
        np.testing.assert_allclose(made.pooled, expected, atol=1e-4)


def test_clip_gives_its_shared_space(photos: list[Path], tmp_path: Path, cache: Path) -> None:
    folder, files = _clip(tmp_path), [path for path in photos if path.suffix != ".png"]
    made = ImageEncoder(str(folder), cache=cache).encode(files)
    network, pixels = _reference(folder, files)
    with torch.inference_mode():
        vision = network.vision_model(pixel_values=pixels)
        expected = network.visual_projection(vision.pooler_output)
    assert made.pooled.shape == (len(files), 12)
    np.testing.assert_allclose(made.pooled, expected, atol=1e-4)
    assert made.regions is not None
    np.testing.assert_allclose(made.regions, vision.last_hidden_state[:, 1:], atol=5e-3)


def test_a_convolutional_model(photos: list[Path], tmp_path: Path, cache: Path) -> None:
    folder, files = _convnext(tmp_path), photos[:1]
    made = ImageEncoder(str(folder), cache=cache).encode(files)
    network, pixels = _reference(folder, files)
    with torch.inference_mode():
        expected = network(pixel_values=pixels)
    np.testing.assert_allclose(made.pooled, expected.pooler_output, atol=1e-4)
    assert made.regions is not None and made.regions.shape == (1, 4, 16)
    right = expected.last_hidden_state[0, :, 0, 1]
    np.testing.assert_allclose(made.regions[0, 1], right, atol=5e-3)


def test_a_folder_never_asks_the_hub(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("socket.socket.connect", never)
    monkeypatch.setattr("huggingface_hub.snapshot_download", never)
    ImageEncoder(str(_vit(tmp_path)), cache=cache).load()


def test_a_model_that_cannot_be_exported_falls_back(
    photos: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(image_graph, "_trace", refuse)
    store, digests = FeatureCache(tmp_path), _digests(photos)
    encoder = ImageEncoder(size=SIZE, cache=tmp_path)
    with caplog.at_level(logging.WARNING):
        found = encode_pictures_cached(encoder, photos, digests, store)
    assert "no such operator" in caplog.text and encoder.backend == "torch"
    assert "no such operator" in encoder.identity["fallback"]
    honest = ImageEncoder(size=SIZE, backend="torch", cache=tmp_path)
    monkeypatch.setattr(honest, "encode", refuse)
    again = encode_pictures_cached(honest, photos, digests, store)
    np.testing.assert_array_equal(again["image"], found["image"])


def test_a_graph_is_exported_once_and_mended(
    photos: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _vit(tmp_path / "vit")
    first = ImageEncoder(str(folder), cache=tmp_path).encode(photos[:1])
    (graph,) = (tmp_path / "onnx").iterdir()
    stamp = graph.stat().st_mtime_ns
    ImageEncoder(str(folder), cache=tmp_path).load()
    assert graph.stat().st_mtime_ns == stamp
    graph.write_bytes(graph.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        again = ImageEncoder(str(folder), cache=tmp_path).encode(photos[:1])
    assert "unreadable" in caplog.text
    np.testing.assert_array_equal(first.pooled, again.pooled)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 8}, "encoders.image.size is 8"),
        ({"crop": "stretch"}, "encoders.image.crop is 'stretch'"),
        ({"backend": "jax"}, "encoders.image.backend is 'jax'"),
        ({"threads": 0}, "encoders.image.threads is 0"),
        ({"model": "/no/such/folder"}, "no such folder"),
        ({"model": "nobody/nothing"}, "hub did not give it"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImageEncoder(**settings)


def test_a_folder_without_a_processor_is_refused(tmp_path: Path) -> None:
    (_vit(tmp_path) / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"lacks preprocessor_config\.json"):
        find_model(str(tmp_path))
