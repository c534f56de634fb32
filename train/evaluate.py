# SPDX-License-Identifier: BSD-2-Clause
"""Measures a model as users get it: through the C library, on 256x256 centre crops with a known truth.

    python -m train.evaluate [MODEL.czw] --data ../shared/data [--set val] [--json FILE] [--plots FOLDER]

A folder of photographs serves as well as a packed set: --data names its parent, --set the folder. The photograph
handed to the library is the luminance of the truth as an 8-bit gray. Baselines in the same table: that gray, the one
chroma that is best for the whole set, and the chroma of another photograph of the set. `--against F32.czw` adds the
mean CIEDE2000 from another file's colours.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tools.colorizer import Colorizer

from .color import lab_to_srgb, srgb_to_lab
from .frechet import Features, frechet_distance
from .metrics import colorfulness, delta_e2000, hue_skew, psnr, skin_colored, ssim
from .store import center_crops, open_store

Pixels = npt.NDArray[np.uint8]
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
HINTS = (1, 5, 20)
HINT_RADIUS = 3.5  # pixels: 7 x 7 with its corners off
RIGHT = 15.0  # the distance in a, b that the confidence speaks of
SKIN_LIGHTNESS = ((0, 40), (40, 65), (65, 100))
EVERY = 4  # of the pixels in each direction, for the slow measures


def luminance_gray(rgb: Pixels) -> Pixels:
    """The sRGB gray of equal luminance (IEC 61966-2-1, BT.709 weights)."""
    x = rgb.astype(np.float64) / 255
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) @ LUMINANCE
    gray = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(gray * 255).astype(np.uint8)


def as_tensor(images: Iterable[Pixels]) -> Tensor:
    return torch.from_numpy(np.stack(list(images))).permute(0, 3, 1, 2).float() / 255


def thin_lab(images: Tensor) -> npt.NDArray[np.float32]:
    """[N, h, w, 3] Lab of every fourth pixel."""
    return srgb_to_lab(images[:, :, ::EVERY, ::EVERY]).permute(0, 2, 3, 1).numpy()


class Truth:
    """The crops and what is computed from them once."""

    def __init__(self, crops: Tensor, sources: list[str], features: Features | None) -> None:
        self.rgb = crops
        self.sources = np.array(sources)
        self.pixels: list[Pixels] = [np.rint(c.permute(1, 2, 0).numpy() * 255).astype(np.uint8) for c in crops]
        self.gray = [luminance_gray(p) for p in self.pixels]
        self.gray_rgb = as_tensor(np.repeat(g[..., None], 3, 2) for g in self.gray)
        self.color = colorfulness(crops).numpy()
        self.lab = thin_lab(crops)
        self.features = features
        self.draws = np.random.default_rng(0).integers(0, len(crops), (1000, len(crops)))
        if features:
            self.seen = features(crops)
            self.gray_distance = frechet_distance(features(self.gray_rgb), self.seen)

    def score(self, images: Tensor) -> dict[str, float]:
        """Means over the photographs, with 95 % bootstrap intervals; colourfulness as mean over mean of the truth."""
        lab = thin_lab(images)
        gaps = delta_e2000(lab, self.lab).mean((1, 2))
        color = colorfulness(images).numpy()
        similar = np.concatenate([ssim(a, b).numpy() for a, b in zip(images.split(20), self.rgb.split(20))])
        row: dict[str, float] = {}
        for name, values in (("psnr", psnr(images, self.rgb).numpy()), ("ssim", similar), ("de2000", gaps)):
            low, high = np.quantile(values[self.draws].mean(1), (0.025, 0.975))
            row.update({name: float(values.mean()), f"{name}_low": float(low), f"{name}_high": float(high)})
        ratios = color[self.draws].mean(1) / self.color[self.draws].mean(1)
        low, high = np.quantile(ratios, (0.025, 0.975))
        row.update({"colorfulness": float(color.mean() / self.color.mean()), "colorfulness_low": float(low),
                    "colorfulness_high": float(high)})
        if self.features:
            row["frechet"] = frechet_distance(self.features(images), self.seen) / self.gray_distance
        return row


def best_constant(truth: Truth) -> Tensor:
    """Coordinate search for the constant a, b of highest mean PSNR, from the mean chroma of the set."""
    rgb = truth.rgb[:, :, ::2, ::2]
    light = srgb_to_lab(rgb)[:, :1]

    def value(ab: Tensor) -> float:
        plane = ab.view(1, 2, 1, 1).expand(len(light), 2, *light.shape[2:])
        return float(psnr(lab_to_srgb(torch.cat([light, plane], 1)), rgb).mean())

    best = torch.from_numpy(truth.lab[..., 1:].mean((0, 1, 2)))
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


def with_chroma(truth: Truth, ab: Tensor) -> Tensor:
    """The photographs' lightness with that chroma, [N or 1, 2, H or 1, W or 1]."""
    light = srgb_to_lab(truth.rgb)[:, :1]
    return lab_to_srgb(torch.cat([light, ab.expand(len(light), 2, *light.shape[2:])], 1))


