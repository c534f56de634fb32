#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Imports networks from ONNX, runs them through the library and compares with PyTorch in double precision.

    bench/parity.py FOLDER...  [--size 256x256 --size 320x192 ...]

Each folder holds model.onnx, and the same network independently of it: net.json (operators in order; "op", "ins",
"out", "attrs", "w": shape and offset of each weight) and weights.bin (float32; convolutions OIHW, transposed IOHW).
Prints the relative RMS of every output at every size; exits with 1 when one is above its limit.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from colorizer import Graph, Values  # noqa: E402
from onnx2czw import convert  # noqa: E402

Attributes = dict[str, Any]
LIMIT, LIMIT_DEOLDIFY = 2e-5, 2e-4  # random weights condition the second badly: every engine is at 4e-5 to 1e-4


def layer_norm(x: Tensor, a: Attributes, w: dict[str, Tensor]) -> Tensor:
    last = x.permute(0, 2, 3, 1)
    return F.layer_norm(last, last.shape[3:], w["w"], w["b"], a["eps"]).permute(0, 3, 1, 2)


def self_attention(x: Tensor, a: Attributes, w: dict[str, Tensor]) -> Tensor:
    """Of SAGAN: every place looks at every place; the softmax is over the places that are looked at."""
    flat = x.flatten(2)
    q, k, v = (w[name] @ flat for name in ("wq", "wk", "wv"))
    share = torch.softmax(q.transpose(1, 2) @ k, 1)
    return a["gamma"] * (v @ share).reshape(x.shape) + x


OPERATORS: dict[str, Callable[[list[Tensor], Attributes, dict[str, Tensor]], Tensor]] = {
    "conv": lambda x, a, w: F.conv2d(x[0], w["w"], w.get("b"), a["stride"], a["pad"], a["dil"], a["groups"]),
    "convt": lambda x, a, w: F.conv_transpose2d(x[0], w["w"], w["b"], a["stride"], a["pad"]),
    "bn": lambda x, a, w: F.batch_norm(x[0], w["m"], w["v"], w["w"], w["b"], False, 0.0, a["eps"]),
    "relu": lambda x, a, w: F.relu(x[0]),
    "leaky": lambda x, a, w: F.leaky_relu(x[0], a["a"]),
    "tanh": lambda x, a, w: torch.tanh(x[0]),
    "sigmoid": lambda x, a, w: torch.sigmoid(x[0]),
    "gelu": lambda x, a, w: F.gelu(x[0]),
    "softmax": lambda x, a, w: F.softmax(x[0], 1),
    "add": lambda x, a, w: x[0] + x[1],
    "cat": lambda x, a, w: torch.cat(x, 1),
    "maxpool": lambda x, a, w: F.max_pool2d(x[0], a["k"], a["stride"], a["pad"]),
    "bilinear": lambda x, a, w: F.interpolate(x[0], scale_factor=float(a["r"]), mode="bilinear", align_corners=False),
    "pixelshuffle": lambda x, a, w: F.pixel_shuffle(x[0], a["r"]),
    "blur": lambda x, a, w: F.avg_pool2d(F.pad(x[0], (1, 0, 1, 0), mode="replicate"), 2, 1),
    "ln": lambda x, a, w: layer_norm(x[0], a, w),
    "scale": lambda x, a, w: x[0] * a["v"],
    "sattn": lambda x, a, w: self_attention(x[0], a, w),
}


def reference(folder: Path, inputs: dict[str, Tensor]) -> Tensor:
    """The network in double precision, at whatever size the inputs have."""
    net = json.loads((folder / "net.json").read_text())
    weights = np.memmap(folder / "weights.bin", np.dtype("<f4"), "r")
    values = dict(inputs)
    last = {name: i for i, op in enumerate(net["ops"]) for name in op["ins"]}
    for i, op in enumerate(net["ops"]):
        w = {k: torch.from_numpy(np.array(weights[v["off"]:v["off"] + int(np.prod(v["shape"]))], np.float64))
             .reshape(v["shape"]) for k, v in op["w"].items()}
        values[op["out"]] = OPERATORS[op["op"]]([values[n] for n in op["ins"]], op["attrs"], w)
        for name in op["ins"]:
            if last[name] == i:
                values.pop(name, None)
    return values[net["output"]]


def relative_rms(got: Values, want: Tensor) -> float:
    """Of an N H W C result against an N C H W reference."""
    expected = want.permute(0, 2, 3, 1).numpy()
    if got.shape != expected.shape:
        raise SystemExit(f"the result is {got.shape}, not {expected.shape}")
    error = np.square(got.astype(np.float64) - expected).mean()
    return float(np.sqrt(error / np.square(expected).mean()))


def import_network(folder: Path, target: Path) -> None:
    source = folder / "model.onnx"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        convert(onnx.load(str(source))).write(target)


def compare(folder: Path, graph: Graph, height: int, width: int) -> float:
    inputs: dict[str, Tensor] = {}
    for i, (name, (dims, multiple)) in enumerate(graph.inputs().items()):
        size = (height, width) if dims[1] == 0 else dims[1:3]
        if height % multiple or width % multiple:
            raise SystemExit(f"{folder.name}: sizes are multiples of {multiple}")
        values = np.random.default_rng(100 + i).standard_normal((1, dims[3], *size)).astype(np.float32)
        inputs[name] = torch.from_numpy(values).double()
    given = {name: x.permute(0, 2, 3, 1).float().numpy() for name, x in inputs.items()}
    got = next(iter(graph.run(given).values()))
    with torch.no_grad():
        return relative_rms(got, reference(folder, inputs))


def parse_size(text: str) -> tuple[int, int]:
    """HEIGHTxWIDTH."""
    height, _, width = text.partition("x")
    return int(height), int(width)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--size", type=parse_size, action="append", help="HEIGHTxWIDTH; 256x256 if none is given")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    worst = 0
    for folder in args.folders:
        target = folder / "model.czw"
        import_network(folder, target)
        with Graph(target) as graph:
            graph.set("threads", args.threads)
            for height, width in args.size or [(256, 256)]:
                error = compare(folder, graph, height, width)
                limit = LIMIT_DEOLDIFY if folder.name.startswith("deoldify") else LIMIT
                worst |= error > limit
                print(f"{folder.name:20} {height:4d}x{width:<4d} relative RMS {error:.2e}  "
                      f"{'ok' if error <= limit else f'above {limit:g}'}", flush=True)
    return int(worst)


if __name__ == "__main__":
    sys.exit(main())
