"""A pretrained CLIP, random and tiny, read from disk: frozen, probed, prompted, fine-tuned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

import tiny_clip
from multimodal_study.contract import Features
from multimodal_study.data.batches import Batch, FeatureBatches
from multimodal_study.encoders import clip_views
from multimodal_study.encoders.clip_views import IMAGE, PIXELS, TEXT, TOKEN_IDS
from multimodal_study.errors import InputError
from multimodal_study.pipelines.paradigms.views import see_through
from tiny_garments import build, config, pairs

N = 12
WORDS = ("red shirt", "blue skirt", "green coat", "a long grey dress")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_clip.save(tmp_path_factory.mktemp("clip")))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Twelve pictures below a root; one row has none, another has no text."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names: list[str | None] = []
    for row in range(N):
        noise = rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{row}.png")
        names.append(f"{row}.png")
    texts: list[str | None] = [f"{WORDS[row % 4]} {'abcdefghijkl'[row]}" for row in range(N)]
    names[3], texts[5] = None, None
    return pd.DataFrame({"image": names, "text": texts}), {"root": str(tmp_path)}


def seen(model: str, source: Any, mode: str) -> Features:
    table, files = source
    chosen = {"model": model, "mode": mode, "pair": ["image", "text"]}
    return see_through(pairs(N), table, files, chosen)


def batch_of(features: Features, n: int = N) -> Batch:
    return FeatureBatches(features, np.arange(n), n).gather(np.arange(n))


def test_frozen_embeddings_are_those_of_the_model_and_its_processor(
    model: str, source: Any
) -> None:
    features = seen(model, source, "heads")
    assert list(features.modalities) == [IMAGE, TEXT]
    table, files = source
    network = CLIPModel.from_pretrained(model).eval()
    shown = Image.open(Path(files["root"]) / "7.png").convert("RGB")
    pixels = CLIPImageProcessorPil.from_pretrained(model)(shown, return_tensors="pt")
    ids = CLIPTokenizer.from_pretrained(model)(table["text"][7], return_tensors="pt")
    with torch.inference_mode():
        image = network.get_image_features(**pixels).pooler_output[0]
        text = network.get_text_features(**ids).pooler_output[0]
    np.testing.assert_allclose(features.arrays[IMAGE][7], image, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features.arrays[TEXT][7], text, rtol=1e-4, atol=1e-5)
    assert features.present[IMAGE].tolist() == [row != 3 for row in range(N)]
    assert features.present[TEXT].tolist() == [row != 5 for row in range(N)]


def test_frozen_embeddings_come_from_the_cache_the_second_time(
    model: str, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = seen(model, source, "heads")

    def never(*_: Any) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(clip_views, "encode_pictures", never)
    second = seen(model, source, "heads")
    np.testing.assert_array_equal(first.arrays[IMAGE], second.arrays[IMAGE])
    source[0].loc[0, "text"] = "another text"
    with pytest.raises(AssertionError, match="encoded again"):
        seen(model, source, "heads")


def test_fine_tuning_starts_at_the_frozen_embeddings_and_moves_both_towers(
    model: str, source: Any
) -> None:
    frozen = batch_of(seen(model, source, "heads"))
    features = seen(model, source, "full")
    assert features.arrays[PIXELS].dtype == np.uint8
    module = build(features, mode="full", model=model, learning_rate=0.01)
    batch = batch_of(features)
    assert set(batch.inputs) == {PIXELS, TOKEN_IDS}
    module.eval()
    found = module.embed(batch)
    for origin, name in (("image", IMAGE), ("text", TEXT)):
        there = frozen.present[name]
        expected = torch.nn.functional.normalize(frozen.inputs[name], dim=1)
        # Pixels are rounded to bytes before they are normalised.
        torch.testing.assert_close(found[origin][there], expected[there], atol=0.02, rtol=0)
    module.train()
    module.loss(batch).backward()
    still = [
        name
        for name, parameter in module.body.named_parameters()
        if parameter.grad is None and not name.endswith("logit_scale")
    ]
    assert still == []
    rates = [group.get("lr") for group in module.parameter_groups()]
    assert rates == [1e-5, 1e-5, None, None]
    again = type(module).rebuild(
        module.config, features.modalities, features.task, module.state_dict()
    )
    torch.testing.assert_close(again.predict(batch), module.eval().predict(batch))


@pytest.mark.parametrize("mode", ["heads", "linear_probe", "zero_shot", "full"])
def test_every_mode_predicts_and_embeds(model: str, source: Any, mode: str) -> None:
    features = seen(model, source, mode)
    module = build(features, mode=mode, model=model)
    batch = batch_of(features)
    loss = module.loss(batch)
    loss.backward()
    assert module.logit_scale.grad is not None and torch.isfinite(loss)
    learned = {name.split(".")[0] for name, p in module.named_parameters() if p.requires_grad}
    frozen = mode in {"linear_probe", "zero_shot"}
    assert ("body" in learned) is not frozen
    assert ("probe" in learned) is (mode != "zero_shot")
    module.eval()
    torch.testing.assert_close(module.predict(batch).sum(1), torch.ones(N))
    assert module.embed(batch)["image"].shape[0] == N
    assert torch.isfinite(module.validation_loss(batch))


def test_zero_shot_is_the_cosine_of_picture_and_prompts(model: str, source: Any) -> None:
    features = seen(model, source, "zero_shot")
    prompts = ["{label}", "a photo of {label}"]
    module = build(features, mode="zero_shot", model=model, prompts=prompts).eval()
    batch = batch_of(features)
    network = CLIPModel.from_pretrained(model).eval()
    tokenizer = CLIPTokenizer.from_pretrained(model)
    classes = []
    for label in features.task.classes:
        ids = [tokenizer(p.replace("{label}", label), return_tensors="pt") for p in prompts]
        with torch.inference_mode():
            found = [network.get_text_features(**i).pooler_output[0] for i in ids]
        mean = torch.stack([v / v.norm() for v in found]).mean(0)
        classes.append(mean / mean.norm())
    images = torch.nn.functional.normalize(batch.inputs[IMAGE], dim=1)
    expected = (images @ torch.stack(classes).T / module.config.temperature).softmax(1)
    torch.testing.assert_close(module.predict(batch), expected, rtol=1e-3, atol=1e-5)


def test_pixels_of_the_features_stand_in_for_files(model: str, source: Any) -> None:
    table, files = source
    base = pairs(N)
    shown = np.random.default_rng(1).integers(0, 255, (N, 20, 20, 3), dtype=np.uint8)
    pixels = replace(base.modalities["image"], kind="pixels", width=3)
    base = replace(
        base,
        arrays={**base.arrays, "image": shown},
        modalities={**base.modalities, "image": pixels},
    )
    chosen = {"model": model, "mode": "heads", "pair": ["image", "text"]}
    found = see_through(base, table.drop(columns="image"), files, chosen)
    expected = clip_views.encode_pictures(model, lambda row: shown[row], N)
    np.testing.assert_allclose(found.arrays[IMAGE], expected, rtol=1e-5)
    with pytest.raises(InputError, match="has no column 'image'"):
        see_through(pairs(N), table.drop(columns="image"), files, chosen)


def test_without_a_model_the_features_stay_as_they_are(source: Any) -> None:
    features = pairs(N)
    assert see_through(features, source[0], source[1], {"model": None}) is features


def test_mistakes_are_named(model: str, source: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        clip_views.clip_folder("./nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="save_pretrained"):
        clip_views.clip_folder(str(tmp_path / "empty"))
    table, files = source
    chosen = {"model": model, "mode": "heads", "pair": ["image", "text"]}
    with pytest.raises(InputError, match=r"11 rows.*\[12\] rows"):
        see_through(pairs(N), table[1:], files, chosen)
    outside = table.assign(image="../secret.png")
    with pytest.raises(InputError, match="outside_root"):
        see_through(pairs(N), outside, files, chosen)
    with pytest.raises(InputError, match=r"clip\.mode"):
        config(mode="linear_probe", model=None)
