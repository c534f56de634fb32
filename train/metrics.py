# SPDX-License-Identifier: BSD-2-Clause
"""Figures of merit on sRGB images in 0..1, [N, 3, H, W] tensors; one value an image. No network in here."""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
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


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity, mean of the three channels: Gaussian windows of 11 x 11 with sigma 1.5, K1 = 0.01,
    K2 = 0.03, valid windows only (Wang, Bovik, Sheikh, Simoncelli, 2004)."""
    x = torch.arange(11, dtype=torch.float32) - 5
    g = torch.exp(-0.5 * (x / 1.5) ** 2)
    g = g / g.sum()

    def mean(t: Tensor) -> Tensor:
        t = F.conv2d(t, g.view(1, 1, 11, 1).expand(3, 1, 11, 1), groups=3)
        return F.conv2d(t, g.view(1, 1, 1, 11).expand(3, 1, 1, 11), groups=3)

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    value = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2))
    return value.mean((1, 2, 3))


def hue_histogram(ab: np.ndarray, bins: int = 12) -> np.ndarray:
    """Share of the whole chroma that each twelfth of the hue circle holds; ab is [..., 2]."""
    chroma = np.hypot(ab[..., 0], ab[..., 1]).ravel()
    hue = np.arctan2(ab[..., 1], ab[..., 0]).ravel() % (2 * np.pi)
    at = np.minimum((hue * (bins / (2 * np.pi))).astype(int), bins - 1)
    return np.bincount(at, chroma, bins) / max(float(chroma.sum()), 1e-9)


def hue_skew(first: np.ndarray, second: np.ndarray) -> float:
    """Total variation between the hue histograms of two sets of ab: 0 alike, 1 no hue in common."""
    return float(np.abs(hue_histogram(first) - hue_histogram(second)).sum() / 2)


def skin_colored(rgb: np.ndarray) -> np.ndarray:
    """Pixels of sRGB [..., 3] in 0..1 whose chroma skin may have: Cb 77 to 127 and Cr 133 to 173 of ITU-R BT.601
    (Chai and Ngan, 1999). Wood, sand and fur pass too."""
    r, g, b = (255 * rgb[..., k] for k in range(3))
    cb = 128 - 0.168736 * r - 0.331264 * g + 0.5 * b
    cr = 128 + 0.5 * r - 0.418688 * g - 0.081312 * b
    return (cb >= 77) & (cb <= 127) & (cr >= 133) & (cr <= 173)
