"""Maps of a network whose map is known, and the path that they are made through."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from multimodal_study.contract import Modality
from multimodal_study.data.batches import Batch
from multimodal_study.encoders.image import ImageEncoder
from multimodal_study.errors import InputError
from multimodal_study.interpretation import grad_cam as cam
from multimodal_study.interpretation.picture_path import CutEncoder, PicturePath, check_features

N, K, SIDE = 3, 4, 5


class Nothing(nn.Module):
    """An encoder whose layer is its last grid."""

    def behind(self, activations: Tensor) -> Tensor:
        return activations


def modality(name: str, kind: Any, width: int = K) -> Modality:
    return Modality(name, "item", kind, width, "image", "normal", "test")


def batch(n: int = N) -> Batch:
    rows = torch.arange(n)
    present = torch.ones(n, dtype=torch.bool)
    inputs = {"image": torch.zeros(n, K), "regions": torch.zeros(n, SIDE * SIDE, K)}
    full = torch.full((n,), SIDE * SIDE)
    return Batch(inputs, dict.fromkeys(inputs, present), rows, rows, {"regions": full})


def path(score: Any, **read: Modality) -> PicturePath:
    made = {"image": modality("image", "image"), "regions": modality("regions", "regions")}
    return PicturePath(Nothing(), score, SimpleNamespace(modalities=made), read or made)  # type: ignore[arg-type]


def grids(seed: int = 0) -> Tensor:
    return torch.rand((N, K, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))


def test_grad_cam_of_a_linear_score_of_the_pooled_vector_is_its_weights() -> None:
    weight = torch.tensor([2.0, -1.0, 0.5, 0.0])
    a = grids()
    maps = cam.grad_cam(path(lambda seen: seen.inputs["image"] @ weight), a, batch())
    # Each cell's gradient is w / 25, and so is its mean.
    expected = torch.einsum("k,nkhw->nhw", weight / SIDE**2, a).relu()
    torch.testing.assert_close(maps, expected)
    assert (expected == 0).any() and (expected > 0).any()


def test_grad_cam_pp_follows_the_equations_cell_by_cell() -> None:
    w = torch.linspace(-1.0, 2.0, K * SIDE * SIDE).view(SIDE * SIDE, K)

    def score(seen: Batch) -> Tensor:
        return (seen.inputs["regions"] * w).sum((1, 2)) + seen.inputs["image"][:, 0]

    a = grids(1)
    maps = cam.grad_cam_plus_plus(path(score), a, batch()).numpy()
    g = w.numpy().T.reshape(K, SIDE, SIDE).copy()
    g[0] += 1 / SIDE**2
    for n in range(N):
        expected = np.zeros((SIDE, SIDE))
        for k in range(K):
            total = float(a[n, k].sum())
            weight = sum(
                g[k, i, j] ** 2 / (2 * g[k, i, j] ** 2 + total * g[k, i, j] ** 3) * g[k, i, j]
                for i in range(SIDE)
                for j in range(SIDE)
                if g[k, i, j] > 0
            )
            expected += weight * a[n, k].numpy()
        assert maps[n] == pytest.approx(np.maximum(expected, 0), rel=1e-4)


def test_a_score_that_does_not_look_has_no_map() -> None:
    blind = path(lambda seen: seen.inputs["image"][:, 0] * 0.0)
    for method in (cam.grad_cam, cam.grad_cam_plus_plus):
        assert not method(blind, grids(), batch()).any()


def test_a_grid_that_a_network_reads_as_one_vector_is_summarised() -> None:
    read = {"regions": modality("regions", "image", 2 * K)}
    a = grids()
    seen = path(lambda seen: seen.inputs["regions"].sum(1), **read).see(a, batch())
    assert set(seen.inputs) == {"image", "regions"} and seen.inputs["regions"].shape == (N, 2 * K)
    assert torch.equal(seen.inputs["regions"][:, :K], a.amax((2, 3)))


def test_maps_grow_to_the_picture_with_their_peak_in_place() -> None:
    small = torch.zeros(1, SIDE, SIDE)
    small[0, 1, 3] = 1.0
    large = cam.upsampled(small, 50)[0]
    row, column = divmod(int(large.argmax()), 50)
    assert large.shape == (50, 50) and row // 10 == 1 and column // 10 == 3


@pytest.fixture(scope="module")
def pixels() -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(0)
    return np.asarray(rng.integers(0, 256, (2, 64, 64, 3)), dtype=np.uint8)


def test_the_path_ends_in_the_features_that_were_saved(
    pixels: np.ndarray[Any, Any], tmp_path: Any
) -> None:
    saved = ImageEncoder(size=64, backend="torch", cache=tmp_path).encode(list(pixels))
    assert saved.regions is not None
    arrays = {"image": saved.pooled, "regions": saved.regions}
    made: dict[str, Any] = {
        name: modality(name, name, array.shape[-1]) for name, array in arrays.items()
    }
    features: Any = SimpleNamespace(arrays=arrays, modalities=made)
    entities = np.array([1, 0])
    for layer, side in (("grid", 2), ("stride_16", 4)):
        encoder = CutEncoder(64, layer)  # type: ignore[arg-type]
        activations = encoder.activations(pixels[entities])
        assert activations.shape[2:] == (side, side)
        assert check_features(encoder, activations, features, entities) < 0.5
        with pytest.raises(RuntimeError, match="differ from the saved ones"):
            check_features(encoder, activations, features, entities[::-1])


def test_gradients_reach_a_layer_inside_the_encoder(pixels: np.ndarray[Any, Any]) -> None:
    encoder = CutEncoder(64, "stride_16")
    made: Any = SimpleNamespace(modalities={"image": modality("image", "image", 1280)})
    inside = PicturePath(encoder, lambda b: b.inputs["image"][:, :9].sum(1), made, made.modalities)
    maps = cam.grad_cam(inside, encoder.activations(pixels), batch(2))
    assert maps.shape == (2, 4, 4) and (maps >= 0).all() and maps.any()
    with pytest.raises(InputError, match=r"explain\.layer is 'first'"):
        CutEncoder(64, "first")  # type: ignore[arg-type]