def random_hints(pixels: Pixels, number: int, seed: int) -> list[tuple[float, float, float, tuple[float, float, float]]]:
    """What a user's eyedropper would take from the truth at random places: the mean colour under each hint."""
    rng = np.random.default_rng(seed)
    reach = int(HINT_RADIUS)
    height, width = pixels.shape[:2]
    hints = []
    for _ in range(number):
        y, x = (int(rng.integers(reach, side - reach)) for side in (height, width))
        r, g, b = pixels[y - reach:y + reach + 1, x - reach:x + reach + 1].reshape(-1, 3).mean(0) / 255
        hints.append((x + 0.5, y + 0.5, HINT_RADIUS, (float(r), float(g), float(b))))
    return hints


def colorize_all(colorizer: Colorizer, truth: Truth, hints: int = 0) -> Tensor:
    images = []
    for number, gray in enumerate(truth.gray):
        colorizer.hints(random_hints(truth.pixels[number], hints, number))
        images.append(colorizer.colorize(gray))
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {len(truth.gray)} ", end="", file=sys.stderr)
    colorizer.hints([])
    return as_tensor(images)


def bias(lab: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]) -> dict[str, float]:
    """Of pixels [..., 3]: mean chroma over the truth's, hue skew, shifts of the mean a and b."""
    chroma = [float(np.hypot(x[..., 1], x[..., 2]).mean()) for x in (lab, truth)]
    shift = (lab[..., 1:].reshape(-1, 2) - truth[..., 1:].reshape(-1, 2)).mean(0)
    return {"saturation": chroma[0] / max(chroma[1], 1e-9), "hue_skew": hue_skew(lab[..., 1:], truth[..., 1:]),
            "a": float(shift[0]), "b": float(shift[1])}


def groups(truth: Truth, images: Tensor) -> dict[str, dict[str, float]]:
    """Bias by source, and of skin-coloured pixels by their lightness."""
    lab = thin_lab(images)
    gain = (psnr(images, truth.rgb) - psnr(truth.gray_rgb, truth.rgb)).numpy()
    rows: dict[str, dict[str, float]] = {}
    for source in sorted(set(truth.sources)):
        at = truth.sources == source
        rows[source] = {"count": int(at.sum()), "gain": float(gain[at].mean()), **bias(lab[at], truth.lab[at])}
    skin = skin_colored(truth.rgb[:, :, ::EVERY, ::EVERY].permute(0, 2, 3, 1).numpy())
    for low, high in SKIN_LIGHTNESS:
        at = skin & (truth.lab[..., 0] >= low) & (truth.lab[..., 0] < high)
        if at.any():
            rows[f"skin-coloured, L {low}-{high}"] = {"count": int(at.sum()), **bias(lab[at], truth.lab[at])}
    return rows


def reliability(colorizer: Colorizer, truth: Truth) -> dict[str, Any]:
    """Confidence against the share of colours that are within RIGHT of the truth, in tenths of confidence, and the
    mean distance of the two (expected calibration error)."""
    sure, right = [], []
    for gray, lab in zip(truth.gray, truth.lab):
        image = thin_lab(as_tensor([colorizer.colorize(gray)]))[0]
        side = image.shape[:2]
        sure.append(colorizer.confidence(side[1], side[0]).ravel() / 255)
        right.append((np.hypot(*(image - lab)[..., 1:].reshape(-1, 2).T) <= RIGHT).astype(float))
    confidence, hit = np.concatenate(sure), np.concatenate(right)
    curve = []
    for tenth in range(10):
        at = (confidence * 10).astype(int).clip(0, 9) == tenth
        if at.mean() > 0.001:
            curve.append({"confidence": float(confidence[at].mean()), "right": float(hit[at].mean()),
                          "share": float(at.mean())})
    error = sum(c["share"] * abs(c["confidence"] - c["right"]) for c in curve)
    return {"curve": curve, "error": error}


