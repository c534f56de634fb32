#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How well hints hold: random colours at random places of photographs, and what came out there.

    python3 -m bench.hints [PHOTO ...]        # default: those of examples/photos

The error is that of the full-size output in the core of each hint, the inner half of its radius, against the hint's a, b
brought into sRGB's gamut at each pixel's own lightness. Random colours: the network disagrees with nearly all of them.
"""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from tools.colorizer import Colorizer
from train import color
from train.metrics import delta_e2000

Array = npt.NDArray[np.float64]
DARK_L = 6.0


def lab(rgb: Array) -> Array:
    return color.srgb_to_lab(torch.from_numpy(rgb).movedim(-1, 0)).movedim(0, -1).numpy()


def wanted(light: Array, ab: Array) -> Array:
    """Lab of pixels of these L with the hint's a, b: faded in the dark, then the most chroma that sRGB holds."""
    u = np.minimum(light / DARK_L, 1)
    ab = ab * (u * u * (3 - 2 * u))[:, None]
    fy = (light + 16) / 116
    y = np.where(fy > 24 / 116, fy**3, (fy - 16 / 116) * 108 / 841)
    low, high = np.zeros_like(light), np.ones_like(light)
    for step in range(25):
        t = np.ones_like(light) if step == 0 else (low + high) / 2
        f = np.stack([fy + t * ab[:, 0] / 500, fy, fy - t * ab[:, 1] / 200], 1)
        xyz = np.where(f > 24 / 116, f**3, (f - 16 / 116) * 108 / 841)
        x, z = xyz[:, 0] - y, xyz[:, 2] - y
        rgb = np.stack([y + 3.0802 * x - 0.5430 * z, y - 0.9210 * x + 0.0452 * z, y + 0.0530 * x + 1.1511 * z], 1)
        fits = (rgb.min(1) >= -1e-6) & (rgb.max(1) <= 1 + 1e-6)
        low, high = np.where(fits, t, low), np.where(fits, high, t)
    return np.column_stack([light, ab * low[:, None]])


def errors(c: Colorizer, gray: Array, number: int, radius: float, seed: int) -> tuple[Array, Array]:
    """CIEDE2000 and the distance in a, b of every pixel in a core."""
    rng = np.random.default_rng(seed)
    height, width = gray.shape
    places = np.column_stack([rng.uniform(0, width, number), rng.uniform(0, height, number)])
    colours = rng.uniform(0, 1, (number, 3))
    c.hints([(x, y, radius, tuple(rgb)) for (x, y), rgb in zip(places, colours)])
    got = lab(c.colorize(gray.astype(np.float32), np.float32).astype(np.float64))
    hint_ab = lab(colours[None])[0, :, 1:]
    light = lab(np.repeat(gray[..., None], 3, 2))[..., 0]
    spot = max(radius, 1.5 * min(width, height) / 256)
    yy, xx = np.mgrid[0:height, 0:width] + 0.5
    distance = [np.hypot(xx - x, yy - y) for x, y in places]
    found: list[tuple[Array, Array]] = []
    for i in range(number):
        core = distance[i] <= spot / 2
        for j in range(number):
            if j != i:
                core &= distance[j] > spot * (2 if j > i else 1)  # what a later hint may repaint, or lies in another
        want = wanted(light[core], np.repeat(hint_ab[i : i + 1], core.sum(), 0))
        found.append((delta_e2000(want, got[core]), np.linalg.norm(want[:, 1:] - got[core][:, 1:], axis=1)))
    return np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])


def main() -> None:
    folder = Path(__file__).resolve().parents[1] / "examples" / "photos"
    paths = [Path(p) for p in sys.argv[1:]] or sorted(folder.glob("*.jpg"))
    photos = [np.asarray(Image.open(p).convert("L")).astype(np.float64) / 255 for p in paths]
    print("hints  radius   pixels   mean dE2000   95 %    worst   mean ab distance")
    with Colorizer() as c:
        for number in (1, 5, 20):
            for share in (0.0, 0.02, 0.06):
                rows = [errors(c, p, number, share * min(p.shape), 100 * n + k)
                        for n, p in enumerate(photos) for k in range(5)]
                de, ab = (np.concatenate([r[i] for r in rows]) for i in range(2))
                print(f"{number:5d}  {share:6.2f}  {len(de):7d}  {de.mean():12.3f}  {np.percentile(de, 95):5.2f}  "
                      f"{de.max():7.2f}  {ab.mean():17.3f}")


if __name__ == "__main__":
    main()
