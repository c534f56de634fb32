# SPDX-License-Identifier: BSD-2-Clause
"""weights.npz -> .czw: batch norms folded, bias, activation and residual inside the convolutions' records.

    python -m train.export train/runs/default/weights.npz --vividness train/runs/default/vividness.json \\
        --out train/runs/default --name default
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from tools import czw

from . import interpret
from .inference import load_network
from .network import ChannelNorm, ColorNet, Conv, MBConv, TransformerBlock

MULTIPLE = 32
WORKING_SIDE = 256.0
DEFAULT_VIVIDNESS = 1.0
Table = Sequence[Sequence[float]]


class Exporter:
    """Writes one network's records; `dtype` is that of the convolutions' weights, "f32" or "f16"."""

    def __init__(self, dtype: str) -> None:
        self.model = czw.Model()
        self.dtype = dtype

    def conv(self, x: czw.Tensor, conv: Conv, name: str, residual: czw.Tensor | None = None) -> czw.Tensor:
        weight, bias = conv.folded()
        stored = weight.permute(0, 2, 3, 1).contiguous().numpy()
        inputs = [x, self.model.constant(name + ".weight", stored, self.dtype),
                  self.model.constant(name + ".bias", bias.numpy()), None, None, residual]
        before, after = conv.pads
        stride = conv.conv.stride[0]
        return self.model.op("conv2d", inputs, name, stride_h=stride, stride_w=stride, pad_top=before,
                             pad_left=before, pad_bottom=after, pad_right=after, groups=conv.conv.groups,
                             act=conv.act, residual=0 if residual is None else 1)

    def norm(self, x: czw.Tensor, norm: ChannelNorm, name: str) -> czw.Tensor:
        gamma = self.model.constant(name + ".gamma", norm.weight.detach().numpy())
        beta = self.model.constant(name + ".beta", norm.bias.detach().numpy())
        return self.model.op("layer_norm", [x, gamma, beta], name, eps=norm.eps)

    def mbconv(self, x: czw.Tensor, block: MBConv, name: str) -> czw.Tensor:
        y = x if block.expand is None else self.conv(x, block.expand, name + ".expand")
        y = self.conv(y, block.depthwise, name + ".depthwise")
        return self.conv(y, block.project, name + ".project", x if block.residual else None)

    def transformer(self, x: czw.Tensor, block: TransformerBlock, name: str) -> czw.Tensor:
        y = self.norm(x, block.norm1, name + ".norm1")
        q, k, v = (self.conv(y, getattr(block, part), f"{name}.{part}") for part in ("query", "key", "value"))
        channels = block.query.conv.out_channels
        scale = (channels // block.heads) ** -0.5
        y = self.model.op("attention", [q, k, v], name + ".attention", heads=block.heads, scale=scale)
        x = self.conv(y, block.out, name + ".out", x)
        y = self.conv(self.norm(x, block.norm2, name + ".norm2"), block.up, name + ".up")
        return self.conv(y, block.down, name + ".down", x)

    def hints(self, image: czw.Tensor, planes: torch.Tensor) -> czw.Tensor:
        """The largest of each plane in cells of 4 x 4. A plane is a channel times a number, so that is the number times
        the channel's largest, or where it is below 0 its least: the picture is read twice, but not written. Pools and
        weights are over all channels, those of L being 0: a slice would copy the picture."""
        weight = F.pad(planes.permute(0, 2, 3, 1), (1, 0))
        assert bool(((weight != 0).sum(3) == 1).all()), "a plane of several channels"
        pools = [self.pool(image, 4, "hints.most"), self.pool(image, 4, "hints.least", kind=2)]
        both = torch.cat([weight.clamp(min=0), weight.clamp(max=0)], 3)
        inputs = [self.model.op("concat", pools, "hints", axis=3), self.model.constant("hints.planes", both.numpy())]
        return self.model.op("conv2d", inputs, "hints4")

    def pool(self, x: czw.Tensor, size: int, name: str, kind: int = 0) -> czw.Tensor:
        return self.model.op("pool2d", [x], name, kind=kind, kernel_h=size, kernel_w=size, stride_h=size, stride_w=size)

    def upsample(self, x: czw.Tensor, name: str) -> czw.Tensor:
        return self.model.op("resize", [x], name, mode=1, num_h=2, num_w=2)

    def network(self, net: ColorNet) -> None:
        """The same steps as ColorNet.forward."""
        m = self.model
        image = m.input("image", (1, 0, 0, 4), MULTIPLE)
        h4 = self.hints(image, net.hint_planes)  # first: nothing but these and the stem read the picture
        x = self.conv(image, net.encoder.stem, "stem")
        taps = []
        for i, block in enumerate(net.encoder.blocks):
            assert isinstance(block, MBConv)
            x = self.mbconv(x, block, f"block{i}")
            if i in net.encoder.taps:
                taps.append(x)
        s4, s8, s16, s32 = taps
        h8 = self.pool(h4, 2, "hints8")
        h16 = self.pool(h8, 2, "hints16")
        h32 = self.pool(h16, 2, "hints32")
        t = self.conv(m.op("concat", [s32, h32], "cat32"), net.proj32, "proj32")
        for i, block in enumerate(net.blocks32):
            assert isinstance(block, TransformerBlock)
            t = self.transformer(t, block, f"attend32.{i}")
        t = self.upsample(self.conv(t, net.up16, "up16"), "resize16")
        t = self.conv(m.op("concat", [t, s16, h16], "cat16"), net.merge16, "merge16")
        for i, block in enumerate(net.blocks16):
            assert isinstance(block, TransformerBlock)
            t = self.transformer(t, block, f"attend16.{i}")
        t = self.upsample(self.conv(t, net.up8, "up8"), "resize8")
        t = self.conv(m.op("concat", [t, s8, h8], "cat8"), net.merge8, "merge8")
        t = self.upsample(self.conv(t, net.up4, "up4"), "resize4")
        t = self.conv(m.op("concat", [t, s4, h4], "cat4"), net.merge4, "merge4")
        t = self.conv(t, net.refine4, "refine4")
        m.output("logits", self.conv(t, net.logits, "logits"))
        m.output("residual", self.conv(t, net.residual, "residual"))

    def color(self, bins: np.ndarray, log_weight: np.ndarray, table: Table) -> None:
        m = self.model
        m.constant("color.bins", bins.reshape(1, 1, -1, 2))
        m.constant("color.log_weight", log_weight.reshape(1, 1, 1, -1))
        m.constant("color.vividness", np.array(table, np.float32).reshape(1, 1, -1, 2))
        m.constant("color.default", np.array([WORKING_SIDE, MULTIPLE, DEFAULT_VIVIDNESS], np.float32))


def export(net: ColorNet, bins: np.ndarray, log_weight: np.ndarray, table: Table, dtype: str,
           metadata: dict[str, str]) -> czw.Model:
    exporter = Exporter(dtype)
    exporter.network(net)
    exporter.color(bins, log_weight, table)
    exporter.model.metadata.update(metadata)
    return exporter.model


def difference(net: ColorNet, model: czw.Model, seed: int = 0) -> float:
    """Greatest difference of the outputs, network against records, over their spread, on an odd-shaped input."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1, 4, 96, 160, generator=generator) * 2 - 1
    mine = interpret.run(model, x.permute(0, 2, 3, 1).contiguous().numpy())
    with torch.no_grad():
        theirs = [t.permute(0, 2, 3, 1).numpy() for t in net(x)]
    return max(float(np.abs(mine[name] - t).max() / t.std()) for name, t in zip(("logits", "residual"), theirs))


