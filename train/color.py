# SPDX-License-Identifier: BSD-2-Clause
"""sRGB and CIELAB (D65) in PyTorch, exact, on any device. Images are [..., 3, H, W]."""
from __future__ import annotations

import torch
from torch import Tensor

# Linear sRGB to XYZ, each row divided by the white point's coordinate, so that white maps to (1, 1, 1).
_XYZ = torch.tensor([[0.4124564, 0.3575761, 0.1804375],
                     [0.2126729, 0.7151522, 0.0721750],
                     [0.0193339, 0.1191920, 0.9503041]], dtype=torch.float64)
_WHITE = _XYZ.sum(1)
_TO_XYZ = (_XYZ / _WHITE[:, None])
_FROM_XYZ = torch.linalg.inv(_TO_XYZ)
_EPS = (6 / 29) ** 3
LUMA = tuple(float(v) for v in _TO_XYZ[1])


def srgb_to_linear(x: Tensor) -> Tensor:
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp(min=0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(x: Tensor) -> Tensor:
    x = x.clamp(0, 1)
    return torch.where(x <= 0.0031308, x * 12.92, 1.055 * x.clamp(min=1e-8) ** (1 / 2.4) - 0.055)


def _f(t: Tensor) -> Tensor:
    return torch.where(t > _EPS, t.clamp(min=1e-8) ** (1 / 3), t * (29 / 6) ** 2 / 3 + 4 / 29)


def _f_inverse(t: Tensor) -> Tensor:
    return torch.where(t > 6 / 29, t ** 3, (t - 4 / 29) * 3 * (6 / 29) ** 2)


def _mix(matrix: Tensor, x: Tensor) -> Tensor:
    m = matrix.to(x)
    rows = [m[i, 0] * x[..., 0, :, :] + m[i, 1] * x[..., 1, :, :] + m[i, 2] * x[..., 2, :, :] for i in range(3)]
    return torch.stack(rows, -3)


def lightness(y: Tensor) -> Tensor:
    """L of a relative luminance."""
    return 116 * _f(y) - 16


def linear_to_lab(linear: Tensor) -> Tensor:
    f = _f(_mix(_TO_XYZ, linear))
    fx, fy, fz = f[..., 0, :, :], f[..., 1, :, :], f[..., 2, :, :]
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], -3)


def srgb_to_lab(x: Tensor) -> Tensor:
    return linear_to_lab(srgb_to_linear(x))


def lab_to_srgb(lab: Tensor) -> Tensor:
    """Clipped to the sRGB cube."""
    fy = (lab[..., 0, :, :] + 16) / 116
    f = torch.stack([fy + lab[..., 1, :, :] / 500, fy, fy - lab[..., 2, :, :] / 200], -3)
    return linear_to_srgb(_mix(_FROM_XYZ, _f_inverse(f)))
