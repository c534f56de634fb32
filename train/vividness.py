# SPDX-License-Identifier: BSD-2-Clause
"""Picks the vividness table of trained weights on a validation set, before any export.

    python -m train.vividness train/runs/default/weights.npz --data ../shared/data --out train/runs/default

prints PSNR and colourfulness over a grid of g, writes the table to vividness.json, and draws contact sheets.
"""
from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .color import lab_to_srgb, srgb_to_lab
from .data import AB_SCALE
from .inference import Model, chroma, load_model, paint, predict
from .metrics import colorfulness, psnr
from .store import center_crops, open_store

SIZE = 256  # of the validation crops
CHUNK = 20
GAINS = tuple(0.25 * i for i in range(10))  # how far pictures depart from the safe ones; as trained at 1
DEFAULT_DB = 0.75  # above gray, that the default vividness must keep: 0.7, and what 8 bits and guided upsampling cost
MORE = 1.1  # colourfulness of vividness 2 over the default's, where that has all of the truth's already


@dataclass
class Examined:
    """Validation images, and the network's answers as mean colours and residuals."""

    truth: Tensor
    lab: Tensor
    mean: Tensor
    residual: Tensor

    def paint(self, part: slice, g: float) -> Tensor:
        return paint(self.lab[part, :1], chroma(self.mean[part], self.residual[part], g))


def random_hints(ab: Tensor, number: int, seed: int = 0) -> Tensor:
    """Hint planes of `number` random 7x7 patches an image."""
    n, _, h, w = ab.shape
    generator = torch.Generator().manual_seed(seed)
    planes = torch.zeros(n, 3, h, w)
    for i in range(n):
        for _ in range(number):
            y = int(torch.randint(0, h - 7, (1,), generator=generator))
            x = int(torch.randint(0, w - 7, (1,), generator=generator))
            planes[i, :2, y:y + 7, x:x + 7] = ab[i, :, y:y + 7, x:x + 7].mean((1, 2))[:, None, None] / AB_SCALE
            planes[i, 2, y:y + 7, x:x + 7] = 1
    return planes


def examine(model: Model, crops: Tensor, hints: int = 0) -> Examined:
    lab = srgb_to_lab(crops)
    answers = []
    for start in range(0, len(crops), CHUNK):
        part = lab[start:start + CHUNK]
        planes = random_hints(part[:, 1:], hints, start) if hints else None
        logits, residual = predict(model, part[:, :1], planes)
        answers.append((model.mean(logits), residual))
    return Examined(crops, lab, *(torch.cat(a) for a in zip(*answers)))


@torch.no_grad()
def score(seen: Examined, g: float) -> tuple[float, float]:
    """Mean PSNR, and mean colourfulness over that of the truth."""
    total, mine, theirs = [], [], []
    for start in range(0, len(seen.truth), CHUNK):
        part = slice(start, start + CHUNK)
        image = seen.paint(part, g)
        total.append(psnr(image, seen.truth[part]))
        mine.append(colorfulness(image))
        theirs.append(colorfulness(seen.truth[part]))
    return float(torch.cat(total).mean()), float(torch.cat(mine).mean() / torch.cat(theirs).mean())


def score_constant(seen: Examined, ab: Tensor) -> float:
    plane = ab.view(1, 2, 1, 1).expand(len(seen.lab), 2, SIZE, SIZE)
    image = lab_to_srgb(torch.cat([seen.lab[:, :1], plane], 1))
    return float(psnr(image, seen.truth).mean())


def baselines(seen: Examined) -> dict[str, float]:
    """Gray, and the best constant chroma by a coordinate search from the mean."""
    gray = score_constant(seen, torch.zeros(2))
    best_ab = seen.lab[:, 1:].mean((0, 2, 3)) * 0.5
    best = score_constant(seen, best_ab)
    step = 2.0
    while step >= 0.5:
        moved = False
        for move in ((step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step)):
            trial = best_ab + torch.tensor(move)
            value = score_constant(seen, trial)
            if value > best:
                best, best_ab, moved = value, trial, True
        if not moved:
            step /= 2
    return {"gray": gray, "constant": best, "constant_a": float(best_ab[0]), "constant_b": float(best_ab[1])}


Grid = list[tuple[float, float, float]]  # g, PSNR, colourfulness ratio
Row = tuple[float, float]  # v, g


def gain_for(grid: Grid, want: float) -> float:
    """The g that gives that colourfulness, or the nearest there is."""
    line = sorted((ratio, g) for g, _, ratio in grid)
    return round(float(np.interp(want, [p[0] for p in line], [p[1] for p in line])), 3)


