"""Attention and blocks against a reference written out with loops; checkpoints against theirs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from multimodal_study.errors import InputError
from multimodal_study.models.bodies import Recorder, Sequence, make_body
from multimodal_study.models.checkpoint import copy_checkpoint, read_shape
from multimodal_study.models.coattention import Attention, CoAttentionBlock, Shape
from tiny_lxmert import lxmert, vilt

SHAPE = Shape(8, 2, 12, 1, 2, 2, "pre", 0.0)


def linear(module: torch.nn.Linear, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return x @ module.weight.detach().numpy().T + module.bias.detach().numpy()


def attend(module: Attention, x: Any, context: Any, used: Any) -> tuple[Any, Any]:
    """One example, one position, one head at a time."""
    q, k, v = (
        linear(getattr(module, part), source)
        for part, source in (("query", x), ("key", context), ("value", context))
    )
    size = x.shape[1] // module.heads
    mixed = np.zeros_like(x)
    weights = np.zeros((module.heads, len(x), len(context)))
    for head in range(module.heads):
        part = slice(head * size, (head + 1) * size)
        for i in range(len(x)):
            scores = [
                np.exp(q[i, part] @ k[j, part] / np.sqrt(size)) if used[j] else 0.0
                for j in range(len(context))
            ]
            for j in range(len(context)):
                weights[head, i, j] = scores[j] / sum(scores)
                mixed[i, part] += weights[head, i, j] * v[j, part]
    return linear(module.output, mixed), weights


def normalise(module: torch.nn.LayerNorm, x: Any) -> Any:
    centred = x - x.mean(1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + module.eps)
    return scaled * module.weight.detach().numpy() + module.bias.detach().numpy()


def block_by_hand(block: CoAttentionBlock, t: Any, tu: Any, v: Any, vu: Any, *, pre: bool) -> Any:
    def sublayer(residual: Any, x: Any, change: Any) -> Any:
        if pre:
            return x + change(normalise(residual.norm, x))
        return normalise(residual.norm, x + change(x))

    def fed(own: Any, x: Any) -> Any:
        inner = F.gelu(torch.from_numpy(linear(own.feed_forward[0], x))).numpy()
        return linear(own.feed_forward[2], inner)

    other_t = normalise(block.text_sum.norm, t) if pre else t
    other_v = normalise(block.image_sum.norm, v) if pre else v
    new_t = sublayer(block.text_sum, t, lambda x: attend(block.text_reads, x, other_v, vu)[0])
    new_v = sublayer(block.image_sum, v, lambda x: attend(block.image_reads, x, other_t, tu)[0])
    answers = []
    for own, x, used in ((block.text, new_t, tu), (block.image, new_v, vu)):
        y = sublayer(own.attended, x, lambda z, o=own, u=used: attend(o.attention, z, z, u)[0])
        answers.append(sublayer(own.fed, y, lambda z, o=own: fed(o, z)))
    return answers


def pair(b: int = 3, t: int = 4, r: int = 5) -> tuple[Sequence, Sequence]:
    torch.manual_seed(1)
    text_used = torch.tensor([[True] * t, [True, True] + [False] * (t - 2), [True] + [False] * 3])
    image_used = torch.tensor([[True] * r, [True] * 4 + [False], [True] * 2 + [False] * 3])
    return Sequence(torch.randn(b, t, 8), text_used), Sequence(torch.randn(b, r, 8), image_used)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_block_is_what_the_formulas_say(norm: Any) -> None:
    torch.manual_seed(0)
    block = CoAttentionBlock(replace(SHAPE, norm=norm)).eval()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    text, image = pair()
    with torch.no_grad():
        found = block(*text, *image)
    for row in range(3):
        expected = block_by_hand(
            block,
            text.states[row].numpy(),
            text.used[row].numpy(),
            image.states[row].numpy(),
            image.used[row].numpy(),
            pre=norm == "pre",
        )
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one[row].numpy(), other, atol=2e-5)


def test_recorded_weights_are_those_that_were_used() -> None:
    torch.manual_seed(0)
    module = Attention(8, 2)
    text, image = pair()
    record: list[torch.Tensor] = []
    with torch.no_grad():
        plain = module(text.states, image.states, image.used)
        recorded = module(text.states, image.states, image.used, record)
    torch.testing.assert_close(plain, recorded)
    for row in range(3):
        _, weights = attend(
            module, text.states[row].numpy(), image.states[row].numpy(), image.used[row].numpy()
        )
        np.testing.assert_allclose(record[0][row].numpy(), weights, atol=1e-6)


@pytest.mark.parametrize("single", [False, True])
def test_first_positions_alone_are_the_first_of_all(single: bool) -> None:
    torch.manual_seed(0)
    body = make_body(SHAPE, single_stream=single).eval()
    text, image = pair()
    with torch.no_grad():
        whole, few = body.together(text, image), body.together(text, image, positions=1)
    for one, other in zip(whole, few, strict=True):
        assert other.shape[1] == 1
        torch.testing.assert_close(one[:, :1], other)


@pytest.mark.parametrize("width", [32, 128])
@pytest.mark.parametrize("depths", [(1, 1, 1), (0, 0, 2), (2, 3, 1)])
def test_the_control_has_about_as_many_parameters(width: int, depths: Any) -> None:
    shape = Shape(width, 4, 2 * width, *depths, "pre", 0.0)
    two, one = (
        sum(p.numel() for p in make_body(shape, single_stream=single).parameters())
        for single in (False, True)
    )
    assert abs(one / two - 1) < 0.1


def masked(used: torch.Tensor) -> torch.Tensor:
    return (~used)[:, None, None].float() * torch.finfo(torch.float32).min


def sequences() -> tuple[Sequence, Sequence]:
    text, image = pair()
    torch.manual_seed(3)
    return Sequence(torch.randn(3, 4, 16), text.used), Sequence(torch.randn(3, 5, 16), image.used)


def test_a_body_from_an_lxmert_computes_what_the_lxmert_computes(tmp_path: Path) -> None:
    model = lxmert(tmp_path)
    shape = read_shape(str(tmp_path), SHAPE, single=False)
    assert (shape.text_depth, shape.image_depth, shape.coattention_depth) == (2, 1, 2)
    body = make_body(shape, single_stream=False).eval()
    copy_checkpoint(str(tmp_path), body)
    text, image = sequences()
    with torch.no_grad():
        model.encoder.visn_fc = Through()
        vision, language, attentions = model.encoder(
            text.states, masked(text.used), image.states, None, masked(image.used), True
        )
        carried = body.carry("text", text), body.carry("image", image)
        record = Recorder([], [])
        t, v = body.together(*carried, record=record)
    torch.testing.assert_close(t[text.used], language[0][-1][text.used], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(v[image.used], vision[0][-1][image.used], atol=1e-5, rtol=1e-4)
    for own, theirs in zip(record.text_to_image, attentions, strict=True):
        torch.testing.assert_close(own, theirs, atol=1e-5, rtol=1e-4)


def test_a_single_stream_from_a_vilt_computes_what_the_vilt_computes(tmp_path: Path) -> None:
    model = vilt(tmp_path)
    shape = read_shape(str(tmp_path), SHAPE, single=True)
    body = make_body(shape, single_stream=True).eval()
    copy_checkpoint(str(tmp_path), body)
    text, image = sequences()
    with torch.no_grad():
        t, v = body.together(text, image)
        both = torch.cat([text.states, image.states], 1)
        used = torch.cat([text.used, image.used], 1)
        theirs = model.layernorm(model.encoder(both, masked(used)).last_hidden_state)
    torch.testing.assert_close(torch.cat([t, v], 1)[used], theirs[used], atol=1e-5, rtol=1e-4)


class Through(torch.nn.Module):
    """LXMERT's embedding of features and boxes, left out."""

    def forward(self, features: Any, boxes: Any) -> Any:
        return features


def test_what_is_no_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"vilbert\.pretrained=\./nowhere"):
        read_shape("./nowhere", SHAPE, single=False)
    with pytest.raises(InputError, match=r"no config\.json"):
        read_shape(str(tmp_path), SHAPE, single=False)
    lxmert(tmp_path)
    with pytest.raises(InputError, match="'lxmert', expected 'vilt'"):
        read_shape(str(tmp_path), SHAPE, single=True)
    path = tmp_path / "config.json"
    changed = json.loads(path.read_text()) | {"intermediate_size": 20}
    path.write_text(json.dumps(changed))
    body = make_body(read_shape(str(tmp_path), SHAPE, single=False), single_stream=False)
    with pytest.raises(InputError, match=r"has shape \(24, 16\), expected \(20, 16\)"):
        copy_checkpoint(str(tmp_path), body)
