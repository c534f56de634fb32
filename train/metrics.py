# SPDX-License-Identifier: BSD-2-Clause
"""Figures of merit on sRGB images in 0..1, [N, 3, H, W] tensors; one value an image. No network in here."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal to noise in dB over all three channels of 8-bit images."""
    quantised = [(t * 255).round() / 255 for t in (a, b)]
    return -10 * torch.log10((quantised[0] - quantised[1]).square().mean((1, 2, 3)).clamp(min=1e-10))


def colorfulness(image: Tensor) -> Tensor:
    """Hasler and Suesstrunk's measure, of absolute opponent differences, in units of 255."""
    r, g, b = image[:, 0] * 255, image[:, 1] * 255, image[:, 2] * 255
    rg, yb = (r - g).abs().flatten(1), (0.5 * (r + g) - b).abs().flatten(1)
    spread = (rg.var(1, unbiased=False) + yb.var(1, unbiased=False)).sqrt()
    return spread + 0.3 * (rg.mean(1).square() + yb.mean(1).square()).sqrt()


def delta_e2000(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """CIEDE2000 of two Lab arrays [..., 3]."""
    l1, a1, b1 = (first[..., i].astype(np.float64) for i in range(3))
    l2, a2, b2 = (second[..., i].astype(np.float64) for i in range(3))
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1) % (2 * np.pi), np.arctan2(b2, a2) % (2 * np.pi)
    turn = h2 - h1
    turn = np.where(turn > np.pi, turn - 2 * np.pi, np.where(turn < -np.pi, turn + 2 * np.pi, turn))
    colored = c1 * c2 > 0
    turn = np.where(colored, turn, 0)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(turn / 2)
    ml, mc = (l1 + l2) / 2, (c1 + c2) / 2
    mh = np.where(np.abs(h1 - h2) > np.pi, (h1 + h2 + 2 * np.pi) / 2 % (2 * np.pi), (h1 + h2) / 2)
    mh = np.where(colored, mh, h1 + h2)
    t = (1 - 0.17 * np.cos(mh - np.pi / 6) + 0.24 * np.cos(2 * mh) + 0.32 * np.cos(3 * mh + np.pi / 30)
         - 0.20 * np.cos(4 * mh - 63 * np.pi / 180))
    sl = 1 + 0.015 * (ml - 50) ** 2 / np.sqrt(20 + (ml - 50) ** 2)
    sc, sh = 1 + 0.045 * mc, 1 + 0.015 * mc * t
    rotation = np.sin(np.pi / 3 * np.exp(-(((np.degrees(mh) - 275) / 25) ** 2)))
    rt = -2 * np.sqrt(mc**7 / (mc**7 + 25.0**7)) * rotation
    x, y, z = dl / sl, dc / sc, dh / sh
    return np.sqrt(np.maximum(x * x + y * y + z * z + rt * y * z, 0))