def choose_table(grid: Grid, enough: Callable[[float], bool]) -> list[Row]:
    """v = 0 is the safe mean; v = 1, the default, has the colourfulness of the truth or, where that costs too much,
    the most that is still good `enough`; v = 2 the truth's or more than the default's, as far as the grid goes. v runs
    with colourfulness in between."""
    safe, highest = grid[0][2], max(ratio for _, _, ratio in grid)
    low, high = safe, min(1.0, highest)
    if enough(gain_for(grid, high)):
        low = high
    for _ in range(5 if low < high else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if enough(gain_for(grid, middle)) else (low, middle)
    usual, most = low, min(max(1.0, MORE * low), highest)
    targets = {0.5: (safe + usual) / 2, 1.0: usual, 1.5: (usual + most) / 2, 2.0: most}
    return [(0.0, 0.0)] + [(v, gain_for(grid, want)) for v, want in targets.items()]


def sheet(rows: list[list[Tensor]], path: Path) -> None:
    """Rows of equally high [3,H,W] images as one PNG."""
    widest = max(sum(t.shape[2] for t in row) for row in rows)
    strips = []
    for row in rows:
        strip = torch.cat(row, 2)
        strips.append(F.pad(strip, (0, widest - strip.shape[2])))
    image = torch.cat(strips, 1).clamp(0, 1).permute(1, 2, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image * 255).round().byte().numpy()).save(path)


def half(x: Tensor) -> Tensor:
    return F.avg_pool2d(x[None], 2)[0]


def draw_validation(seen: Examined, gains: list[float], path: Path, count: int = 40) -> None:
    """Truth, then one picture for each g, half size, two photos a row."""
    cells = []
    for i in range(0, len(seen.truth), max(1, len(seen.truth) // count)):
        cells.append([half(seen.truth[i])] + [half(seen.paint(slice(i, i + 1), g)[0]) for g in gains])
    sheet([cells[i] + (cells[i + 1] if i + 1 < len(cells) else []) for i in range(0, len(cells), 2)], path)


@torch.no_grad()
def draw_folder(model: Model, folder: Path, gains: list[float], path: Path) -> None:
    """Photographs without a truth: gray and each g, at a working short side of 256."""
    for number, name in enumerate(sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".png"})):
        image = Image.open(name).convert("L")
        scale = SIZE / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
        gray = torch.from_numpy(np.array(image)).float()[None, None].expand(1, 3, -1, -1) / 255
        lightness = srgb_to_lab(gray)[:, :1]
        logits, residual = predict(model, lightness)
        mean = model.mean(logits)
        row = [gray[0]] + [paint(lightness, chroma(mean, residual, g))[0] for g in gains]
        sheet([row], path / f"{number:02d}-{name.stem}.png")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train.vividness", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--set", default="val")
    parser.add_argument("--cache", type=Path, default=Path("train/runs/cache"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--search", type=int, default=200, help="photos used for the grid")
    parser.add_argument("--quick", action="store_true", help="three gains, with and without hints; no table")
    args = parser.parse_args()
    model = load_model(args.weights)
    seen = examine(model, center_crops(open_store(args.data, args.set, args.cache), args.photos))
    if args.quick:
        hinted = examine(model, seen.truth, 20)
        for g in (0.0, 1.0, 2.0):
            print(f"g {g}: %.2f dB, colourfulness %.3f" % score(seen, g),
                  "with 20 hints: %.2f dB, %.3f" % score(hinted, g))
        print("gray: %.2f dB" % score_constant(seen, torch.zeros(2)))
        return
    every = max(1, len(seen.truth) // args.search)
    few = Examined(*(getattr(seen, f.name)[::every] for f in fields(seen)))
    base = baselines(few)
    base["gray"] = score_constant(seen, torch.zeros(2))
    base["constant"] = score_constant(seen, torch.tensor([base["constant_a"], base["constant_b"]]))
    grid: Grid = []
    for g in GAINS:
        decibels, share = score(few, g)
        grid.append((g, decibels, share))
        print("g %.2f  %.2f dB  colourfulness %.3f" % grid[-1], flush=True)
    # What a default costs is judged on all photographs: gains differ by decibels from one to the next.
    table = choose_table(grid, lambda g: score(seen, g)[0] >= base["gray"] + DEFAULT_DB)
    rows: list[dict[str, float]] = []
    result: dict[str, object] = {"baselines": base, "table": table, "grid": grid, "rows": rows}
    print("gray %.2f dB, constant %.2f dB" % (base["gray"], base["constant"]))
    for v, g in table:
        db, ratio = score(seen, g)
        rows.append({"v": v, "g": g, "psnr": db, "colorfulness": ratio})
        print(f"vividness {v:.2f} (g {g:.3f}): {db:.2f} dB, colourfulness {ratio:.3f}", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "vividness.json").write_text(json.dumps(result, indent=1))
    gains = [dict(table)[v] for v in (0.0, 1.0, 2.0)]
    draw_validation(seen, gains, args.out / "val.png")
    if (args.data / "historical").is_dir():
        draw_folder(model, args.data / "historical", gains, args.out / "historical")


if __name__ == "__main__":
    main()
