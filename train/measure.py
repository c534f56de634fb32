# SPDX-License-Identifier: BSD-2-Clause
"""Measures a model as users get it: through the C library, on 256x256 centre crops with a known truth.

    python -m train.measure [MODEL.czw] --data ../shared/data [--vividness 0 0.5 1] [--json FILE]

The photograph handed to the library is the luminance of the truth as an 8-bit gray. Baselines in the same table: that
gray, and the constant chroma that is best for the whole set.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tools.colorizer import Colorizer

from .color import lab_to_srgb, srgb_to_lab
from .evaluate import center_crops
from .metrics import colorfulness, delta_e2000, psnr
from .store import open_store

Pixels = npt.NDArray[np.uint8]
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def luminance_gray(rgb: Pixels) -> Pixels:
    """The sRGB gray of equal luminance (IEC 61966-2-1, BT.709 weights)."""
    x = rgb.astype(np.float64) / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) @ LUMINANCE
    gray = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(gray * 255).astype(np.uint8)


def as_tensor(images: list[Pixels]) -> torch.Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


class Truth:
    """The crops and what is computed from them once."""

    def __init__(self, crops: torch.Tensor) -> None:
        self.rgb = crops
        self.lab = srgb_to_lab(crops)
        self.pixels: list[Pixels] = [np.rint(c.permute(1, 2, 0).numpy() * 255).astype(np.uint8) for c in crops]
        self.gray = [luminance_gray(p) for p in self.pixels]
        self.color = colorfulness(crops)

    def score(self, images: torch.Tensor) -> dict[str, float]:
        """PSNR with a 95 % bootstrap interval, colourfulness over the truth's, mean CIEDE2000."""
        values = psnr(images, self.rgb).numpy()
        draws = np.random.default_rng(0).choice(values, (1000, len(values))).mean(1)
        lab = srgb_to_lab(images).permute(0, 2, 3, 1).numpy()[:, ::4, ::4]
        truth = self.lab.permute(0, 2, 3, 1).numpy()[:, ::4, ::4]
        return {"psnr": float(values.mean()), "low": float(np.quantile(draws, 0.025)),
                "high": float(np.quantile(draws, 0.975)),
                "colorfulness": float(colorfulness(images).mean() / self.color.mean()),
                "de2000": float(delta_e2000(lab, truth).mean())}


def best_constant(truth: Truth) -> torch.Tensor:
    """Coordinate search for the constant a, b of highest mean PSNR, from the mean chroma of the set, on a quarter of
    the pixels of every photograph."""
    light, rgb = truth.lab[:, :1, ::2, ::2], truth.rgb[:, :, ::2, ::2]

    def value(ab: torch.Tensor) -> float:
        plane = ab.view(1, 2, 1, 1).expand(len(light), 2, *light.shape[2:])
        return float(psnr(lab_to_srgb(torch.cat([light, plane], 1)), rgb).mean())

    best = truth.lab[:, 1:].mean((0, 2, 3))
    top, step = value(best), 2.0
    while step >= 0.25:
        moves = [best + torch.tensor(m) for m in ((step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step))]
        values = [value(m) for m in moves]
        if max(values) > top:
            top = max(values)
            best = moves[values.index(top)]
        else:
            step /= 2
    return best


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train.measure", description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", help="default: the built-in model")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--set", default="val")
    parser.add_argument("--cache", type=Path, default=Path("train/runs/cache"))
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--vividness", type=float, nargs="+", default=[0.0, 0.5, 1.0, 1.5])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    truth = Truth(center_crops(open_store(args.data, args.set, args.cache), args.photos))
    constant = best_constant(truth)
    plane = constant.view(1, 2, 1, 1).expand(len(truth.lab), 2, *truth.lab.shape[2:])
    rows = {"gray": truth.score(as_tensor([np.repeat(g[..., None], 3, 2) for g in truth.gray])),
            "constant chroma": truth.score(lab_to_srgb(torch.cat([truth.lab[:, :1], plane], 1)))}
    with Colorizer(args.model) as colorizer:
        for v in args.vividness:
            colorizer.set("vividness", v)
            rows[f"vividness {v:g}"] = truth.score(as_tensor([colorizer.colorize(g) for g in truth.gray]))
    print(f"{len(truth.gray)} photographs, best constant a, b = {float(constant[0]):.1f}, {float(constant[1]):.1f}")
    print(f"{'':16s} {'PSNR dB':>8s} {'95 %':>15s} {'colourfulness':>14s} {'dE2000':>7s}")
    for name, row in rows.items():
        print(f"{name:16s} {row['psnr']:8.2f} {row['low']:7.2f}-{row['high']:.2f} {row['colorfulness']:14.3f} "
              f"{row['de2000']:7.2f}")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
