"""Class activation maps by gradients, through the image encoder and a fusion network.

With activations ``A`` ``[k, h, w]`` of a layer and a score ``s``:

- Grad-CAM (Selvaraju et al. 2017): ``relu(sum_k w_k A_k)``, ``w_k`` the mean of ``ds / dA_k``; by
  Captum
- Grad-CAM++ (Chattopadhay et al. 2018): ``w_k = sum_ij a_kij relu(g_kij)``, ``g = ds / dA``, and
  ``a_kij = g_kij^2 / (2 g_kij^2 + sum_ab A_kab g_kij^3)`` (equations 15 and 19 of ``exp(s)``: its
  common factor does not change where a map is high)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from captum.attr import LayerGradCam
from torch import Tensor
from torch.nn import functional as F

from multimodal_study.data.batches import Batch
from multimodal_study.interpretation.picture_path import PicturePath

Explain = Callable[[PicturePath, Tensor, Batch], Tensor]
"""A path, activations ``[b, k, h, w]`` and their batch to maps ``[b, h, w]``, not negative."""


def grad_cam(path: PicturePath, activations: Tensor, batch: Batch) -> Tensor:
    """Grad-CAM ``[b, h, w]`` of the path's score."""
    captum = LayerGradCam(path, path.layer)
    maps: Tensor = captum.attribute(
        activations, additional_forward_args=(batch,), relu_attributions=True
    )
    return maps[:, 0].detach()


def grad_cam_plus_plus(path: PicturePath, activations: Tensor, batch: Batch) -> Tensor:
    """Grad-CAM++ ``[b, h, w]`` of the path's score."""
    activations = activations.detach().requires_grad_()
    (g,) = torch.autograd.grad(path(activations, batch).sum(), activations)
    below = 2 * g.square() + activations.sum((2, 3), keepdim=True) * g.pow(3)
    share = torch.where(below != 0, g.square() / below, 0.0)
    weight = (share * g.relu()).sum((2, 3), keepdim=True)
    return (weight * activations).sum(1).relu().detach()


def upsampled(maps: Tensor, size: int) -> Tensor:
    """Maps ``[n, h, w]`` on the pixels of a picture, ``[n, size, size]``, between cells linear."""
    return F.interpolate(maps[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0]