def export_file(weights: Path, vividness: Path | None, name: str, dtype: str) -> czw.Model:
    """The model of a weights.npz and the table of a vividness.json."""
    net, arrays = load_network(weights)
    table: Table = [(0.0, 0.0), (1.0, 1.0)]
    if vividness:
        table = json.loads(vividness.read_text())["table"]
    step, seen, spent = arrays["progress"]
    metadata = {"name": name, "license": "BSD-2-Clause; encoder weights Apache-2.0",
                "description": f"EfficientNet-Lite{int(arrays['architecture'][0])} U-Net with attention, {int(seen)} photographs in {int(step)} "
                               f"steps, {spent / 60:.0f} minutes"}
    return export(net, arrays["color.bins"], arrays["color.log_weight"], table, dtype, metadata)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m train.export", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--vividness", type=Path, help="vividness.json, for its table")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--name", default="default")
    args = parser.parse_args()
    net = load_network(args.weights)[0]
    for dtype in ("f32", "f16"):
        model = export_file(args.weights, args.vividness, args.name, dtype)
        path = args.out / f"{args.name}-{dtype}.czw"
        model.write(path)
        print(f"{path}: {path.stat().st_size} bytes, {len(model.operators)} operators, "
              f"difference of the outputs {difference(net, czw.read(path)):.2e} of their spread")


if __name__ == "__main__":
    main()