def print_scores(rows: dict[str, dict[str, float]]) -> None:
    print(f"{'':24s} {'PSNR dB':>20s} {'SSIM':>7s} {'dE2000':>7s} {'colourfulness':>20s} {'Frechet':>8s}")
    for name, row in rows.items():
        frechet = f"{row['frechet']:8.3f}" if "frechet" in row else "       -"
        print(f"{name:24s} {row['psnr']:6.2f} [{row['psnr_low']:.2f}, {row['psnr_high']:.2f}] {row['ssim']:7.4f} "
              f"{row['de2000']:7.2f} {row['colorfulness']:6.3f} [{row['colorfulness_low']:.3f}, "
              f"{row['colorfulness_high']:.3f}] {frechet}")


def print_groups(rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{'at the default':24s} {'count':>8s} {'gain dB':>8s} {'saturation':>11s} {'hue skew':>9s} {'a':>6s} {'b':>6s}")
    for name, row in rows.items():
        gain = f"{row['gain']:8.2f}" if "gain" in row else "       -"
        print(f"{name:24s} {row['count']:8d} {gain} {row['saturation']:11.2f} {row['hue_skew']:9.2f} {row['a']:6.1f} "
              f"{row['b']:6.1f}")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    store = open_store(args.data, args.set, args.cache)
    truth = Truth(center_crops(store, args.photos), store.sources[:args.photos], None if args.fast else Features())
    constant = best_constant(truth)
    others = torch.from_numpy(np.random.default_rng(1).permutation(len(truth.rgb)))
    rows = {"gray": truth.score(truth.gray_rgb),
            "constant chroma": truth.score(with_chroma(truth, constant.view(1, 2, 1, 1))),
            "another's chroma": truth.score(with_chroma(truth, srgb_to_lab(truth.rgb)[others, 1:]))}
    result: dict[str, Any] = {"photographs": len(truth.gray), "constant": constant.tolist(), "scores": rows}
    with Colorizer(args.model) as colorizer:
        default = colorizer.get("vividness")
        for v in sorted({*args.vividness, default}):
            colorizer.set("vividness", v)
            images = colorize_all(colorizer, truth)
            name = f"vividness {v:g}"
            rows[name] = truth.score(images)
            if v == default:
                result["default"], result["groups"] = name, groups(truth, images)
                ours = images
        colorizer.set("vividness", default)
        for number in () if args.fast else HINTS:
            rows[f"{number} hints, default"] = truth.score(colorize_all(colorizer, truth, number))
        result["reliability"] = reliability(colorizer, truth)
    if args.against:
        with Colorizer(args.against) as other:
            gaps = delta_e2000(thin_lab(ours), thin_lab(colorize_all(other, truth)))
        result["against"] = {"de2000": float(gaps.mean()), "de2000_99": float(np.quantile(gaps, 0.99))}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="default: the built-in model")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--set", default="val")
    parser.add_argument("--cache", type=Path, default=Path("train/runs/cache"))
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--vividness", type=float, nargs="+", default=[0.0, 0.5, 1.0, 1.5, 2.0])
    parser.add_argument("--against", type=Path, help="a model file to compare colours with, at the default vividness")
    parser.add_argument("--fast", action="store_true", help="no Frechet distance, no hints")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plots", type=Path, help="a folder for vividness.png and reliability.png")
    args = parser.parse_args()
    result = measure(args)
    a, b = result["constant"]
    print(f"{result['photographs']} photographs; best constant a {a:.1f}, b {b:.1f}; default: {result['default']}")
    print_scores(result["scores"])
    print_groups(result["groups"])
    print(f"\nconfidence: expected calibration error {result['reliability']['error']:.3f}")
    if "against" in result:
        print("from {}: CIEDE2000 mean {de2000:.3f}, 99 % {de2000_99:.2f}".format(args.against, **result["against"]))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))
    if args.plots:
        from .plots import plot_reliability, plot_vividness

        plot_vividness(result["scores"], args.plots / "vividness.png")
        plot_reliability(result["reliability"]["curve"], args.plots / "reliability.png")


if __name__ == "__main__":
    main()
