# SPDX-License-Identifier: BSD-2-Clause
"""What the smaller number formats cost: the colours of .czw files against those of the first.

    python -m train.compare train/runs/default/default-f32.czw train/runs/default/default-int8.czw
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tools import czw

from . import interpret
from .color import srgb_to_lab
from .evaluate import center_crops
from .inference import Model, paint, predict
from .metrics import colorfulness, delta_e2000, psnr
from .store import open_store


def open_file(path: Path) -> tuple[Model, np.ndarray, float]:
    """A model run record by record, its vividness table and default vividness."""
    file = czw.read(path)
    constants = {c.name: c.values() for c in file.constants if c.name.startswith("color.")}

    def forward(x: Tensor) -> tuple[Tensor, Tensor]:
        images = x.permute(0, 2, 3, 1).contiguous().numpy()
        results = [interpret.run(file, images[i:i + 1]) for i in range(len(images))]
        both = [torch.from_numpy(np.concatenate([r[k] for r in results])) for k in ("logits", "residual")]
        return both[0].permute(0, 3, 1, 2), both[1].permute(0, 3, 1, 2)

    model = Model(forward, torch.from_numpy(constants["color.bins"].reshape(-1, 2)),
                  torch.from_numpy(constants["color.log_weight"].reshape(-1)))
    return model, constants["color.vividness"].reshape(-1, 3), float(constants["color.default"].flat[2])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train.compare", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--set", default="val")
    parser.add_argument("--cache", type=Path, default=Path("train/runs/cache"))
    parser.add_argument("--photos", type=int, default=60)
    args = parser.parse_args()
    crops = center_crops(open_store(args.data, args.set, args.cache), args.photos)
    lab = srgb_to_lab(crops)
    first: dict[float, Tensor] = {}
    for path in args.files:
        model, table, default = open_file(path)
        outputs = [predict(model, lab[i:i + 1, :1]) for i in range(len(lab))]
        logits, residual = (torch.cat(parts) for parts in zip(*outputs))
        for v in sorted({0.0, default}):
            s, t = (float(np.interp(v, table[:, 0], table[:, k])) for k in (1, 2))
            image = paint(lab[:, :1], model.chroma(logits, residual, s, t))
            mine = srgb_to_lab(image)
            base = first.setdefault(v, mine)
            gap = delta_e2000(mine.movedim(1, -1).numpy(), base.movedim(1, -1).numpy())
            ratio = float(colorfulness(image).mean() / colorfulness(crops).mean())
            print(f"{path.name} vividness {v:g}: {float(psnr(image, crops).mean()):.2f} dB, colourfulness {ratio:.3f}, "
                  f"dE2000 from {args.files[0].name}: mean {gap.mean():.3f}, 99 % {np.quantile(gap, 0.99):.2f}")


if __name__ == "__main__":
    main()
