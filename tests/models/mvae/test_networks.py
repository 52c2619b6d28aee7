"""Encoders and decoders of vectors and pictures."""

from __future__ import annotations

import pytest
import torch

from multimodal_study.models.mvae.networks import (
    PictureDecoder,
    PictureEncoder,
    Standardise,
    pyramid,
)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 64, 48)])
def test_pictures_go_in_and_come_out(shape: tuple[int, int, int]) -> None:
    width = shape[0] * shape[1] * shape[2]
    encoder, decoder = PictureEncoder(shape, 4, 16, 6), PictureDecoder(3, 16, shape, 4)
    x = torch.rand(2, width)
    assert encoder(x).shape == (2, 6)
    assert decoder(torch.zeros(2, 3)).shape == (2, width)


def test_the_published_grid_of_28_and_what_cannot_be_halved() -> None:
    assert pyramid((1, 28, 28), 64) == [(64, (14, 14)), (128, (7, 7))]
    assert pyramid((3, 64, 64), 32)[-1] == (128, (8, 8))
    with pytest.raises(ValueError, match="cannot be halved"):
        pyramid((3, 27, 27), 8)


def test_standardising_and_back() -> None:
    layer = Standardise(3)
    rows = torch.tensor([[1.0, 5.0, 0.0], [3.0, 5.0, 10.0]])
    layer.start([rows])
    torch.testing.assert_close(layer(rows), torch.tensor([[-1.0, 0.0, -1.0], [1.0, 0.0, 1.0]]))
    torch.testing.assert_close(layer.back(layer(rows)), rows)
    # A column that was constant on train says nothing; an impossible value is cut.
    strange = layer(torch.tensor([[2.0, 7.0, 1e30]]))
    torch.testing.assert_close(strange, torch.tensor([[0.0, 0.0, 20.0]]))
