# SPDX-License-Identifier: BSD-2-Clause
"""What the tests know of colour, apart from the library: IEC 61966-2-1, BT.709 luminance, CIELAB under D65."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def light(samples: npt.ArrayLike, top: float = 1.0) -> Array:
    """sRGB samples, 0..top, in linear light."""
    s = np.asarray(samples, dtype=np.float64) / top
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def srgb(linear: npt.ArrayLike, top: float = 1.0) -> Array:
    """The inverse of light(), held in 0..top."""
    v = np.clip(np.asarray(linear, dtype=np.float64), 0, 1)
    return top * np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055)


def luminance(rgb: npt.ArrayLike, top: float = 1.0) -> Array:
    """sRGB value of the luminance of pixels [..., 3 or 4], 0..top."""
    return srgb(light(rgb, top)[..., :3] @ XYZ[1], top)


def chroma(rgb: npt.ArrayLike, top: float = 1.0) -> Array:
    """CIELAB a and b of sRGB pixels [..., 3], 0..top."""
    xyz = light(rgb, top) @ (XYZ / XYZ.sum(axis=1, keepdims=True)).T
    f = np.where(xyz > (24 / 116) ** 3, np.cbrt(xyz), xyz * 841 / 108 + 16 / 116)
    return np.stack([500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)
