# SPDX-License-Identifier: BSD-2-Clause
"""Trained weights to colour, in PyTorch: what the C library does, for evaluation during training."""
from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools import czw

from .color import lab_to_srgb
from .data import AB_SCALE
from .network import Architecture, ColorNet

Forward = Callable[[Tensor], tuple[Tensor, Tensor]]  # [B,4,H,W] -> logits [B,Q,H/4,W/4], residual [B,2,H/4,W/4]

# What export calls a parameter of the network.
RECORDS = ((r"\.conv\.", "."), (r"^encoder\.(blocks\.)?", ""), (r"^(\d+)\.", r"block\1."), (r"^blocks(\d+)\.", r"attend\1."),
           (r"(norm\d)\.weight", r"\1.gamma"), (r"(norm\d)\.bias", r"\1.beta"))


def depart(mean: Tensor, residual: Tensor, g: float) -> Tensor:
    """Colours [...,2] in units of AB_SCALE, of the distributions' means in these units and the residual [...,5]; g is how
    far they depart from the safe ones. docs/color.md, section 3."""
    gain = (1 + g * residual[..., 2:3]).clamp(min=0)
    return mean * gain + residual[..., :2] + g * residual[..., 3:]


@dataclass
class Model:
    forward: Forward
    bins: Tensor  # [Q, 2]
    log_weight: Tensor  # [Q]

    def mean(self, logits: Tensor) -> Tensor:
        """The mean colours [B,h,w,2] of the data's own distributions."""
        return (logits.float().permute(0, 2, 3, 1) - self.log_weight).softmax(3) @ self.bins


def chroma(mean: Tensor, residual: Tensor, g: float) -> Tensor:
    """ab [B,2,h,w] of Model.mean()'s colours and the head's residual; g is how far they depart from the safe ones."""
    return AB_SCALE * depart(mean / AB_SCALE, residual.float().permute(0, 2, 3, 1), g).permute(0, 3, 1, 2)


def load_network(path: Path) -> tuple[ColorNet, dict[str, np.ndarray]]:
    """The network of a weights.npz, in evaluation mode, and the file's arrays."""
    arrays = dict(np.load(path))
    architecture = Architecture(*(int(v) for v in arrays["architecture"]))
    net = ColorNet(len(arrays["color.bins"]), architecture)
    state = {k[4:]: torch.from_numpy(v) for k, v in arrays.items() if k.startswith("net.")}
    net.load_state_dict(state)
    return net.eval(), arrays


def load_czw(path: Path, architecture: Architecture, inputs: Tensor) -> tuple[ColorNet, np.ndarray, np.ndarray]:
    """The network of a .czw that train.export or train.quantize wrote, its bins and log weights; weights in integers are what
    they stand for. A file has no batch norms: they come from what the network makes of these inputs."""
    constants = {c.name: torch.from_numpy(c.values()) for c in czw.read(path).constants}
    if "color.bins" not in constants:
        raise SystemExit(f"{path}: no model of train.export")
    net = ColorNet(constants["color.log_weight"].numel(), architecture)
    convs = net.eval().fold()
    for name, value in net.state_dict().items():
        for pattern, record in RECORDS:
            name = re.sub(pattern, record, name)
        stored = constants.get(name, torch.empty(0, 1, 1, 1))
        stored = stored.permute(0, 3, 1, 2) if value.dim() == 4 else stored.flatten()
        if stored.shape != value.shape:
            raise SystemExit(f"{path}: {name} does not fit the architecture")
        value.copy_(stored)
    planes = constants["hints.planes"]  # train.quantize makes them as large as what they are joined with
    net.enlarge_hints(planes.abs().sum((1, 2, 3)) / net.hint_planes.abs().sum((1, 2, 3)))
    net.unfold(convs, inputs)
    return net.eval(), constants["color.bins"].view(-1, 2).numpy(), constants["color.log_weight"].flatten().numpy()


def load_any(path: Path, architecture: Architecture, inputs: Tensor) -> tuple[ColorNet, np.ndarray, np.ndarray]:
    """The network of a weights.npz or .czw of that architecture, its bins and log weights."""
    if path.suffix == ".czw":
        return load_czw(path, architecture, inputs)
    net, arrays = load_network(path)
    if tuple(arrays["architecture"].tolist()) != dataclasses.astuple(architecture):
        raise SystemExit(f"{path}: architecture {arrays['architecture'].tolist()}, the configuration has {architecture}")
    return net, arrays["color.bins"], arrays["color.log_weight"]


def load_model(path: Path) -> Model:
    net, arrays = load_network(path)
    net.to(memory_format=torch.channels_last)
    return Model(net, torch.from_numpy(arrays["color.bins"]), torch.from_numpy(arrays["color.log_weight"]))


@torch.no_grad()
def predict(model: Model, lightness: Tensor, hints: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """lightness [B,1,H,W] in 0..100, any size; hints [B,3,H,W] (masked ab / 110, mask). Pads to multiples of 32; the
    cells that hold nothing but padding are left out."""
    b, _, h, w = lightness.shape
    x = torch.cat([lightness / 50 - 1, torch.zeros(b, 3, h, w) if hints is None else hints], 1)
    x = F.pad(x, (0, -w % 32, 0, -h % 32), mode="replicate")
    logits, residual = model.forward(x.contiguous(memory_format=torch.channels_last))
    cells = (..., slice(-(-h // 4)), slice(-(-w // 4)))
    return logits[cells], residual[cells]


def paint(lightness: Tensor, ab: Tensor) -> Tensor:
    """sRGB of a lightness and a quarter-size chroma."""
    ab = F.interpolate(ab, scale_factor=4, mode="bilinear", align_corners=False)
    ab = ab[:, :, :lightness.shape[2], :lightness.shape[3]]
    return lab_to_srgb(torch.cat([lightness, ab], 1))
